"""One release in memory: an API server (fake_cluster.py), a helm (fake_helm.py), and a clock that only a sleep advances.

`World.at` tells what happens after so many seconds, `World.always` what happens at every sleep.
"""

import json
import threading
from contextlib import suppress
from datetime import timedelta

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.release.deploy import deploy
from fogflow_k8s.actions.release.request import Request
from fogflow_k8s.adapters.helm.client import Helm, Target
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model.diagnosis import health_report
from fogflow_k8s.model.release import lease
from tests.unit.actions.fake_cluster import BAD, HOME, NEVER, SLOW, START, Cluster, decoded, encoded
from tests.unit.actions.fake_helm import CHART, EDGE_CHART, OWN, RELEASE, SECRET, TASKS, Programs, render
from tests.unit.actions.fogflow import Clock, RecordingReporter

RIVAL = "rival@elsewhere 1234"
BEGIN_S = 1000.0  # of the clock: no clock of a machine says 0

__all__ = [
    "BAD", "CHART", "EDGE_CHART", "HOME", "NEVER", "OWN", "RELEASE", "RIVAL", "SECRET", "SLOW", "START", "TASKS",
    "World", "decoded", "encoded", "ended", "interrupt", "render", "renew",
]  # fmt: skip


class World:
    """A cluster, a helm, and what was reported."""

    def __init__(self):
        self.clock = Clock(self._tick)
        self.clock.time = BEGIN_S
        self.cluster = Cluster(self.clock)
        self.programs = Programs(self.cluster)
        self.reporter = RecordingReporter()
        self.later, self.always = [], []

    def at(self, seconds, act):
        """Let something happen once that many seconds from now have passed."""
        self.later.append((self.clock.now() + seconds, act))

    def _tick(self, clock):
        for item in [each for each in self.later if each[0] <= clock.now()]:
            self.later.remove(item)
            item[1]()
        for act in self.always:
            act()

    def op(self, **more):
        """An operation as a command begins one."""
        helm = Helm(self.programs, Target(RELEASE, HOME), version="v4.3.1")
        today = {"today": lambda: START + timedelta(seconds=self.clock.now()), "command": "fogflow-k8s deploy"}
        return Operation(helm, self.cluster, report=self.reporter, clock=self.clock, **{**today, **more})

    def deploy(self, values=None, *, op=None, **more):
        """The outcome of a deploy with these values; lines, requests and helm calls of earlier operations are forgotten."""
        self.forget()
        return deploy(op or self.op(), Request(more.pop("chart", CHART), values or {}, **{"timeout_s": 60.0, **more}))

    @property
    def passed_s(self):
        """The seconds that have passed."""
        return self.clock.now() - BEGIN_S

    def forget(self):
        """Forget the lines, requests and helm calls until now."""
        self.reporter.lines.clear()
        self.cluster.calls.clear()
        self.programs.started.clear()

    def restart_history(self):
        """Let the newest revision be the first and only one."""
        newest = self.programs.revisions[-1]
        for n in range(len(self.programs.revisions)):
            self.cluster.remove("Secret", f"sh.helm.release.v1.{RELEASE}.v{n + 1}", HOME)
        self.programs.revisions[:] = [{**newest, "revision": 1}]
        self.programs.set_status(1, newest["status"])

    def reported(self, words):
        """Whether a reported line contains these words."""
        return any(words in line for line in self.reporter.lines)

    def manifests_read(self, number):
        """How often helm was asked for the manifest of that revision by its number."""
        asked = [argv for verb, argv in self.programs.started if verb == "get-manifest" and "--revision" in argv]
        return sum(argv[argv.index("--revision") + 1] == str(number) for argv in asked)

    def object(self, kind, name, namespace=HOME):
        """An object as it is stored, or None."""
        return self.cluster.objects.get((kind, namespace, name))

    def tag(self, name, kind="Deployment"):
        """The tag of a component's image."""
        return self.object(kind, name)["spec"]["template"]["spec"]["containers"][0]["image"].rpartition(":")[2]

    def pods(self, component):
        """The names of a component's pods."""
        of = "app.kubernetes.io/component"
        pods = [o for (kind, _, _), o in self.cluster.objects.items() if kind == "Pod"]
        return {pod["metadata"]["name"] for pod in pods if pod["metadata"]["labels"][of] == component}

    @property
    def record(self):
        """The record of the release."""
        found = self.object("ConfigMap", OWN)
        return json.loads(found["data"]["record.json"]) if found else {}

    @property
    def holder(self):
        """The holder of the Lease; "" when it is free."""
        return (self.object("Lease", OWN) or {"spec": {"holderIdentity": ""}})["spec"]["holderIdentity"]

    def take_lease(self, holder=RIVAL):
        """Let another operation acquire or renew the Lease."""
        self.cluster.put(lease.manifest(OWN, HOME, holder, "fogflow-k8s restart", self.cluster.now(), 1))

    def lose_lease(self):
        """Let another operation take over the Lease of the operation in progress, which notices it at once."""
        self.take_lease()
        (thread,) = [each for each in threading.enumerate() if each.name == "lease"]
        renew(thread._target.__self__)

    def keeper(self, state="working", references=None, **members):
        """Let the keeper report that whenever time passes."""
        components = {k: {"state": v} for k, v in members.items()}
        report = {"state": state, "components": components, "references": references or {}}
        meta = {"name": health_report.name_of(RELEASE), "namespace": HOME}

        def publish():
            data = {health_report.FILE: json.dumps({**report, "updated": self.cluster.now()})}
            self.cluster.put({"kind": "ConfigMap", "metadata": meta, "data": data})

        self.always = [publish]


def renew(held):
    """Let a holder try to renew its Lease now, as its thread does every few seconds."""
    with suppress(ClusterError):
        held._renew()


def ended(outcome):
    """The result and the exit code: a refused deploy has the result `unchanged`, too."""
    return f"{outcome.result}, {outcome.exit_code}"


def interrupt():
    """Ctrl-C."""
    raise KeyboardInterrupt
