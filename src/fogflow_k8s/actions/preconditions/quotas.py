"""Whether the quotas of the release's namespaces are sufficient; checked before anything is changed, and by `check`.

What counts is what a deploy adds: the chart's objects and pods, the surge of a rolling update, and the objects that Helm and this
program make beside the chart. Hooks count in `check` only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fogflow_k8s.actions.observe.status import Installed
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model import manifests
from fogflow_k8s.model.diagnosis.catalogue import Cause, cause
from fogflow_k8s.model.kubernetes import Obj, metadata_of, spec_of
from fogflow_k8s.model.placement.quota import Demand, breaches, is_counted, surges
from fogflow_k8s.model.release.permissions import namespaces

HISTORY = 10  # revisions that Helm keeps: before it stores one more, it removes the oldest


def causes(
    op: Operation, objects: Sequence[Obj], installed: Installed | None, *, making: str | None
) -> tuple[Cause, ...]:
    """A cause for each namespace whose quotas would stop the deploy; a log line when a permission for this check is missing.

    `making`: the Secret that the deploy would make outside the chart; None if it makes none. Raises ClusterError.
    """
    try:
        found = shortfalls(op, objects, installed, making=making)
    except ClusterError as error:
        if error.status != 403:
            raise
        op.report.log("not checked whether the quotas of the namespace are sufficient: no permission to list them")
        return ()
    return tuple(
        cause(
            "FK-3010", "release", f"namespace/{namespace}", f"the quotas of namespace {namespace} are not sufficient: {lines[0]}",
            evidence=tuple(lines), kind="permanent", namespace=namespace,
        )
        for namespace, lines in found.items()
    )  # fmt: skip


def shortfalls(
    op: Operation, objects: Sequence[Obj], installed: Installed | None, *, making: str | None, hooks: Sequence[Obj] = ()
) -> dict[str, list[str]]:
    """Namespace -> the limits of its quotas that a deploy would exceed. Raises ClusterError, also for a missing permission.

    With `hooks`, also those that a hook would exceed when Helm runs it later, beside the release.
    """
    found: dict[str, list[str]] = {}
    everything = [*objects, *_beside_the_chart(op, installed, making)]
    for namespace in namespaces(everything, op.namespace):
        quotas = op.cluster.list("ResourceQuota", namespace)
        if not quotas:
            continue
        here = [o for o in everything if _where(op, o) == namespace]
        later = [o for o in hooks if _where(op, o) == namespace]
        before = [o for o in (installed.objects if installed else ()) if _where(op, o) == namespace]
        counted = [o for o in (*here, *later) if is_counted(o, quotas)]
        others = [o for o in (*here, *later) if not is_counted(o, quotas)]
        live = {**_all(others), **_live(op, counted, namespace)}
        pods = op.cluster.list("Pod", namespace, op.selector)
        ranges = op.cluster.list("LimitRange", namespace)
        demand = Demand(here, live, before, pods, ranges, surges(here, before))
        lines = breaches(quotas, demand)
        if later and not lines:
            beside = [manifests.pod_spec(o) for o in later if o.get("kind") in ("Pod", *manifests.WORKLOADS)]
            demand = replace(demand, objects=[*here, *map(_without_pods, later)], beside=beside)
            lines = [f"{line} (while helm uninstall or helm test runs a hook)" for line in breaches(quotas, demand)]
        if lines:
            found[namespace] = lines
    return found


def _without_pods(hook: Obj) -> Obj:
    """A hook without its pods: only one hook at a time has a pod."""
    return {**hook, "spec": {**spec_of(hook), "parallelism": 0, "replicas": 0}}


def _beside_the_chart(op: Operation, installed: Installed | None, making: str | None) -> list[Obj]:
    """The objects that a deploy makes outside the chart: record, Lease, Helm's Secret, and the Secret of RabbitMQ."""
    history = installed.history if installed else ()
    newest = installed.newest.number if installed else 0
    made = [("ConfigMap", op.own_name), ("Lease", op.own_name)]
    made += [("Secret", making)] if making else []
    made += [("Secret", f"sh.helm.release.v1.{op.release}.v{newest + 1}")] if len(history) < HISTORY else []
    return [{"kind": kind, "metadata": {"name": name}} for kind, name in made]


def _where(op: Operation, obj: Obj) -> str:
    """The namespace of an object; "" for cluster-wide kinds."""
    kind = str(obj.get("kind"))
    namespaced = manifests.RESOURCES[kind][2] if kind in manifests.RESOURCES else True
    return str(metadata_of(obj).get("namespace") or op.namespace) if namespaced else ""


def _live(op: Operation, objects: Sequence[Obj], namespace: str) -> dict[tuple[str, str], Obj]:
    """The objects that exist. All objects of a kind that may not be listed count as existing, so that they add nothing."""
    found: dict[tuple[str, str], Obj] = {}
    kinds = dict.fromkeys(str(o.get("kind")) for o in objects)
    for kind in [k for k in kinds if k in manifests.RESOURCES]:
        try:
            found |= {(kind, str(o["metadata"]["name"])): o for o in op.cluster.list(kind, namespace)}
        except ClusterError as error:
            if error.status not in {403, 404}:
                raise
            op.report.log(f"not checked against the quotas: objects of kind {kind} (no permission to list them)")
            found |= _all([o for o in objects if o.get("kind") == kind])
    return found


def _all(objects: Sequence[Obj]) -> dict[tuple[str, str], Obj]:
    return {(str(o.get("kind")), str(o["metadata"]["name"])): o for o in objects}
