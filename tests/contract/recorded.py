"""Replays recordings of FogFlow's own programs against the fakes: asks the same, and compares what is answered and told."""

import http.client
import json
import os
import re
import subprocess
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.go_tools import built
from tests.ports import free_port, is_open
from tests.waiting import until

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "recorded"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MOMENT = re.compile(r"20\d\d-\d\d-\d\dT[\d:.]+Z")
_SUBSCRIBER = re.compile(r"http://10\.89\.2\.1:\d{4,}")
_QUIET_S = 0.15
_PATIENCE_S = 30.0  # a hang guard: on a busy machine other programs have something to do first
"""So long nothing may come where nothing came."""


def recording(program):
    return json.loads((FOLDER / f"{program}.json").read_text(encoding="utf-8"))


class Programs:
    """Fakes as processes of this machine; `answers` of a subscriber outside (the last one stays)."""

    def __init__(self, folder, *, rabbit=5672, heartbeat=5, capacity=10, env=None):
        self.folder, self.processes, self.env = Path(folder), {}, env or {}
        names = ("discovery", "broker", "broker1", "agent", "master", "designer", "web")
        self.ports = {name: free_port() for name in names}
        self.rabbit, self.heartbeat, self.capacity = rabbit, heartbeat, capacity
        self.programs = built(ROOT / "tests/fakes", "./discovery", "./broker", "./master", "./designer", "./worker")
        self.subscriber = Subscriber()

    def start(self, *names, **env):
        for name in names:
            program, _, number = re.fullmatch(r"([a-z]+)((\d*))", name).groups()
            file = self.folder / f"{name}.json"
            file.write_text(json.dumps(self.config(name)), encoding="utf-8")
            argv = [str(self.programs / program), "-f", str(file), "-i", number or "0"]
            public = {"FAKE_PUBLIC_FOLDER": str(self.folder / "public")}
            log = (self.folder / f"{name}.log").open("ab")
            with log:
                self.processes[name] = subprocess.Popen(
                    argv, env={**os.environ, **public, **self.env, **env}, stderr=log
                )
            if name != "worker":
                until(lambda n=name: is_open(self.ports[n]), f"{name} listens", every=0.02)

    def config(self, name):
        here = "127.0.0.1"
        broker = self.ports[name if name.startswith("broker") else "broker"]
        return {
            "site_id": "001", "my_hostip": here,
            "discovery": {"host_ip": here, "http_port": self.ports["discovery"]},
            "broker": {"host_ip": here, "http_port": broker, "heartbeat_interval": self.heartbeat},
            "master": {"host_ip": here, "ngsi_agent_port": self.ports["agent"], "rest_api_port": self.ports["master"]},
            "worker": {"app_namespace": "tasks", "capacity": self.capacity, "heartbeat_interval": 10, "detection_duration": 6},
            "designer": {"host_ip": here, "webSrvPort": self.ports["designer"]},
            "rabbitmq": {"host_ip": here, "port": self.rabbit, "username": "fogflow", "password": "local-only"},
        }  # fmt: skip

    def url(self, name):
        return f"http://127.0.0.1:{self.ports[name]}"

    def call(self, name, method, path, body=None, headers=None):
        """The status, the headers, and the body: as an object when it is JSON."""
        port = self.subscriber.port if name == "the subscriber" else self.ports[name]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            data = None if body is None else body if isinstance(body, str) else json.dumps(body)
            connection.request(method, path, data, headers or {})
            answer = connection.getresponse()
            text = answer.read().decode()
            found = {key.lower(): value for key, value in answer.getheaders()}
            return answer.status, found, read(text)
        finally:
            connection.close()

    def kill(self, name):
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self):
        for name in list(self.processes):
            self.kill(name)
        self.subscriber.close()


def read(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


class Subscriber:
    """Hears notifications. Answers with the next of `answers` (status, body), or with the default."""

    def __init__(self, port=0, default=(200, {})):
        self.heard, self.answers, self.default = deque(), deque(), default
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                headers = {key.lower(): value for key, value in self.headers.items()}
                status, body = outer.answers.popleft() if outer.answers else outer.default
                outer.heard.append({"path": self.path, "headers": headers, "body": read(text), "at": time.monotonic()})
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

            def handle_error(self, request, client_address):
                """Who is killed hangs up."""

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Replay:
    """One scenario against one set of programs; `ids` are the recorded ids and what they are here."""

    def __init__(self, programs, *, silent=True):
        self.programs, self.ids, self.silent, self.wrong = programs, {}, silent, []

    def run(self, entries):
        """Ask all, and list what was answered or told in another way than recorded."""
        left = deque(entries)
        while left:
            entry = left.popleft()
            if "request" in entry and entry["request"]["to"] != "the subscriber":
                self._ask(entry)
                expected = []
                while left and left[0].get("request", {}).get("to") == "the subscriber":
                    expected.append(left.popleft())
                self._hear(entry["name"], expected)
            elif "no notification" in entry["name"]:
                time.sleep(_QUIET_S)
        if self.silent:
            time.sleep(_QUIET_S)
            self.wrong += [f"nobody expected {heard}" for heard in self.programs.subscriber.heard]
        assert not self.wrong, "\n\n".join(self.wrong)

    def here(self, value):
        """A recorded value with the ids and addresses of this run."""
        text = json.dumps(value)
        for recorded, actual in self.ids.items():
            text = text.replace(recorded, actual)
        text = _SUBSCRIBER.sub(self.programs.subscriber.url, text)
        for name, host in (("broker", "cloud-broker"), ("master", "master"), ("agent", "master")):
            port = {"broker": 8070, "master": 8010, "agent": 1060}[name]
            text = text.replace(f"http://{host}.fogflow.svc.cluster.local:{port}", self.programs.url(name))
        return json.loads(text)

    def _ask(self, entry):
        request, response = self.here(entry["request"]), entry["response"]
        where = {"10.162.204.62:1060": "agent"}.get(request["to"], request["to"])
        send = request["method"], request["path"], request.get("body"), request.get("headers")
        status, headers, body = self.programs.call(where, *send)
        reads = send[0] == "GET" and not send[1].endswith("able")  # GET .../enable does something
        end = time.monotonic() + _PATIENCE_S
        while reads and not self._same(response["body"], body) and time.monotonic() < end:
            time.sleep(0.02)  # another program may have something to do with it first
            status, headers, body = self.programs.call(where, *send)
        said = f"{entry['name']}: {request['method']} {request['path']}"
        if status != response["status"]:
            self.wrong.append(f"{said}: {status} {body}, recorded {response['status']} {response['body']}")
        for name, value in (response.get("headers") or {}).items():
            if headers.get(name.lower()) != value:
                self.wrong.append(f"{said}: header {name} is {headers.get(name.lower())}, recorded {value}")
        if not self._same(response["body"], body):
            self.wrong.append(f"{said}:\n  here     {plain(body)}\n  recorded {plain(self.here(response['body']))}")

    def _same(self, recorded, actual):
        self._learn(recorded, actual)
        return plain(self.here(recorded)) == plain(actual)

    def _learn(self, recorded, actual):
        """Ids that the program made up, by where they stand."""
        if isinstance(recorded, dict) and isinstance(actual, dict):
            for key in [key for key in recorded if _UUID.fullmatch(key) and key not in self.ids]:
                same = [
                    k for k in actual if k not in self.ids.values() and self._like(recorded[key], actual[k], key, k)
                ]
                if same:
                    self.ids[key] = same[0]
            for key in recorded.keys() & actual.keys():
                self._learn(recorded[key], actual[key])
        elif isinstance(recorded, list) and isinstance(actual, list):
            for one, other in zip(recorded, actual, strict=False):
                self._learn(one, other)
        elif isinstance(recorded, str) and isinstance(actual, str) and _UUID.search(recorded) and _UUID.search(actual):
            self.ids.setdefault(_UUID.search(recorded)[0], _UUID.search(actual)[0])

    def _like(self, recorded, actual, *ids):
        """What is listed under two ids, which may stand in it, too."""
        return plain(self.here(recorded)) == json.loads(json.dumps(plain(actual)).replace(ids[1], ids[0]))

    def _hear(self, said, expected):
        """All that was told after a request, in any order: each is told by a goroutine of its own."""
        for entry in expected:
            self.programs.subscriber.default = (entry["response"]["status"], entry["response"]["body"])
        wanted = [self._told(entry["request"]) for entry in expected]
        heard = self.programs.subscriber.heard
        end = time.monotonic() + _PATIENCE_S
        while wanted and time.monotonic() < end:
            for one in list(heard):
                shape = self._told({**one, "headers": one["headers"]})
                if shape in wanted:
                    wanted.remove(shape)
                    heard.remove(one)
            time.sleep(0.01)
        if wanted:
            self.wrong.append(f"{said}: not told {wanted}; told {[self._told(one) for one in heard]}")
            heard.clear()

    def _told(self, request):
        headers = {key.lower(): value for key, value in request["headers"].items()}
        kept = {key: headers.get(key) for key in ("user-agent", "content-type", "link", "ngsild-tenant")}
        return plain(self.here({"path": request["path"], "headers": kept, "body": request.get("body")}))


def plain(value):
    """Comparable: moments are alike, and lists are sets where the originals walk through maps."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return sorted((plain(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
    return "(a moment)" if isinstance(value, str) and _MOMENT.fullmatch(value) else value
