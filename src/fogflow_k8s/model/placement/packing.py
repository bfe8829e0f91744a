"""Whether a set of pods fits on the nodes, computed with first-fit decreasing and the scheduler's mandatory rules.

Free is what a node has minus the requests of the pods that run there now. The result has a node for each pod that fits, and for
every other pod the reason of each node. Rules that it does not evaluate (pod affinity, unbound volumes) count as satisfied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fogflow_k8s.model.kubernetes import Obj, labels_of, spec_of, status_of
from fogflow_k8s.model.placement.node_fit import in_terms, matches, name, why_not
from fogflow_k8s.model.quantities import Amounts, amounts, format_amount, lacking, plus, requests_of

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


@dataclass(frozen=True, eq=False)
class BoundClaim:
    """A claim whose volume is available on some nodes only: `where` is the volume's node selector."""

    claim: str
    where: Obj


@dataclass(frozen=True, eq=False)
class Pod:
    """A pod that needs a node."""

    component: str
    object: str  # the workload, like deployment/nginx
    spec: Obj
    labels: Mapping[str, str] = field(default_factory=dict)
    volumes: tuple[BoundClaim, ...] = ()

    @cached_property
    def needs(self) -> Amounts:
        """The amounts that the scheduler reserves for it."""
        return requests_of(self.spec)


@dataclass
class Room:
    """A node and its free amounts."""

    node: Obj
    free: Amounts
    placed: list[Pod] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The node's name."""
        return name(self.node)


@dataclass(frozen=True)
class UnschedulablePod:
    """A pod that fits on no node, and the reason for each node."""

    pod: Pod
    why: tuple[tuple[str, str], ...]
    beside: int = 0  # pods that were placed before it


@dataclass(frozen=True)
class Packing:
    """The node of each pod (in the order of the given pods), and the pods that fit on no node."""

    places: tuple[tuple[Pod, str], ...]
    unschedulable: tuple[UnschedulablePod, ...]


def rooms_of(nodes: Sequence[Obj], running: Iterable[Obj]) -> list[Room]:
    """The free amounts of each node, given the pods that run there; ended pods use nothing."""
    taken: dict[str, list[Amounts]] = {}
    for pod in running:
        where = str(spec_of(pod).get("nodeName") or "")
        if where and status_of(pod).get("phase") not in ("Succeeded", "Failed"):
            taken.setdefault(where, []).append(requests_of(pod["spec"]))
    rooms = []
    for node in nodes:
        has = amounts(status_of(node).get("allocatable"))
        used = plus(*taken.get(name(node), []))
        rooms.append(Room(node, {key: has[key] - used.get(key, 0) for key in has}))
    return rooms


def pack(pods: Sequence[Pod], rooms: Sequence[Room]) -> Packing:
    """Place the pods with as few unschedulable ones as possible.

    It tries three orders of the nodes, because no order is best in all cases: as given, fullest first, emptiest first.
    """
    barred = _barred(pods, rooms)
    orders: tuple[Callable[[Room], Any] | None, ...] = (None, _free_share, lambda room: -_free_share(room))
    best: Packing | None = None
    for order in orders:
        tried = _attempt(pods, [Room(r.node, dict(r.free)) for r in rooms], barred, order)
        if best is None or len(tried.unschedulable) < len(best.unschedulable):
            best = tried
        if not best.unschedulable:
            break
    return best or Packing((), ())


def why_none(pod: Pod, room: Room, rooms: Sequence[Room], barred: str = "") -> str:
    """Why the pod does not fit on the node, given the pods already placed; "" when it fits. `barred`: the result of why_barred."""
    return barred or _no_room(pod, room) or _kept_apart(pod, room, rooms) or _uneven(pod, room, rooms)


def why_barred(pod: Pod, node: Obj) -> str:
    """Why the pod may not run on the node even if it were empty; "" when it may."""
    if reason := why_not(pod.spec, node):
        return reason
    away = next((bound.claim for bound in pod.volumes if not in_terms(bound.where, node)), "")
    return f"cannot reach the volume of claim {away}" if away else ""


def _barred(pods: Sequence[Pod], rooms: Sequence[Room]) -> dict[tuple[int, str], str]:
    """The result of why_barred by specification and node, computed once for all replicas of a workload."""
    specs = {id(pod.spec): pod for pod in pods}
    return {(key, room.name): why_barred(pod, room.node) for key, pod in specs.items() for room in rooms}


def _attempt(
    pods: Sequence[Pod],
    rooms: list[Room],
    barred: Mapping[tuple[int, str], str],
    order: Callable[[Room], Any] | None,
) -> Packing:
    """First fit: pods with the fewest possible nodes first, then the largest."""
    choice = {key: sum(not barred[key, r.name] for r in rooms) for key in {id(p.spec) for p in pods}}
    sizes = {id(p.spec): _size(p.needs, rooms) for p in pods}
    ordered = sorted(range(len(pods)), key=lambda i: (choice[id(pods[i].spec)], -sizes[id(pods[i].spec)], i))
    places: dict[int, str] = {}
    unschedulable = []
    for i in ordered:
        pod = pods[i]
        tried = sorted(rooms, key=order) if order else rooms
        reasons = {}
        for room in tried:
            reason = why_none(pod, room, rooms, barred[id(pod.spec), room.name])
            if not reason:
                _place(pod, room)
                places[i] = room.name
                break
            reasons[room.name] = reason
        else:
            unschedulable.append(UnschedulablePod(pod, tuple((r.name, reasons[r.name]) for r in rooms), len(places)))
    return Packing(tuple((pods[i], places[i]) for i in sorted(places)), tuple(unschedulable))


def _place(pod: Pod, room: Room) -> None:
    needs = pod.needs
    room.free = {key: amount - needs.get(key, 0) for key, amount in room.free.items()}
    room.placed.append(pod)


def _size(needs: Amounts, rooms: Sequence[Room]) -> float:
    """The pod's largest share of the free amount of any resource on any node."""
    most = {key: max((r.free.get(key, 0) for r in rooms), default=0) for key in needs}
    return max(
        (float(needs[key] / most[key]) if most[key] > 0 else float("inf") for key in needs if needs[key]), default=0
    )


def _free_share(room: Room) -> float:
    """The free CPU and memory of a node as one number."""
    return float(room.free.get("cpu", 0)) + float(room.free.get("memory", 0)) / 2**32  # a core counts as much as 4 GiB


def _no_room(pod: Pod, room: Room) -> str:
    needs = pod.needs
    short = lacking(room.free, needs)
    if not short:
        return ""
    if short[0] == "pods":
        return "no pod slot left"
    free = room.free.get(short[0])
    if free is None:
        return f"has no {short[0]}"
    return f"{format_amount(short[0], free, up=False)} free, {format_amount(short[0], needs[short[0]]).split(' ')[0]} needed"


def _kept_apart(pod: Pod, room: Room, rooms: Sequence[Room]) -> str:
    """The reason from required anti-affinity between this pod and those already placed, in both directions."""
    for other_room in rooms:
        for other in other_room.placed:
            for mine, theirs in ((pod, other), (other, pod)):
                for term in _anti_affinity(mine.spec):
                    key = str(term.get("topologyKey"))
                    here, there = labels_of(room.node).get(key), labels_of(other_room.node).get(key)
                    if here is not None and here == there and matches(term.get("labelSelector"), theirs.labels):
                        return f"{other.component} is there, and anti-affinity keeps them apart"
    return ""


def _anti_affinity(spec: Obj) -> Sequence[Obj]:
    return ((spec.get("affinity") or {}).get("podAntiAffinity") or {}).get(_REQUIRED) or []


def _uneven(pod: Pod, room: Room, rooms: Sequence[Room]) -> str:
    """The reason from a required topology spread: the domain would have over maxSkew pods more than the emptiest one.

    Only domains that the pod may use are counted, so that the rule is never stricter than the scheduler's.
    """
    for constraint in pod.spec.get("topologySpreadConstraints") or []:
        if constraint.get("whenUnsatisfiable") != "DoNotSchedule":
            continue
        key, selector = str(constraint.get("topologyKey")), constraint.get("labelSelector")
        if (mine := labels_of(room.node).get(key)) is None:
            return f"no label {key}, over which the pods are spread"
        counts: dict[str, int] = {}
        for each in rooms:
            domain = labels_of(each.node).get(key)
            if domain is not None and not why_barred(pod, each.node):
                counts[domain] = counts.get(domain, 0) + sum(matches(selector, p.labels) for p in each.placed)
        if (
            counts.get(mine, 0) + matches(selector, pod.labels) - min(counts.values(), default=0)
            > constraint["maxSkew"]
        ):
            return f"one more there would make the spread over {key} uneven"
    return ""
