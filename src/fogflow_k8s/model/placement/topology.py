"""The topology of a cluster: how many control-plane nodes and workers it has, which determines the preset.

Input are the cluster's nodes and the tolerations of FogFlow's pods. A control-plane node without a taint counts as a worker, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fogflow_k8s.model.kubernetes import Obj, labels_of
from fogflow_k8s.model.listed import listed
from fogflow_k8s.model.placement.node_fit import PASSING, name, taints, takes_pods, tolerated

ZONE = "topology.kubernetes.io/zone"
_ROLES = (
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/master",  # kubeadm's before 1.24
    "node-role.kubernetes.io/controlplane",  # RKE's
    "node.kubernetes.io/microk8s-controlplane",
)
_NAMED = 3  # nodes that are not counted: this many are named


@dataclass(frozen=True)
class Topology:
    """The nodes that matter for FogFlow's pods.

    `number`: 1 = control plane and worker on one node, 2 = one control-plane node and one worker, 3 = one and many,
    4 = many and many; 0 = no node takes pods at present.
    """

    number: int
    control_planes: int  # by role, ready or not; 0 when a provider runs them outside the cluster
    workers: int  # nodes that accept the pods now
    meant: int  # nodes for the pods, including those that are not ready or cordoned
    zones: int  # different zones among them, as far as they are labelled
    description: str


def topology_of(nodes: Sequence[Obj], tolerations: Sequence[Obj] = ()) -> Topology:
    """The topology, for pods with these tolerations.

    A worker is a node of any role that is Ready and not cordoned and whose taints the pods tolerate. Taints that Kubernetes
    sets for the state of a node are ignored.
    """
    planes = [n for n in nodes if is_control_plane(n)]
    meant = [n for n in nodes if all(_acceptable(t, tolerations) for t in taints(n))]
    usable = [n for n in meant if not takes_pods(n)]
    only_workers = [n for n in usable if not is_control_plane(n)]
    number = _number(len(nodes), len(planes), len(usable), len(only_workers))
    zones = {labels_of(n)[ZONE] for n in meant if labels_of(n).get(ZONE)}
    description = _describe(number, len(planes), len(usable), len(only_workers)) + _left_out(
        [n for n in meant if takes_pods(n)]
    )
    return Topology(number, len(planes), len(usable), len(meant), len(zones), description)


def is_control_plane(node: Obj) -> bool:
    """Whether the node has the role of a control plane."""
    return any(role in labels_of(node) for role in _ROLES)


def _acceptable(taint: Obj, tolerations: Sequence[Obj]) -> bool:
    return str(taint.get("key")).startswith(PASSING) or tolerated(taint, tolerations)


def _number(nodes: int, planes: int, usable: int, only_workers: int) -> int:
    if not usable:
        return 0
    if planes > 1:
        return 4
    if nodes == 1 or (planes and not only_workers):
        return 1
    return 2 if (only_workers if planes else usable) == 1 else 3


def _describe(number: int, planes: int, usable: int, only_workers: int) -> str:
    if number == 0:
        return "no node takes pods"
    if number == 1:
        return "one node is control plane and worker"
    too = usable - only_workers
    workers = _count(only_workers, "worker node") if only_workers else "no node for pods alone"
    also = f" ({_count(too, 'control-plane node')} {'takes' if too == 1 else 'take'} pods, too)" if too else ""
    if not planes:
        return f"{workers}, and a control plane that is not among the nodes"
    return f"{_count(planes, 'control-plane node')} and {workers}{also}"


def _left_out(nodes: Sequence[Obj]) -> str:
    if not nodes:
        return ""
    return f"; not counted: {listed([f'{name(n)} {takes_pods(n)}' for n in nodes], _NAMED)}"


def _count(number: int, noun: str) -> str:
    return f"one {noun}" if number == 1 else f"{number} {noun}s"
