"""What an upgrade would do to a component that is several, or would be: another kind, or fewer of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fogflow_k8s.model.components import BY_NAME
from fogflow_k8s.model.kubernetes import Obj, spec_of
from fogflow_k8s.model.manifests import component_of

_COUNTED = ("Deployment", "StatefulSet")


@dataclass(frozen=True)
class Loss:
    """One component whose old pods cannot go on as they are."""

    component: str
    kind: str
    """Of the workload that is installed."""
    says: str
    advice: str
    replaced: bool
    """The old workload goes, and another of its name comes."""


def losses(old: Iterable[Obj], new: Iterable[Obj]) -> list[Loss]:
    """What an upgrade of these manifests to those would lose, in the order of the new ones."""
    before, after = _counted(old), _counted(new)
    return [loss for name, obj in after.items() if name in before and (loss := _loss(name, before[name], obj))]


def _counted(objects: Iterable[Obj]) -> dict[str, Obj]:
    return {component_of(obj): obj for obj in objects if obj.get("kind") in _COUNTED}


def _loss(name: str, old: Obj, new: Obj) -> Loss | None:
    kind, will, value = str(old["kind"]), str(new["kind"]), BY_NAME[name].count if name in BY_NAME else ""
    says, advice = [], []
    if kind != will:
        says.append(
            f"{name} would become a {will}, and is a {kind}: all its pods end before a new one starts, and what they hold goes "
            "with them (the keeper puts back what it keeps, and starts all tasks anew)"
        )
        advice.append(f"to leave it as it is, set {value} as before")
    fewer = range(_replicas(new), _replicas(old))
    if name == "cloud-broker" and fewer:
        gone = ", ".join(f"{name}-{n}" for n in fewer)
        says.append(
            f"{name} would have {_replicas(new)} of its {_replicas(old)} shards: discovery would still send whoever asks for an "
            f"entity of {gone} there, and updates of it would be lost without a word"
        )
        advice.append(f"delete first what is at {gone} (updateContext with updateAction DELETE)")
    return Loss(name, kind, "; ".join(says), "; ".join(advice), replaced=kind != will) if says else None


def _replicas(obj: Obj) -> int:
    return int(spec_of(obj).get("replicas", 1))
