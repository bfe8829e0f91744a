"""The objects that runs of `bench` left behind, found by their labels: a run that is killed cannot remove them.

The generator ends by itself after its deadline and removes its entities; Kubernetes removes an ended Job after ten minutes.
"""

from __future__ import annotations

from collections.abc import Iterable

from fogflow_k8s.actions.operation import Operation, or_if_forbidden
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.model.bench import manifests
from fogflow_k8s.model.kubernetes import Obj

KINDS = ("Job", "ConfigMap")
_GONE_S = manifests.GRACE_S + 10.0


def find(op: Operation) -> list[Obj]:
    """Jobs and ConfigMaps of all runs, with the records of their functions. Raises ClusterError."""
    selector = manifests.selector(op.release)
    return [obj for kind in KINDS for obj in op.cluster.list(kind, op.namespace, selector)]


def function_records(op: Operation) -> list[Obj]:
    """The ConfigMaps that name functions which the designer may still have. Raises ClusterError."""
    return [obj for obj in find(op) if manifests.is_function_record(obj)]


def remove(op: Operation) -> int:
    """Remove all but the records of functions, and wait until their pods have removed their entities and ended.

    The number of objects. Raises ClusterError.
    """
    found = [obj for obj in find(op) if not manifests.is_function_record(obj)]
    _delete(op, found)
    _await_pods(op)  # also without an object: a removal that was interrupted here is repeated
    return len(found)


def remove_with_release(op: Operation) -> None:
    """Remove all of them when the release is uninstalled; a missing permission only leaves them to Kubernetes. Raises ClusterError."""
    or_if_forbidden(lambda: remove_function_records(op), lambda: None)
    or_if_forbidden(lambda: remove(op), lambda: 0)


def remove_function_records(op: Operation) -> None:
    """Remove the records of functions that no longer exist. Raises ClusterError."""
    _delete(op, function_records(op))


def _delete(op: Operation, found: Iterable[Obj]) -> None:
    for obj in found:
        op.cluster.delete(str(obj["kind"]), str(obj["metadata"]["name"]), op.namespace)


def names(op: Operation) -> list[str]:
    """All of them as Kind/name; none without the permission to list them. Raises ClusterError."""
    found: list[Obj] = or_if_forbidden(lambda: find(op), list)
    return [f"{obj['kind']}/{obj['metadata']['name']}" for obj in found]


def _await_pods(op: Operation) -> None:
    selector = manifests.selector(op.release)
    try:
        wait_for(
            "the end of the load generator", lambda: op.cluster.list("Pod", op.namespace, selector), lambda pods: not pods,
            timeout_s=_GONE_S, every_s=0.5, clock=op.clock,
        )  # fmt: skip
    except WaitTimeout:
        op.report.warn(f"the pod of the load generator has not ended within {_GONE_S:g} s")
