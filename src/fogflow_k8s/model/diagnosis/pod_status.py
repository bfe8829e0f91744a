"""Parts of a pod's status that several rules read. Every part of the object may be missing."""

from __future__ import annotations

from fogflow_k8s.model.diagnosis.catalogue import Cause, Kind, cause
from fogflow_k8s.model.kubernetes import Obj, spec_of, status_of


def condition(obj: Obj, kind: str) -> str:
    """The status (True, False, Unknown) of a condition of a pod or node; "" without that condition."""
    conditions = status_of(obj).get("conditions") or []
    return next((str(c.get("status")) for c in conditions if c.get("type") == kind), "")


def is_away(node: Obj) -> bool:
    """Whether a node is known not to be ready."""
    return condition(node, "Ready") not in {"True", ""}


def node_of(pod: Obj) -> str:
    """The name of its node; "" while it has none."""
    return str(spec_of(pod).get("nodeName") or "")


def statuses(pod: Obj) -> list[tuple[bool, Obj]]:
    """The status of every container in the order of their start, each with whether it is an init container."""
    status = status_of(pod)
    inits = [(True, c) for c in status.get("initContainerStatuses") or []]
    return inits + [(False, c) for c in status.get("containerStatuses") or []]


def has_started(pod: Obj) -> bool:
    """Whether any of its containers ever ran, so that volumes and network were set up."""
    states = [{**(c.get("lastState") or {}), **(c.get("state") or {})} for _, c in statuses(pod)]
    return any("running" in s or "terminated" in s for s in states)


def container_spec(pod: Obj, name: str) -> Obj:
    """The specification of the container of that name; empty when the pod has none."""
    spec = spec_of(pod)
    every = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    return next((c for c in every if c.get("name") == name), {})


def pod_cause(
    id_: str,
    pod: Obj,
    component: str,
    what: str,
    *,
    container: str = "",
    evidence: tuple[str, ...] = (),
    kind: Kind | None = None,
    **names: str,
) -> Cause:
    """The catalogue's entry `id_` for this pod; `what` follows the component's name in the summary."""
    metadata = pod["metadata"]
    names = {"namespace": str(metadata.get("namespace", "")), "pod": str(metadata["name"]), **names}
    if node := node_of(pod):
        names["node"] = node
    return cause(
        id_,
        component,
        f"pod/{metadata['name']}",
        f"{component}: {what}",
        evidence=evidence,
        kind=kind,
        container=container,
        **names,
    )
