"""`uninstall`: list what is removed and what is kept, then stop the worker and let Helm delete the release.

The worker must stop first: it removes its tasks, and needs its Role for that, which Helm would delete before. Stored data (claims,
RabbitMQ's Secret) are kept unless the user asks to delete them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.actions import record
from fogflow_k8s.actions.bench import leftovers
from fogflow_k8s.actions.lock import hold_lease
from fogflow_k8s.actions.observe import status
from fogflow_k8s.actions.observe.absence import Absence, find_absence
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.preconditions import references, same_cluster, target_check
from fogflow_k8s.actions.release import rollout
from fogflow_k8s.adapters.helm.errors import HookFailed
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import ClusterError, Interrupted, OperationFailed
from fogflow_k8s.model import manifests
from fogflow_k8s.model.kubernetes import annotations_of, labels_of, status_of

KEEP = "helm.sh/resource-policy"
KEEPER, WORKERS = "keeper", ("cloud-worker", "edge-worker")


@dataclass(frozen=True)
class Plan:
    """What an uninstall removes and keeps, as Kind/name."""

    installed: bool
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    absence: Absence | None = None
    """What there is of FogFlow when the release does not exist."""


def plan(op: Operation, *, delete_data: bool = False) -> Plan:
    """What would be removed and kept; `installed` is False when the release does not exist."""
    found = status.installed(op)
    if found is None:
        return Plan(installed=False, absence=find_absence(op))
    removed: list[str] = []
    kept: list[str] = []
    for obj in found.objects:
        (kept if _kept(obj) and not delete_data else removed).append(_name(obj))
    own = [f"ConfigMap/{op.own_name}", f"Lease/{op.own_name}"]
    secret = op.cluster.get("Secret", references.BUS_SECRET, op.namespace)
    if secret and labels_of(secret).get("app.kubernetes.io/managed-by") == "fogflow-k8s":
        (removed if delete_data else kept).append(f"Secret/{references.BUS_SECRET}")
    tasks = status.count_tasks(op)
    if tasks:
        removed.append(f"{sum(tasks.values())} task pods in namespace {op.tasks_namespace}")
    return Plan(
        installed=True, removed=(*removed, *own, *leftovers.names(op)), kept=(*kept, f"Namespace/{op.namespace}")
    )


def uninstall(op: Operation, *, delete_data: bool, timeout_s: float) -> None:
    """Remove the release; with `delete_data` its claims and password, too. Raises Busy, Interrupted, OperationFailed."""
    found = status.installed(op)
    if found is None:
        return
    watch, begun = rollout.Stopwatch(op), False
    same_cluster.require_one_cluster(op, same_cluster.begin(op))
    try:
        with hold_lease(op) as lease:
            begun = True
            leftovers.remove_with_release(op)
            _stop_worker(op, timeout_s)
            op.report.step("helm uninstall")
            try:
                rollout.run_helm(op, op.helm.start_uninstall(timeout_s=timeout_s), watch, lease=lease)
            except (
                HookFailed
            ) as error:  # Helm stops at a failed hook; _stop_worker has done most of what the cleanup hook does
                op.report.warn(
                    f"{op.mask(error.message)}; continuing without the hook. To find orphaned tasks: fogflow-k8s doctor"
                )
                child = op.helm.start_uninstall(timeout_s=timeout_s, hooks=False)
                rollout.run_helm(op, child, watch, lease=lease)
            op.report.step("waiting until the pods are gone")
            _wait_gone(op, timeout_s)
            if delete_data:
                for obj in found.objects:
                    if _kept(obj):
                        op.cluster.delete(
                            str(obj["kind"]),
                            str(obj["metadata"]["name"]),
                            str(obj["metadata"].get("namespace") or op.namespace),
                        )
                op.cluster.delete("Secret", references.BUS_SECRET, op.namespace)
            record.forget(op)
            target_check.forget(op)
    except KeyboardInterrupt:
        state = "the uninstall is not complete" if begun else "nothing was removed"
        raise Interrupted(
            f"interrupted: {state}", hint=f"to complete it: fogflow-k8s uninstall -n {op.namespace}"
        ) from None
    op.cluster.delete("Lease", op.own_name, op.namespace)


def _stop_worker(op: Operation, timeout_s: float) -> None:
    """Stop the worker while it has its permissions, so that it removes its tasks: Helm deletes its Role first.

    The native worker only stops, so that it restarts no task; Kubernetes deletes the tasks with the ConfigMap that owns them.
    """
    kinds = (("Deployment", WORKERS[0]), ("StatefulSet", WORKERS[0]), ("Deployment", WORKERS[1]))
    found = ((kind, name, op.cluster.get(kind, name, op.namespace)) for kind, name in kinds)
    running = ((kind, name, one) for kind, name, one in found if one and status_of(one).get("replicas"))
    kind, own, worker = next(running, ("", "", {}))
    if not kind:
        return
    op.report.step("stopping the worker" + ("" if manifests.keeps_tasks(worker) else ", which removes its tasks"))
    for of, name in (("Deployment", KEEPER), (kind, own)):  # the keeper would restart the worker
        if name == own or op.cluster.get(of, name, op.namespace):
            op.cluster.apply(
                {"apiVersion": "apps/v1", "kind": of, "metadata": {"name": name, "namespace": op.namespace}, "spec": {"replicas": 0}}
            )  # fmt: skip
    selector = f"{op.selector},{manifests.COMPONENT}={own}"
    try:
        wait_for(
            "the end of the worker", lambda: op.cluster.list("Pod", op.namespace, selector), lambda pods: not pods,
            timeout_s=timeout_s, every_s=0.5, clock=op.clock,
        )  # fmt: skip
    except WaitTimeout:
        op.report.warn(
            f"the worker did not stop within {timeout_s:g} s, so tasks may remain in namespace {op.tasks_namespace}: fogflow-k8s doctor"
        )


def _wait_gone(op: Operation, timeout_s: float) -> None:
    try:
        wait_for(
            "the pods' end", lambda: op.cluster.list("Pod", op.namespace, op.selector), lambda pods: not pods,
            timeout_s=timeout_s, every_s=0.5, clock=op.clock,
        )  # fmt: skip
    except WaitTimeout as error:
        pods = error.last if isinstance(error.last, list) else []
        names = ", ".join(str(p["metadata"]["name"]) for p in pods)
        raise OperationFailed(
            f"the release is uninstalled, but these pods are not gone yet: {names}",
            hint=f"kubectl -n {op.namespace} get pods",
            exit_code=30,
        ) from error
    except ClusterError as error:
        if error.status != 404:
            raise


def _kept(obj: Mapping[str, Any]) -> bool:
    return annotations_of(obj).get(KEEP) == "keep"


def _name(obj: Mapping[str, Any]) -> str:
    return f"{obj['kind']}/{obj['metadata']['name']}"
