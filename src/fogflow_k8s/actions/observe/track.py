"""Waiting for a release: look, judge, and stop when it works, when it is hopeless, or when time is up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from fogflow_k8s.actions.observe.log_evidence import diagnosed
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model.diagnosis import health_report
from fogflow_k8s.model.diagnosis.assessment import Assessment, Snapshot, assess
from fogflow_k8s.model.diagnosis.health_report import HealthReport
from fogflow_k8s.model.diagnosis.pod_status import condition, node_of
from fogflow_k8s.model.diagnosis.pods import may_be_lost
from fogflow_k8s.model.diagnosis.scheduling import is_unscheduled
from fogflow_k8s.model.manifests import component_of

End = Literal["ready", "hopeless", "deadline", "advancing"]
EVERY_S = 1.0
SETTLE_S = 3.0  # a permanent cause must be seen that long: a kubelet may still hold the words of the pod before

KEEPER_S = 30.0  # for its first word after the pods are ready
ADVANCING_S = 20.0  # a component that changed that recently is on its way
_NO_REAL_CAUSE = ("FK-3008", "FK-5005", "FK-5011", "FK-5014", "FK-6001")
"""Still starting, or waiting for one that is, or for a node that is on its way."""


@dataclass(frozen=True)
class Tracked:
    """How the waiting ended, and the last look."""

    end: End
    assessment: Assessment


def look(op: Operation, expected: Sequence[Mapping[str, Any]], *, margin_s: float = 0.0) -> Snapshot:
    """Everything of the release as the API server shows it now; `margin_s` as in health_report.read. Raises ClusterError."""
    kinds = {str(o["kind"]) for o in expected} | {"Deployment"}
    owned = [o for kind in sorted(kinds) for o in op.cluster.list(kind, op.namespace, op.selector)]
    sets = op.cluster.list("ReplicaSet", op.namespace, op.selector)
    pods = op.cluster.list("Pod", op.namespace, op.selector)
    calm = all(condition(p, "Ready") == "True" for p in pods)
    events = [] if calm and pods else op.cluster.list("Event", op.namespace)
    nodes = _nodes(op, pods)
    return Snapshot(owned, sets, pods, events, nodes, _health(op, expected, pods, margin_s), op.namespace)


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
    patient: bool = False,
) -> Tracked:
    """Wait until every expected workload is ready and FogFlow works, a permanent cause persists, or the deadline passes.

    A keeper that says nothing is waited for half a minute after the pods; the state is then `unverified`. Time in which
    nothing but image pulls is under way does not count, up to `timeout_s` again. `keep_on` is called at each look and may
    raise to end the wait. The keeper's report has to be `margin_s` younger than the pods. An API server that is away for
    a while is waited for; with `patient` also at the first look. Raises ClusterError when it does not come back.
    """
    looks = _Looks(op, expected, timeout_s, margin_s, keep_on, patient)
    try:
        last = wait_for(
            "the rollout", looks.observe, looks.done, timeout_s=looks.limit, every_s=EVERY_S, clock=op.clock
        )
    except WaitTimeout as error:
        if error.last is None:
            raise cast("ClusterError", looks.away) from error
        seen = cast("Assessment", error.last).seen
        last = _masked(op, assess(expected, seen, final=True))
        moving = bool(last.pulling) or op.clock.now() - looks.changed_at < ADVANCING_S
        innocent = all(c.id in _NO_REAL_CAUSE for c in last.causes)
        return Tracked("advancing" if moving and innocent else "deadline", diagnosed(op, last))
    found = cast("Assessment", last)
    return Tracked("hopeless", diagnosed(op, found)) if found.hopeless and not found.ready else Tracked("ready", found)


@dataclass
class _Looks:
    """The memory of one wait: since when what has been seen."""

    op: Operation
    expected: Sequence[Mapping[str, Any]]
    timeout_s: float
    margin_s: float
    keep_on: Callable[[], None]
    patient: bool
    pulled_s: float = 0.0
    last_look: float | None = None
    changed_at: float = 0.0
    hopeless_since: float | None = None
    ready_since: float | None = None
    before: object = None
    away: ClusterError | None = None  # since the last look that came about

    def observe(self) -> Assessment | None:
        """One look; None when the API server is away."""
        try:
            self.keep_on()
            result = glance(self.op, self.expected, margin_s=self.margin_s)
        except ClusterError as error:
            if not error.passing or (self.last_look is None and not self.patient):
                raise
            if self.away is None:
                self.op.report.warn(f"{error.message}; waiting for it")
            self.away = error
            return None
        if self.away:
            self.op.report.step("the API server answers again")
            self.away = None
        self._remember(result, self.op.clock.now())
        self.op.report.verdicts(result.verdicts(), result.causes)
        return result

    def _remember(self, result: Assessment, now: float) -> None:
        if result.pulling and not result.hopeless and self.last_look is not None:
            self.pulled_s += now - self.last_look
        self.last_look = now
        if result.components != self.before:
            self.changed_at, self.before = now, result.components
        self.hopeless_since = _since(self.hopeless_since, now, still=result.hopeless)
        self.ready_since = _since(self.ready_since, now, still=result.ready)

    def done(self, result: Assessment | None) -> bool:
        """Whether there is nothing more to wait for."""
        if result is None:
            return False
        silent = self.ready_since is not None and result.health is not None and not result.health.checked
        if result.works or (silent and self._for(self.ready_since) >= KEEPER_S):
            return True
        return self._for(self.hopeless_since) >= SETTLE_S

    def limit(self, _: Assessment | None) -> float:
        """The deadline, in seconds from the beginning."""
        return self.timeout_s + min(self.pulled_s, self.timeout_s)

    def _for(self, since: float | None) -> float:
        """How long ago that was; -1 for what is not."""
        return -1.0 if since is None else self.op.clock.now() - since


def _since(known: float | None, now: float, *, still: bool) -> float | None:
    """Since when something holds; None when it does not."""
    return (now if known is None else known) if still else None


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


def _health(
    op: Operation, expected: Sequence[Mapping[str, Any]], pods: Sequence[Mapping[str, Any]], margin_s: float
) -> HealthReport | None:
    """What the keeper found out; None when the release has none, or runs on simulated nodes."""
    if not any(component_of(o) == "keeper" for o in expected) or op.simulated:
        return None
    try:
        found = op.cluster.get("ConfigMap", health_report.name_of(op.release), op.namespace)
        return health_report.read(found, pods, op.cluster.clock(), margin_s=margin_s)
    except ClusterError as error:
        if error.status == 403:
            return HealthReport(why="ConfigMaps of the namespace may not be read: whether FogFlow works is not known")
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
