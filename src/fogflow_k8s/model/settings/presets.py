"""Presets: a few values that fit a cluster's shape. They only fill in what nobody set. Pure.

All a preset can multiply is nginx. FogFlow's other parts keep their state in memory, and two of a kind lose data. Brokers
can be several with an identity each, but never by a preset: two of them can notify each other without end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.model.manifests import component_of, pod_spec
from fogflow_k8s.model.placement.topology import ZONE, Shape

Obj = Mapping[str, Any]
SINGLE_NODE, SMALL, HA = "single-node", "small", "ha"
NAMES = (SINGLE_NODE, SMALL, HA)
SINGLETONS = "FogFlow's other parts stay one each, by nature"
_HOSTNAME = "kubernetes.io/hostname"
_INSTANCE = "app.kubernetes.io/instance"
_MANAGED_HA = 3  # workers from which a cluster is worth `ha` whose control plane is its provider's


@dataclass(frozen=True)
class Preset:
    """The preset in force, and why it is."""

    name: str
    why: str
    shape: Shape | None = None  # None when we may not see the nodes


def choose(shape: Shape | None, *, asked: str = "", installed: str = "") -> Preset:
    """The preset: the one asked for, else that of the release that is there, else the one for the shape.

    An upgrade keeps what was chosen: a node that is away for an hour must not change how many replicas there are.
    """
    fitting = _fitting(shape)
    if asked:
        return Preset(asked, "asked for with --preset", shape)
    if installed:
        other = f"; --preset {fitting} would fit the nodes of today" if shape and fitting != installed else ""
        return Preset(installed, f"as installed{other}", shape)
    if shape is None:
        return Preset(fitting, "the nodes may not be read", None)
    return Preset(fitting, f"shape {shape.number}: {shape.says}", shape)


def values_of(preset: Preset) -> dict[str, Any]:
    """The values that the preset gives, where nobody gave one."""
    if preset.name == SINGLE_NODE:
        # what a component waits for is on the same node: it is there soon, or does not come
        return {"replicaCount": 1, "nginx": {"topologySpreadConstraints": []}, "gate": {"deadlineSeconds": 300}}
    if preset.name == SMALL:
        return {"replicaCount": 2}  # spread softly over the nodes by the chart itself
    shape = preset.shape
    keys = [_HOSTNAME, *([ZONE] if shape and shape.zones > 1 else [])]
    return {
        "replicaCount": 2 if shape and shape.meant < 3 else 3,
        "nginx": {"topologySpreadConstraints": [_spread(key) for key in keys]},
    }


def preset_in(objects: Iterable[Obj]) -> str:
    """The preset that the manifests of a release were made with, told by how nginx is spread; "" without nginx."""
    for obj in objects:
        if obj.get("kind") == "Deployment" and component_of(obj) == "nginx":
            constraints = [c for c in pod_spec(obj).get("topologySpreadConstraints") or [] if not _global(c)]
            if not constraints:
                return SINGLE_NODE
            return HA if any(c.get("matchLabelKeys") for c in constraints) else SMALL
    return ""


def _global(constraint: Obj) -> bool:
    """Whether it is about all pods of the release, so that nobody meant nginx by it."""
    return set((constraint.get("labelSelector") or {}).get("matchLabels") or ()) == {_INSTANCE}


def said(preset: Preset, replicas: int, several: Mapping[str, int] | None = None) -> str:
    """The choice in one line; `several` are components that somebody made several of."""
    count = "1 replica" if replicas == 1 else f"{replicas} replicas"
    others = "".join(f", {name} {number}" for name, number in (several or {}).items())
    return f"preset {preset.name} ({preset.why}): nginx has {count}{others}, {SINGLETONS}"


def _fitting(shape: Shape | None) -> str:
    if shape is None or not shape.workers:
        return SMALL
    if shape.number == 1:
        return SINGLE_NODE
    managed = not shape.control_planes and shape.workers >= _MANAGED_HA
    return HA if (shape.number == 4 and shape.workers > 1) or managed else SMALL


def _spread(key: str) -> dict[str, Any]:
    """Evenly over the values of a label, as far as that goes: a full or lost node must not keep a replica from running.

    The label of the revision lets a rollout spread its own pods, not those that it replaces.
    """
    return {
        "maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway", "matchLabelKeys": ["pod-template-hash"],
    }  # fmt: skip
