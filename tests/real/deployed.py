"""FogFlow seen from outside: what a user of FogFlow would notice, asked without the keeper's help.

This machine has routes to pods and Services of a sandbox, so the tests ask the members directly.
"""

import contextlib
import json
import os
import re
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from fogflow_k8s.model.diagnosis.pod_status import condition
from fogflow_k8s.model.urls import in_url
from tests.scope import ALL
from tests.waiting import until

FUNCTION = {"name": "f1", "task": "count", "image": "docker.io/fogflow/operator:3.2.8", "input": "Temperature",
            "output": "Count"}  # fmt: skip
DEVICES = ("T1", "T2", "T3")
SETTLE_S = 8.0 if ALL else 3.0
"""How long FogFlow must work without a break to be called recovered: longer where the figure is recorded."""
SNAPSHOT_S = 3.0  # the keeper looks every 2 s when all is calm
OURS = "fogflow-k8s/worker"
"""In the name of the image of our own worker."""


class FogFlow:
    """A release with one function, three devices, three tasks, and a subscriber outside the cluster."""

    def __init__(self, box, namespace, subscriber):
        self.box, self.namespace, self.subscriber = box, namespace, subscriber
        services = {s["metadata"]["name"]: s["spec"] for s in self.get("services")["items"]}
        self.address = {name: spec["clusterIP"] for name, spec in services.items()}
        images = [
            c["image"]
            for d in self.get("deployments,statefulsets")["items"]
            for c in d["spec"]["template"]["spec"]["containers"]
        ]
        self.ours = any(OURS in image for image in images)
        settings = json.loads(self.get("configmap", "cloud-worker-config")["data"]["config.json"])
        self.site, worker = settings["site_id"], "fogflow-k8s.Worker" if self.ours else "Worker"
        self.queues = {f"Master.{self.site}", "fogflow-designer", f"{worker}.{self.site}"}

    def get(self, *words):
        return self.box.get("-n", self.namespace, *words)

    def settle(self):
        """Wait until it works, the keeper says so, and everything is in the keeper's snapshot."""
        until(lambda: not self.ails(), "it works", 240)
        until(lambda: self.report().get("state") == "working", "the keeper is content", 240)
        time.sleep(SNAPSHOT_S)

    def url(self, name, port, path):
        return f"http://{in_url(self.address[name])}:{port}{path}"

    def populate(self):
        """One function and its three tasks, and what must not be lost: registrations and a subscription from outside."""
        call("POST", self.url("nginx", 80, "/fogfunction"), FUNCTION)
        for device in DEVICES:
            self.update(device, 0)
        body = {"entities": [{"type": "Temperature", "isPattern": True, "id": ".*"}], "reference": self.subscriber.url}
        call("POST", self.url("nginx", 80, "/ngsi10/subscribeContext"), body)

    def update(self, device, value, kind="Temperature"):
        element = {
            "entityId": {"id": device, "type": kind},
            "attributes": [{"name": "t", "type": "integer", "value": value}],
        }
        body = {"contextElements": [element], "updateAction": "UPDATE"}
        call("POST", self.url("nginx", 80, "/ngsi10/updateContext"), body)

    def tasks(self, function=""):
        """Task ids of the running task pods, sorted; None while one is on its way in or out. Of one function, when it is named."""
        found = []
        for pod in self.box.get("pods", "-n", f"{self.namespace}-tasks")["items"]:
            if function and not task_of(pod).startswith(f"Task.{function}."):
                continue
            ready = is_ready(pod)
            leaving = "deletionTimestamp" in pod["metadata"]
            if leaving and not ready:
                continue  # it has ended, or its node was lost and nobody can end it
            if leaving or not ready:
                return None
            found.append(task_of(pod))
        return sorted(found)

    def consumers(self):
        text = raw(self.url("rabbitmq", 15692, "/metrics/detailed?family=queue_consumer_count"))
        found = re.findall(r'rabbitmq_detailed_queue_consumers\{[^}]*queue="([^"]+)"[^}]*\} (\d+)', text)
        return {queue: int(count) for queue, count in found}

    def ails(self):
        """What does not work, in one line; empty when everything does. Proof, not health: new values arrive everywhere."""
        try:
            consumers = self.consumers()
            if any(consumers.get(queue) != 1 for queue in self.queues):
                return f"consumers {consumers}"
            if f"Worker.{self.site}" not in call("GET", self.url("master", 8010, "/workers")):
                return "the master does not list the worker"
            if not call("GET", self.url("discovery", 8090, "/ngsi9/broker")):
                return "discovery does not list the broker"
            if len(self.tasks() or ()) != len(DEVICES):
                return f"tasks {self.tasks()}"
            value = time.monotonic_ns()
            before = {e["entityId"]["id"]: e for e in self.entities() if e["entityId"]["type"] == "Count"}
            for device in DEVICES:
                self.update(device, value)
            self.subscriber.wait(value, len(DEVICES))
            end = time.monotonic() + 3
            while time.monotonic() < end:
                after = {e["entityId"]["id"]: e for e in self.entities() if e["entityId"]["type"] == "Count"}
                if len(after) == len(DEVICES) and all(after[key] != before.get(key) for key in after):
                    return ""
                time.sleep(0.05)
        except (OSError, ValueError, LookupError) as error:
            return f"{type(error).__name__}: {error}"
        return "a task does not publish"

    def entities(self):
        return call("GET", self.url("cloud-broker", 8070, "/ngsi10/entity"))

    def report(self):
        maps = self.get("configmap", "fogflow-health")
        return json.loads(maps.get("data", {}).get("health.json", "{}"))

    def pods(self, name):
        found = self.get("pods", "-l", f"app.kubernetes.io/name={name}")["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def identities(self):
        """uid and restarts of every pod of the release, by component."""
        found = {}
        for pod in self.get("pods")["items"]:
            if "deletionTimestamp" not in pod["metadata"]:
                counts = [c["restartCount"] for c in pod["status"].get("containerStatuses", [])]
                found.setdefault(pod["metadata"]["labels"]["app.kubernetes.io/name"], set()).add(
                    (pod["metadata"]["uid"], *counts)
                )
        return found

    def assert_no_orphan(self):
        """Nothing of the tasks is left, nor anything of the release but what it says it keeps."""
        left = self.box.get("all", "-n", f"{self.namespace}-tasks")["items"] + self.get("all")["items"]
        names = [
            f"{one['kind']} {one['metadata']['name']}" for one in left if "deletionTimestamp" not in one["metadata"]
        ]
        assert names == []

    def recover(self, seconds=300, settle=SETTLE_S):
        """Seconds until FogFlow works, and goes on working: a repair that is still to come would interrupt it again.

        `seconds` is a hang guard. A failure tells what still ails.
        """
        start = well_since = time.monotonic()
        while time.monotonic() - well_since < settle:
            if what := self.ails():
                assert time.monotonic() - start < seconds, f"{what}\n{json.dumps(self.report(), indent=1)[:3000]}"
                well_since = time.monotonic()
            time.sleep(0.3)
        return well_since - start


def is_ready(obj):
    """Whether Kubernetes calls this pod, or node, ready."""
    return condition(obj, "Ready") == "True"


def task_of(pod):
    """The id of the task that a task pod runs."""
    admin = next(e["value"] for e in pod["spec"]["containers"][0]["env"] if e["name"] == "adminCfg")
    return next(c["correlatorID"] for c in json.loads(admin) if c["command"] == "SET_CORRELATORID")


def processes(pod):
    """The processes of a pod's own containers as this machine sees them; the pause process is not one of them."""
    uid, found = pod["metadata"]["uid"], []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            ours = entry.name.isdecimal() and f"pod{uid}/" in (entry / "cgroup").read_text()
            if ours and b"/pause" not in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


def hit(pod, number):
    """A signal to every process of a pod's containers: SIGKILL as the OOM killer does, SIGSTOP as a hang."""
    pids = processes(pod)
    assert pids, "the pod has no process"
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return pids


def let_go(pids):
    """Let stopped processes go on, where they still are."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def server_at(address):
    """The class of an HTTP server at an address of either family."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return type("Server", (ThreadingHTTPServer,), {"address_family": family})


class Subscriber:
    """An application outside the cluster that the broker notifies."""

    def __init__(self, address):
        self.values, self.changed = [], threading.Condition()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer.changed:
                    outer.values += outer.read(self.path, self.headers, body)
                    outer.changed.notify_all()
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = server_at(address)((address, 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://{in_url(address)}:{self.server.server_address[1]}"

    def read(self, path, headers, body):  # noqa: ARG002 - the other protocols look at them
        """The values in one notification of NGSIv1; a subclass reads another protocol."""
        elements = [response["contextElement"] for response in body["contextResponses"]]
        return [a["value"] for element in elements for a in element.get("attributes", [])]

    def wait(self, value, count, seconds=3):
        """Until `value` has come that often. Raises TimeoutError, which is an OSError."""
        with self.changed:
            if not self.changed.wait_for(lambda: self.values.count(value) >= count, seconds):
                raise TimeoutError(f"the subscriber outside heard {self.values.count(value)} of {count}")

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def call(method, url, body=None, timeout=5, headers=None):
    text = raw(url, method, None if body is None else json.dumps(body).encode(), timeout, headers)
    return json.loads(text) if text else None


def raw(url, method="GET", data=None, timeout=5, headers=None):
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return answer.read().decode()


def memory_mib(pods):
    """Of all processes of these pods, as far as they can be read."""
    pages = 0
    for pid in (pid for pod in pods for pid in processes(pod)):
        with contextlib.suppress(OSError):
            pages += int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20
