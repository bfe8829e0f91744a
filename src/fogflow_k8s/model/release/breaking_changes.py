"""Changes that lose data: an upgrade that changes the kind of a component's workload, or removes some of its instances.

A component with several instances is a StatefulSet, one with a single instance a Deployment. `deploy` and `rollback` refuse such
a change without --force.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fogflow_k8s.model.components import BY_NAME
from fogflow_k8s.model.kubernetes import Obj, spec_of
from fogflow_k8s.model.manifests import component_of

_COUNTED = ("Deployment", "StatefulSet")


@dataclass(frozen=True)
class Loss:
    """One component whose pods an upgrade cannot keep."""

    component: str
    kind: str
    """Kind of the installed workload."""
    description: str
    advice: str
    replaced: bool
    """Whether the workload is deleted and created with another kind."""


def losses(old: Iterable[Obj], new: Iterable[Obj]) -> list[Loss]:
    """The losses of an upgrade from the old manifests to the new ones, in the order of the new ones."""
    before, after = _counted(old), _counted(new)
    return [loss for name, obj in after.items() if name in before and (loss := _loss(name, before[name], obj))]


def _counted(objects: Iterable[Obj]) -> dict[str, Obj]:
    return {component_of(obj): obj for obj in objects if obj.get("kind") in _COUNTED}


def _loss(name: str, old: Obj, new: Obj) -> Loss | None:
    kind, will, value = str(old["kind"]), str(new["kind"]), BY_NAME[name].count if name in BY_NAME else ""
    description, advice = [], []
    if kind != will:
        description.append(
            f"{name} would become a {will}, and is a {kind}: all its pods end before a new one starts, and their data is lost "
            "(the keeper restores what it has stored, and restarts all tasks)"
        )
        advice.append(f"to leave it as it is, set {value} as before")
    fewer = range(_replicas(new), _replicas(old))
    if name == "cloud-broker" and fewer:
        gone = ", ".join(f"{name}-{n}" for n in fewer)
        description.append(
            f"{name} would have {_replicas(new)} of its {_replicas(old)} shards: discovery would still send requests for an "
            f"entity of {gone} there, and updates of it would be lost without an error"
        )
        advice.append(f"delete first what is at {gone} (updateContext with updateAction DELETE)")
    return Loss(name, kind, "; ".join(description), "; ".join(advice), replaced=kind != will) if description else None


def _replicas(obj: Obj) -> int:
    return int(spec_of(obj).get("replicas", 1))
