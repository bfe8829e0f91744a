"""The fake of the worker does what the recorded messages ask for, and says the recorded words of it."""

import json
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.contract.recorded import plain
from tests.contract.recorded_bus import BUS, STEPS, WORKER_JOIN, alike
from tests.descriptors import links_of
from tests.waiting import until

BUDGET_S = 30


class Kubernetes(ThreadingHTTPServer):
    """Takes Deployments and Services, and says yes; `made` and `gone` are the paths."""

    daemon_threads = True

    def __init__(self):
        self.made, self.gone = [], []
        super().__init__(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _any(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        (self.server.gone if self.command == "DELETE" else self.server.made).append(self.path)
        data = json.dumps({"spec": {"clusterIP": "127.0.0.1"}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_DELETE = _any  # noqa: N815 - the names that http.server wants

    def log_message(self, *_):
        pass


@pytest.fixture
def kubernetes():
    it = Kubernetes()
    yield it
    it.shutdown()
    it.server_close()


def informed(message):
    """Ports and addresses are made up by each run."""
    body = alike(message)
    info = body["PayLoad"].get("Info", "")
    parts = [part.split("=")[0] for part in info.split("; ")]
    return {**body, "PayLoad": {**body["PayLoad"], "Info": parts}}


def test_the_worker_says_what_was_recorded(programs, bus, kubernetes):
    programs.start("discovery", "broker")
    programs.start("worker", FAKE_KUBERNETES=kubernetes.url)
    until(lambda: bus.of("WORKER_JOIN"), "it joined")
    assert alike(bus.of("WORKER_JOIN")[0]).keys() == plain(WORKER_JOIN).keys()
    assert bus.of("WORKER_JOIN")[0]["body"]["PayLoad"].keys() == WORKER_JOIN["PayLoad"].keys()
    words = ("TASK_UPDATE", "TASK_INFO")
    for step in (
        "first entity appears",
        "second entity",
        "second entity deleted",
        "function with groupby ALL, first entity",
    ):
        title = f"[upstream] tasks: {step}"
        bus.heard.clear()
        for message in STEPS[title]:
            if message["body"]["From"] == "Master.001":
                bus.tell(message["body"])
        wanted = [informed(m) for m in STEPS[title] if m["body"]["Type"] in words]
        until(lambda wanted=wanted: len(bus.of(*words)) == len(wanted), step)
        assert [informed(m) for m in bus.of(*words)] == wanted
    assert len(kubernetes.made) == 6
    assert len(kubernetes.gone) == 2
    told = programs.call("broker", "GET", "/ngsi10/subscription")[2].values()
    assert {s["entities"][0]["id"] for s in told} == {"T.1", "A.1"}
    bus.tell(next(m["body"] for m in BUS["messages"] if m["body"]["Type"] == "ADD_INPUT"))
    until(lambda: len(programs.call("broker", "GET", "/ngsi10/subscription")[2]) == 3, "one input more")
    bus.tell(next(m["body"] for m in BUS["messages"] if m["body"]["Type"] == "REMOVE_INPUT"))
    until(lambda: len(programs.call("broker", "GET", "/ngsi10/subscription")[2]) == 2, "one input less")
    add = next(m["body"] for m in STEPS["[upstream] tasks: first entity appears"] if m["body"]["Type"] == "ADD_TASK")
    bus.heard.clear()
    bus.tell(add)
    until(lambda: len(kubernetes.made) == 8, "what it is told twice it starts twice")
    until(lambda: bus.of("TASK_INFO"), "it has noted what it started, and ends it later")
    bus.heard.clear()
    programs.processes["worker"].terminate()
    programs.processes["worker"].wait(10)
    until(lambda: len(bus.of("WORKER_LEAVE")) == 1, "it left")
    assert len(kubernetes.gone) == 2 + 4, "the first of the doubled ones stays"


def connections(process):
    found = subprocess.run(["ss", "-Htnp", "state", "established"], capture_output=True, text=True, check=False).stdout
    if found:
        return found.count(f"pid={process.pid},")
    return sum("socket" in link for link in links_of(process.pid))


def test_a_worker_of_some_builds_opens_one_more_connection_at_every_heartbeat(programs, bus, kubernetes):
    programs.start("worker", FAKE_KUBERNETES=kubernetes.url, FAKE_LEAKS_CONNECTIONS="1", FAKE_HEARTBEAT_S="0.2")
    until(lambda: bus.of("WORKER_HEARTBEAT"), "it beats")
    before = connections(programs.processes["worker"])
    until(lambda: connections(programs.processes["worker"]) >= before + 3, "it leaks")
