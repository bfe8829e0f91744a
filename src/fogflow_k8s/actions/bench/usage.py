"""Sampling what the release's pods use during a run: from metrics.k8s.io, else from the kubelets through the API server.

A cluster without metrics-server, or a user who may read neither, gives "missing" with the reason; the run goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model import manifests
from fogflow_k8s.model.bench.resources import Resources, Source, Usage, summarised
from fogflow_k8s.model.kubernetes import Obj, labels_of
from fogflow_k8s.model.quantities import quantity

EVERY_S = 5.0


@dataclass
class Sampler:
    """Reads the usage every few seconds, when `tick` is called."""

    op: Operation
    release: Sequence[Obj]
    source: Source = "metrics.k8s.io"
    why_missing: str = ""
    _observations: list[tuple[float, list[Usage]]] = field(default_factory=list)
    _begin_s: float | None = None
    _next_s: float = 0.0

    def tick(self) -> None:
        """Read once if it is time; an API that does not answer is not asked again."""
        if self.source == "missing" or self.op.clock.now() < self._next_s:
            return
        now = self.op.clock.now()
        self._begin_s = now if self._begin_s is None else self._begin_s
        self._next_s = now + EVERY_S
        try:
            self._observations.append((now - self._begin_s, list(self._read())))
        except ClusterError as error:
            self.source, self.why_missing = _next_source(self.source), error.message

    def result(self) -> Resources:
        """The usage of all observations."""
        if not self._observations:
            return Resources("missing", (), self.why_missing or "the run was too short to read it")
        return summarised(self.source, self._observations, self._limits())

    def _read(self) -> Iterator[Usage]:
        pods = {
            str(pod["metadata"]["name"]): pod
            for pod in self.op.cluster.list("Pod", self.op.namespace, self.op.selector)
        }
        yield from self._from_metrics(pods) if self.source == "metrics.k8s.io" else self._from_kubelets(pods)

    def _from_metrics(self, pods: Mapping[str, Obj]) -> Iterator[Usage]:
        found = self.op.cluster.list("PodMetrics", self.op.namespace)
        if not found:
            raise ClusterError("metrics.k8s.io has no figures of this namespace", status=404)
        for each in found:
            name = str(each["metadata"]["name"])
            if name in pods:
                used = [container["usage"] for container in each.get("containers") or []]
                yield _usage(
                    pods[name],
                    sum(float(quantity(u["cpu"])) for u in used),
                    sum(float(quantity(u["memory"])) for u in used),
                )

    def _from_kubelets(self, pods: Mapping[str, Obj]) -> Iterator[Usage]:
        nodes = {str(pod["spec"]["nodeName"]) for pod in pods.values() if pod["spec"].get("nodeName")}
        for node in sorted(nodes):
            # the kubelet's summary is a subresource of the node: /api/v1/nodes/NAME/proxy/stats/summary
            summary = self.op.cluster.get("Node", f"{node}/proxy/stats/summary") or {}
            for each in summary.get("pods") or []:
                reference: Mapping[str, Any] = each["podRef"]
                if reference["namespace"] == self.op.namespace and reference["name"] in pods:
                    cpu = (each.get("cpu") or {}).get("usageNanoCores") or 0
                    memory = (each.get("memory") or {}).get("workingSetBytes") or 0
                    yield _usage(pods[reference["name"]], cpu / 1e9, float(memory))

    def _limits(self) -> dict[str, tuple[float | None, float | None]]:
        found: dict[str, tuple[float | None, float | None]] = {}
        for component, spec in manifests.pod_specs(self.release).items():
            count = manifests.replicas(self.release, component)
            limits = [
                (container.get("resources") or {}).get("limits") or {} for container in spec.get("containers") or []
            ]
            cpu, memory = (_total([each.get(key) for each in limits], count) for key in ("cpu", "memory"))
            found[component] = (cpu, memory)
        return found


def _next_source(source: Source) -> Source:
    return "kubelet" if source == "metrics.k8s.io" else "missing"


def _usage(pod: Obj, cpu: float, memory: float) -> Usage:
    return Usage(labels_of(pod).get(manifests.COMPONENT, "?"), str(pod["metadata"]["name"]), cpu, memory)


def _total(amounts: Sequence[object], count: int) -> float | None:
    """The sum of all containers times the number of pods; None when a container has no limit."""
    if not amounts or any(each is None for each in amounts):
        return None
    return float(sum(quantity(each) for each in amounts)) * count
