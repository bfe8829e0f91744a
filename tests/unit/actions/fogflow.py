"""A FogFlow of one process: designer and broker over HTTP, a master and worker that turn functions into Deployments.

The cluster is a fake behind its seam; kubectl is a script that says where a port is forwarded to.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters.helm.client import Target
from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl
from fogflow_k8s.model.task.observed import group_key
from tests.unit.model.tasks import deployment, ours, pod


class Clock:
    """A clock that advances only when its sleep is called."""

    def __init__(self, at_sleep=lambda _: None):
        self.time, self.at_sleep = 0.0, at_sleep

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds
        self.at_sleep(self)


class RecordingReporter:
    """A Reporter that keeps its lines."""

    def __init__(self):
        self.lines = []

    def step(self, text):
        self.lines.append(text)

    log = warn = step

    def progress(self, text, done, total):
        self.lines.append(f"{text} {done}/{total}")

    def verdicts(self, now, causes=()):
        pass


class FogFlow:
    """What the original does, as far as an action can see it. `state`: what becomes of every task."""

    def __init__(self, *, makes=True, ready=True, publishes=True, removes=True, state="running", reason=""):
        self.makes, self.ready, self.publishes, self.removes = makes, ready, publishes, removes
        self.state, self.reason = state, reason
        self.functions, self.operators, self.entities, self.intents = {}, {}, {}, {}
        self.calls, self.refuse, self.extra, self.installed = [], {}, [], True

    def tasks(self):
        """The Deployments that there should be now, and their outputs published."""
        found = list(self.extra)
        for name, function in self.functions.items():
            if not function["topology"]["tasks"]:
                continue
            (task,) = function["topology"]["tasks"]
            kind = task["input_streams"][0]["selected_type"]
            inputs = [e["entityId"]["id"] for e in self.entities.values() if e["entityId"]["type"] == kind]
            found += [self._task(name, task, id_) for id_ in inputs if self.makes]
        return found

    def _task(self, name, task, entity):
        key = group_key(entity)
        made = ours(f"Task.{name}.main.{key}", self.state, ready=self.ready, reason=self.reason, topology=name)
        note = json.loads(made["metadata"]["annotations"]["fogflow-k8s.io/task"])
        note["Outputs"] = [
            {"Type": o["entity_type"], "StreamID": f"{o['entity_type']}.{key}.1"} for o in task["output_streams"]
        ]
        made["metadata"]["annotations"]["fogflow-k8s.io/task"] = json.dumps(note)
        if self.ready and self.publishes:
            for output in note["Outputs"]:
                identity = {"id": output["StreamID"], "type": output["Type"]}
                value = [{"name": "count", "type": "integer", "value": 7}]
                self.entities.setdefault(identity["id"], {"entityId": identity, "attributes": value})
        return made

    def answer(self, method, path, body):
        """Status and document."""
        self.calls.append(f"{method} {path}")
        if status := self.refuse.get(f"{method} {path}"):
            return status, {"error": "so it is"}
        root, _, name = path.strip("/").partition("/")
        stores = {"operator": self.operators, "fogfunction": self.functions, "intent": self.intents}
        if root in stores and method == "POST":
            stores[root].update({each["name"]: each for each in body})
            return 200, None
        if root in stores and method == "GET":
            return 200, stores[root]
        if root in stores and method == "DELETE":
            used = any(name == t["operator"] for f in self.functions.values() for t in f["topology"]["tasks"])
            if root == "operator" and used:
                return 501, None
            gone = stores[root].pop(name, None)
            if root == "fogfunction" and not self.removes:
                self.extra += [self._task(name, gone["topology"]["tasks"][0], "left")]
            return (200 if gone else 404), None
        return self._broker(name, body)

    def _broker(self, verb, body):
        if verb == "updateContext":
            if len(body["contextElements"]) != 1:  # the real broker's goroutines share one loop variable
                return 500, {"error": "one element per request: the real broker would end"}
            for element in body["contextElements"]:
                id_ = element["entityId"]["id"]
                self.entities.pop(id_, None) if body["updateAction"] == "DELETE" else self.entities.update(
                    {id_: element}
                )
            return 200, {"errorCode": {"code": 200}}
        wanted = [(e.get("id"), e["type"]) for e in body["entities"]]
        found = [
            e
            for e in self.entities.values()
            for id_, kind in wanted
            if e["entityId"]["type"] == kind and id_ in {None, e["entityId"]["id"]}
        ]
        return 200, {"contextResponses": [{"contextElement": e} for e in found]}


class Cluster:
    """Behind the Cluster seam."""

    context, server, uid, version = "test", "https://test", "1", "v1.37.0"

    def __init__(self, fog):
        self.fog, self.asked, self.nodes, self.config_maps = fog, [], [], {}

    def create(self, obj):
        self.config_maps[obj["metadata"]["name"]] = obj

    def delete(self, kind, name, namespace):
        del kind, namespace
        del self.config_maps[name]

    def list(self, kind, namespace="", selector="", fields=""):
        del fields
        self.asked.append((kind, namespace))
        if kind == "ConfigMap":
            wanted = dict(each.split("=") for each in selector.split(",") if "=" in each)
            stored = self.config_maps.values()
            return [obj for obj in stored if wanted and wanted.items() <= obj["metadata"]["labels"].items()]
        objects = {
            "Deployment": self.fog.tasks,
            "Pod": lambda: [pod(t) for t in self.fog.tasks()],
            "Node": lambda: self.nodes,
        }
        return objects.get(kind, list)()

    def labels(self, kind, namespace, selector=""):
        del kind, namespace, selector
        return [{"version": "1", "status": "deployed"}] if self.fog.installed else []


def operation(fog, **more):
    """An operation on that FogFlow's cluster."""
    helm = SimpleNamespace(target=Target("fogflow", "fogflow"))
    return Operation(helm, Cluster(fog), report=RecordingReporter(), clock=more.pop("clock", None) or Clock(), **more)


def serving(fog):
    """A server that answers for it, designer and broker on one port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, document = fog.answer(self.command, self.path, body)
            content = b"OK" if document is None else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self):
            self.do_GET()

        def do_DELETE(self):
            self.do_GET()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def kubectl(folder, port):
    """A program that forwards every port to that one, as long as it lives."""
    script = folder / "kubectl"
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {folder}/said\necho "Forwarding from 127.0.0.1:{port} -> 80"\nexec sleep 60\n'
    )
    script.chmod(0o755)
    return Kubectl(str(script), "fogflow")


__all__ = ["Clock", "FogFlow", "deployment", "kubectl", "operation", "serving"]
