"""The generator's pod in memory: as soon as the Job exists, its pod runs and prints lines, one more each second."""

import json

from fogflow_k8s.model.bench import manifests
from fogflow_k8s.model.bench.evaluation import evaluate, notifications
from fogflow_k8s.model.bench.step import Step, to_json
from tests.unit.actions.world import HOME
from tests.unit.model.bench.server import hits

IMAGE = "registry.example/bench:1"


def step(rate=50, *, count=None, told=None):
    """A step of two seconds with a latency of 20 ms, as the generator prints it."""
    figures = evaluate(hits(rate, 2 * rate if count is None else count), rate, 2)
    return to_json(Step(rate, 2, figures, told and notifications(figures, rate, told, subscribers=1, late_s=1.0)))


PROGRESS = {
    "progress": {"rate": 50, "sent": 50, "failed": 0, "p50": 0.02, "p99": 0.021, "elapsed_s": 1.0, "duration_s": 2}
}
USUAL = ({"log": "preparing 100 entities"}, PROGRESS, {"result": [step()]})


class Generator:
    """Follows the Jobs of a world. `pod_status` replaces the state of the pod, `dies` ends it after its last line."""

    def __init__(self, world, *lines, pod_status=None):
        self.world, self.lines, self.pod_status = world, lines or USUAL, pod_status
        self.jobs, self.plans, self.printed, self.pod = [], [], [], ""
        world.always.append(self.tick)
        for name in ("cloud-broker", "discovery", "nginx"):
            labels = {"app.kubernetes.io/instance": "fogflow"}
            world.cluster.put({"kind": "Service", "metadata": {"name": name, "namespace": HOME, "labels": labels}, "spec": {"ports": [{"name": "http", "port": 8070}]}})  # fmt: skip

    def tick(self):
        """What has changed after a sleep."""
        jobs = [o for (kind, _, _), o in self.world.cluster.objects.items() if kind == "Job" and manifests.RUN_LABEL in o["metadata"]["labels"]]  # fmt: skip
        name = jobs[0]["metadata"]["name"] if jobs else ""
        if self.pod and name != self.pod:
            self.world.cluster.remove("Pod", self.pod, HOME)
        if jobs and name != self.pod:
            self.jobs.append(jobs[0])
            (config_map,) = [
                o for (kind, _, own), o in self.world.cluster.objects.items() if kind == "ConfigMap" and own == name
            ]
            self.plans.append(json.loads(config_map["data"][manifests.PLAN_KEY]))
            self.printed = []
        self.pod = name
        if not jobs:
            return
        if len(self.printed) < len(self.lines):
            self.printed.append(json.dumps(self.lines[len(self.printed)]))
        ended = len(self.printed) == len(self.lines)
        status = self.pod_status or {"phase": "Succeeded" if ended else "Running"}
        template = self.jobs[-1]["spec"]["template"]
        meta = {"name": name, "namespace": HOME, **template["metadata"]}
        self.world.cluster.put({"kind": "Pod", "metadata": meta, "spec": template["spec"], "status": status})
        self.world.cluster.log = "".join(
            f"2026-03-04T12:00:{n:02}.000000000Z {line}\n" for n, line in enumerate(self.printed)
        )

    def left(self):
        """The objects of runs that exist."""
        return sorted((kind, name) for (kind, _, name), o in self.world.cluster.objects.items() if manifests.RUN_LABEL in (o["metadata"].get("labels") or {}))  # fmt: skip
