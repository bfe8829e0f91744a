"""`restart`: restart components in the order that FogFlow needs, and wait until it works again.

A component starts after those that it connects to. Master, upstream worker and designer lose state when one of them restarts:
the keeper then makes an ordered restart of the others, which brings every task back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fogflow_k8s.actions.lock import hold_lease
from fogflow_k8s.actions.observe import status, track
from fogflow_k8s.actions.observe.status import Report
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import Interrupted, OperationFailed, UsageError
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
"""Seconds after the new pods are ready from which the keeper's report counts: an earlier one may describe the old pods."""
_AT = "kubectl.kubernetes.io/restartedAt"


def restart(op: Operation, names: Sequence[str], *, timeout_s: float, wait: bool = True) -> tuple[Report, track.End]:
    """Restart the named components (all without a name), one after the other, and wait until FogFlow works.

    With a keeper, FogFlow works when the keeper reports it, SETTLED_S after all pods are ready. Without `wait`, the function
    returns when the named components have new pods.

    Where a keeper runs, only the first of master, upstream worker and designer is restarted: the keeper then restarts the
    others. The native worker keeps its tasks and is restarted like any other component. Raises NotInstalled, UsageError, Busy, Interrupted, OperationFailed.
    """
    found = status.installed(op)
    if found is None:
        raise status.not_installed(op)
    workloads = {manifests.component_of(o): o for o in found.expected}
    _require(names, workloads)
    begun: list[str] = []
    try:
        with hold_lease(op) as lease:
            restart_in_order(op, names, workloads, timeout_s=timeout_s, keep_on=lease.check, begun=begun)
            if not wait:
                seen = track.observe(op, found.expected, margin_s=SETTLED_S)
                return status.report(op, found.newest, seen, found.objects), "advancing"
            op.report.step("waiting until every component is ready and FogFlow works")
            tracked = track.track(op, found.expected, timeout_s=timeout_s, margin_s=SETTLED_S)
    except KeyboardInterrupt:
        raise _interrupted(op, _chosen_of(op, names, workloads), begun) from None
    return status.report(op, found.newest, tracked.assessment, found.objects), tracked.end


def _interrupted(op: Operation, chosen: Sequence[str], begun: Sequence[str]) -> Interrupted:
    """The error for Ctrl-C: which components were restarted, and how to continue with the others."""
    left = [name for name in chosen if name not in begun]
    state = (
        f"{', '.join(begun)} restarted, and the restart continues in the cluster" if begun else "nothing was restarted"
    )
    state += f"; not restarted: {', '.join(left)}" if begun and left else ""
    rest = f"fogflow-k8s restart {' '.join(left)} -n {op.namespace}" if left else ""
    wait = f"fogflow-k8s status --wait -n {op.namespace}"
    return Interrupted(f"interrupted: {state}", hint=f"to continue: {rest}" if rest else f"to wait for it: {wait}")


def restart_in_order(
    op: Operation,
    names: Sequence[str],
    workloads: Mapping[str, Any],
    *,
    timeout_s: float,
    keep_on: Callable[[], None],
    begun: list[str] | None = None,
) -> None:
    """Restart the named workloads (all without a name), one after the other. Raises OperationFailed.

    `keep_on` is called before each restart and may raise to stop: another operation may have taken the Lease over. The name
    of each workload is appended to `begun` before its restart.
    """
    for name in _chosen_of(op, names, workloads):
        keep_on()
        if begun is not None:
            begun.append(name)
        op.report.step(f"restarting {name}")
        try:
            _restart(op, workloads[name], timeout_s)
        except WaitTimeout as error:
            raise OperationFailed(
                f"{name} was restarted but is not ready: {error}", hint=f"fogflow-k8s status -n {op.namespace}", exit_code=30
            ) from error  # fmt: skip


def _require(names: Sequence[str], workloads: Mapping[str, Any]) -> None:
    for name in names:
        if name not in workloads:
            raise UsageError(
                f"the release has no component {name!r}",
                hint=suggestion(name, workloads, f"it has {', '.join(workloads)}"),
            )


def _chosen_of(op: Operation, names: Sequence[str], workloads: Mapping[str, Any]) -> list[str]:
    """The workloads to restart, in order."""
    return _chosen(names, workloads, kept="keeper" in workloads and not op.simulated)


def _chosen(names: Sequence[str], workloads: Mapping[str, Any], *, kept: bool) -> list[str]:
    wanted = [name for name in _ORDER if name in workloads and (name in names or not names)]
    if kept:
        followers = [name for name in wanted if name in _FOLLOW and not manifests.keeps_tasks(workloads[name])][1:]
        wanted = [name for name in wanted if name not in followers]
    return wanted


def _restart(op: Operation, workload: Mapping[str, Any], timeout_s: float) -> None:
    kind, name = str(workload["kind"]), str(workload["metadata"]["name"])
    if _rolls(workload):  # Kubernetes starts the new pods first, so that no request is lost
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
        return len(fresh) == len(pods) >= wanted and track.observe(op, [workload]).ready

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
