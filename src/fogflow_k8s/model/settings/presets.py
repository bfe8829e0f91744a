"""Presets: a few values that fit a cluster's topology. They apply only to keys that the user did not set. Pure.

nginx is the only component that a preset replicates. FogFlow's other components keep their state in memory, and two with one
identity lose data. Several brokers are possible, each with its own identity, but a preset never sets their number, because
two of them can notify each other endlessly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.manifests import component_of, pod_spec
from fogflow_k8s.model.placement.topology import ZONE, Topology

SINGLE_NODE, SMALL, HA = "single-node", "small", "ha"
NAMES = (SINGLE_NODE, SMALL, HA)
SINGLETONS = "FogFlow's other components have one instance each"
_HOSTNAME = "kubernetes.io/hostname"
_INSTANCE = "app.kubernetes.io/instance"
_MANAGED_HA = 3  # `ha` fits a cluster with a managed control plane from this number of workers


@dataclass(frozen=True)
class Preset:
    """The preset in use, and the reason for it."""

    name: str
    why: str
    topology: Topology | None = None  # None when the user may not read the nodes


def choose(topology: Topology | None, *, asked: str | None = None, installed: str | None = None) -> Preset:
    """The preset that the user requested, else that of the installed release, else the one for the cluster's topology.

    An upgrade keeps the installed preset: a node that is away for an hour must not change the number of replicas.
    """
    fitting = _fitting(topology)
    if asked:
        return Preset(asked, "requested with --preset", topology)
    if installed:
        other = f"; --preset {fitting} would fit the current nodes" if topology and fitting != installed else ""
        return Preset(installed, f"as installed{other}", topology)
    if topology is None:
        return Preset(fitting, "no permission to read the nodes", None)
    return Preset(fitting, f"topology {topology.number}: {topology.description}", topology)


def values_of(preset: Preset) -> dict[str, Any]:
    """The preset's values, which apply where the user set none."""
    if preset.name == SINGLE_NODE:
        # a component waits for components on the same node, which start soon or not at all
        return {"replicaCount": 1, "nginx": {"topologySpreadConstraints": []}, "bootstrap": {"deadlineSeconds": 300}}
    if preset.name == SMALL:
        return {"replicaCount": 2}  # the chart itself spreads nginx over the nodes if possible
    topology = preset.topology
    keys = [_HOSTNAME, *([ZONE] if topology and topology.zones > 1 else [])]
    return {
        "replicaCount": 2 if topology and topology.meant < 3 else 3,
        "nginx": {"topologySpreadConstraints": [_spread(key) for key in keys]},
    }


def preset_in(objects: Iterable[Obj]) -> str:
    """The preset of a release's manifests, derived from nginx's topology spread constraints; "" without nginx."""
    for obj in objects:
        if obj.get("kind") == "Deployment" and component_of(obj) == "nginx":
            constraints = [c for c in pod_spec(obj).get("topologySpreadConstraints") or [] if not _global(c)]
            if not constraints:
                return SINGLE_NODE
            return HA if any(c.get("matchLabelKeys") for c in constraints) else SMALL
    return ""


def _global(constraint: Obj) -> bool:
    """Whether the constraint selects all pods of the release, so that it is a global one and not nginx's own."""
    return set((constraint.get("labelSelector") or {}).get("matchLabels") or ()) == {_INSTANCE}


def describe(preset: Preset, replicas: int, replicated: Mapping[str, int] | None = None) -> str:
    """The choice in one line; `replicated` maps each component with several instances to their number."""
    count = "1 replica" if replicas == 1 else f"{replicas} replicas"
    others = "".join(f", {name} {number}" for name, number in (replicated or {}).items())
    return f"preset {preset.name} ({preset.why}): nginx has {count}{others}, {SINGLETONS}"


def _fitting(topology: Topology | None) -> str:
    if topology is None or not topology.workers:
        return SMALL
    if topology.number == 1:
        return SINGLE_NODE
    managed = not topology.control_planes and topology.workers >= _MANAGED_HA
    return HA if (topology.number == 4 and topology.workers > 1) or managed else SMALL


def _spread(key: str) -> dict[str, Any]:
    """A constraint that spreads pods over the values of a node label if possible; a full or lost node does not block a replica.

    matchLabelKeys makes a rollout spread its own pods, independently of those that it replaces.
    """
    return {
        "maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway", "matchLabelKeys": ["pod-template-hash"],
    }  # fmt: skip
