"""Restart components in the order that FogFlow needs, and wait until it works again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fogflow_k8s.actions.lock import held
from fogflow_k8s.actions.observe import status, track
from fogflow_k8s.actions.observe.status import Report
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import OperationFailed, UsageError
from fogflow_k8s.model import manifests
from fogflow_k8s.model.kubernetes import spec_of
from fogflow_k8s.model.suggestions import suggestion

_ORDER = (
    "rabbitmq",
    "discovery",
    "cloud-broker",
    "master",
    "cloud-worker",
    "designer",
    "nginx",
    "dgraph",
    "edge-broker",
    "edge-worker",
    "keeper",
)
_FOLLOW = ("master", "cloud-worker", "designer")
SETTLED_S = 6.0
"""After the new pods are ready, before the keeper's "working" counts: until it has seen whom they replaced, it tells of before."""
_AT = "kubectl.kubernetes.io/restartedAt"


def restart(op: Operation, names: Sequence[str], *, timeout_s: float, wait: bool = True) -> tuple[Report, track.End]:
    """Restart the named components (all when none is), one after the other, each in its own way; wait for FogFlow.

    With a keeper that is until it reports, some seconds after all pods are ready, that FogFlow works: tasks run, each once.
    Without `wait` it ends with the new pods of the named ones.

    Master, worker and designer hang together: after one of them the keeper restarts the others in the order that brings
    every task back, so of these only the first is restarted by us where a keeper runs. A worker that keeps its tasks is
    restarted like any other component. Raises NotInstalled, UsageError, Busy, OperationFailed.
    """
    found = status.installed(op)
    if found is None:
        raise status.absent(op)
    workloads = {manifests.component_of(o): o for o in found.expected}
    _require(names, workloads)
    with held(op) as lease:
        in_order(op, names, workloads, timeout_s=timeout_s, keep_on=lease.check)
        if not wait:
            return status.report(
                op, found.newest, track.glance(op, found.expected, margin_s=SETTLED_S), found.objects
            ), "advancing"
        op.report.step("waiting until every component is ready and FogFlow works")
        tracked = track.track(op, found.expected, timeout_s=timeout_s, margin_s=SETTLED_S)
    return status.report(op, found.newest, tracked.assessment, found.objects), tracked.end


def in_order(
    op: Operation, names: Sequence[str], workloads: Mapping[str, Any], *, timeout_s: float, keep_on: Callable[[], None]
) -> None:
    """Restart those of the workloads that are named (all when none is), one after the other. Raises OperationFailed.

    `keep_on` is called before each and may raise to end it all: the Lease may be somebody else's by then.
    """
    for name in _chosen(names, workloads, kept="keeper" in workloads and not op.simulated):
        keep_on()
        op.report.step(f"restarting {name}")
        try:
            _restart(op, workloads[name], timeout_s)
        except WaitTimeout as error:
            raise OperationFailed(
                f"{name} was restarted and is not ready: {error}", hint=f"fogflow-k8s status -n {op.namespace}", exit_code=30
            ) from error  # fmt: skip


def _require(names: Sequence[str], workloads: Mapping[str, Any]) -> None:
    for name in names:
        if name not in workloads:
            raise UsageError(
                f"the release has no component {name!r}",
                hint=suggestion(name, workloads, f"it has {', '.join(workloads)}"),
            )


def _chosen(names: Sequence[str], workloads: Mapping[str, Any], *, kept: bool) -> list[str]:
    wanted = [name for name in _ORDER if name in workloads and (name in names or not names)]
    if kept:
        followers = [name for name in wanted if name in _FOLLOW and not manifests.keeps_tasks(workloads[name])][1:]
        wanted = [name for name in wanted if name not in followers]
    return wanted


def _restart(op: Operation, workload: Mapping[str, Any], timeout_s: float) -> None:
    kind, name = str(workload["kind"]), str(workload["metadata"]["name"])
    if _rolls(workload):  # no request may be lost: let Kubernetes put the new pods first
        stamp = {"metadata": {"annotations": {_AT: op.today().isoformat(timespec="seconds")}}}
        patch = {"apiVersion": workload["apiVersion"], "kind": kind, "spec": {"template": stamp}}
        op.cluster.apply(
            {**patch, "metadata": {"name": name, "namespace": op.namespace}}, manager="fogflow-k8s-restart"
        )
        return
    selector = f"{op.selector},{manifests.COMPONENT}={manifests.component_of(workload)}"
    old = {str(pod["metadata"]["uid"]) for pod in op.cluster.list("Pod", op.namespace, selector)}
    wanted = int(spec_of(workload).get("replicas", 1))
    for pod in op.cluster.list("Pod", op.namespace, selector):
        op.cluster.delete("Pod", str(pod["metadata"]["name"]), op.namespace)

    def replaced() -> bool:
        pods = op.cluster.list("Pod", op.namespace, selector)
        fresh = [pod for pod in pods if pod["metadata"]["uid"] not in old]
        return len(fresh) == len(pods) >= wanted and track.glance(op, [workload]).ready

    wait_for(
        f"{name}'s new pods" if wanted > 1 else f"{name}'s new pod",
        replaced,
        bool,
        timeout_s=timeout_s,
        every_s=0.5,
        clock=op.clock,
    )


def _rolls(workload: Mapping[str, Any]) -> bool:
    spec = spec_of(workload)
    return (spec.get("strategy") or {}).get("type") == "RollingUpdate"
