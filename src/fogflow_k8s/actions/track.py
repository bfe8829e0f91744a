"""Waiting for a release: look, judge, and stop when it works, when it is hopeless, or when time is up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from fogflow_k8s.actions.diagnose import diagnosed
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model import cell
from fogflow_k8s.model.assessment import Assessment, Seen, assess
from fogflow_k8s.model.cell import Cell
from fogflow_k8s.model.manifests import component_of
from fogflow_k8s.model.podfacts import condition, node_of
from fogflow_k8s.model.pods import may_be_lost
from fogflow_k8s.model.scheduling import is_unscheduled

End = Literal["ready", "hopeless", "deadline", "advancing"]
EVERY_S = 1.0
SETTLE_S = 3.0  # a fatal cause must be seen that long: a kubelet may still hold the words of the pod before

KEEPER_S = 30.0  # for its first word after the pods are ready
ADVANCING_S = 20.0  # a component that changed that recently is on its way
_NO_REAL_CAUSE = ("FK-3008", "FK-5005", "FK-5011", "FK-5014", "FK-6001")
"""Still starting, or waiting for one that is, or for a node that is on its way."""


@dataclass(frozen=True)
class Tracked:
    """How the waiting ended, and the last look."""

    end: End
    assessment: Assessment


def look(op: Operation, expected: Sequence[Mapping[str, Any]], *, margin_s: float = 0.0) -> Seen:
    """Everything of the release as the API server shows it now; `margin_s` as in cell.read. Raises ClusterError."""
    kinds = {str(o["kind"]) for o in expected} | {"Deployment"}
    owned = [o for kind in sorted(kinds) for o in op.cluster.list(kind, op.namespace, op.selector)]
    sets = op.cluster.list("ReplicaSet", op.namespace, op.selector)
    pods = op.cluster.list("Pod", op.namespace, op.selector)
    calm = all(condition(p, "Ready") == "True" for p in pods)
    events = [] if calm and pods else op.cluster.list("Event", op.namespace)
    nodes = _nodes(op, pods)
    return Seen(owned, sets, pods, events, nodes, _cell(op, expected, pods, margin_s), op.namespace)


def glance(op: Operation, expected: Sequence[Mapping[str, Any]], *, margin_s: float = 0.0) -> Assessment:
    """The state of the workloads as of now. Raises ClusterError."""
    return _masked(op, assess(expected, look(op, expected, margin_s=margin_s)))


def track(
    op: Operation,
    expected: Sequence[Mapping[str, Any]],
    *,
    timeout_s: float,
    keep_on: Callable[[], None] = lambda: None,
    margin_s: float = 0.0,
) -> Tracked:
    """Wait until every expected workload is ready and FogFlow works, a fatal cause persists, or the deadline passes.

    A keeper that says nothing is waited for half a minute after the pods; the state is then `unverified`.

    Time in which nothing but image pulls is under way does not count, up to `timeout_s` again. `keep_on` is called at
    each look and may raise to end the wait. The keeper's report has to be `margin_s` younger than the pods. Ctrl-C comes through as KeyboardInterrupt.
    """
    start = op.clock.now()
    pulled_s, last_look, hopeless_since = 0.0, start, None
    changed_at, before = start, None
    ready_since: float | None = None

    def observe() -> Assessment:
        nonlocal pulled_s, last_look, hopeless_since, changed_at, before, ready_since
        keep_on()
        now = op.clock.now()
        result = glance(op, expected, margin_s=margin_s)
        if result.pulling and not result.hopeless:
            pulled_s += now - last_look
        last_look = now
        if result.components != before:
            changed_at, before = now, result.components
        hopeless_since = (hopeless_since or now) if result.hopeless else None
        ready_since = (ready_since or now) if result.ready else None
        op.report.verdicts(result.verdicts(), result.causes)
        return result

    def done(result: Assessment) -> bool:
        silent = ready_since is not None and result.cell is not None and not result.cell.checked
        if result.works or (silent and op.clock.now() - cast("float", ready_since) >= KEEPER_S):
            return True
        return hopeless_since is not None and op.clock.now() - hopeless_since >= SETTLE_S

    def limit(_: Assessment | None) -> float:
        return timeout_s + min(pulled_s, timeout_s)

    try:
        last = wait_for("the rollout", observe, done, timeout_s=limit, every_s=EVERY_S, clock=op.clock)
    except WaitTimeout as error:
        seen = cast("Assessment", error.last).seen  # wait_for looks at least once
        last = _masked(op, assess(expected, seen, final=True))
        moving = bool(last.pulling) or op.clock.now() - changed_at < ADVANCING_S
        innocent = all(c.id in _NO_REAL_CAUSE for c in last.causes)
        return Tracked("advancing" if moving and innocent else "deadline", diagnosed(op, last))
    return Tracked("hopeless", diagnosed(op, last)) if last.hopeless and not last.ready else Tracked("ready", last)


def _masked(op: Operation, found: Assessment) -> Assessment:
    """The same, without secrets: events and kubelets repeat what they were given."""
    if not found.causes:
        return found
    causes = (
        replace(c, summary=op.mask(c.summary), evidence=tuple(op.mask(line) for line in c.evidence))
        for c in found.causes
    )
    rows = (replace(c, verdict=replace(c.verdict, reason=op.mask(c.verdict.reason))) for c in found.components)
    return replace(found, components=tuple(rows), causes=tuple(causes))


def _cell(
    op: Operation, expected: Sequence[Mapping[str, Any]], pods: Sequence[Mapping[str, Any]], margin_s: float
) -> Cell | None:
    """What the keeper found out; None when the release has none, or runs on simulated nodes."""
    if not any(component_of(o) == "keeper" for o in expected) or op.simulated:
        return None
    try:
        found = op.cluster.get("ConfigMap", cell.name_of(op.release), op.namespace)
        return cell.read(found, pods, op.today(), margin_s=margin_s)
    except ClusterError as error:
        if error.status == 403:
            return Cell(why="ConfigMaps of the namespace may not be read: whether FogFlow works is not known")
        raise


def _nodes(op: Operation, pods: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The nodes that can say more of the pods: all of them where one finds none, else those of pods that may be lost."""
    try:
        if any(is_unscheduled(pod) for pod in pods):
            return op.cluster.list("Node")
        suspects = {node_of(pod) for pod in pods if may_be_lost(pod)} - {""}
        return [node for name in sorted(suspects) if (node := op.cluster.get("Node", name))]
    except ClusterError as error:
        if error.status == 403:  # nodes are the administrator's
            return ()
        raise
