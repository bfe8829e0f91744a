"""Wait for a rollout: observe the release every second until it works, is hopeless, or the timeout passes.

One observation takes a snapshot of the release's objects and assesses it. *Hopeless* means that a cause was found that waiting
does not cure, such as an image that does not exist. *Advancing* means that at the timeout the rollout still makes progress.
"""

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
SETTLE_S = 3.0  # a permanent cause must last that long: a kubelet may still report the message of the previous pod

KEEPER_S = 30.0  # for the keeper's first report after the pods are ready
ADVANCING_S = 20.0  # a component that changed more recently makes progress
_NO_REAL_CAUSE = ("FK-3008", "FK-5005", "FK-5011", "FK-5014", "FK-6001")
"""Causes of a rollout in progress: a component starts, or waits for another one or for a new node."""


@dataclass(frozen=True)
class Tracked:
    """How the wait ended, and the last assessment."""

    end: End
    assessment: Assessment


def snapshot(op: Operation, expected: Sequence[Mapping[str, Any]], *, margin_s: float = 0.0) -> Snapshot:
    """The release's objects as they are now; `margin_s` as in health_report.read. Raises ClusterError."""
    kinds = {str(o["kind"]) for o in expected} | {"Deployment"}
    owned = [o for kind in sorted(kinds) for o in op.cluster.list(kind, op.namespace, op.selector)]
    sets = op.cluster.list("ReplicaSet", op.namespace, op.selector)
    pods = op.cluster.list("Pod", op.namespace, op.selector)
    calm = all(condition(p, "Ready") == "True" for p in pods)
    events = [] if calm and pods else op.cluster.list("Event", op.namespace)
    nodes = _nodes(op, pods)
    return Snapshot(owned, sets, pods, events, nodes, _health(op, expected, pods, margin_s), op.namespace)


def observe(op: Operation, expected: Sequence[Mapping[str, Any]], *, margin_s: float = 0.0) -> Assessment:
    """The assessment of the workloads as they are now, with secrets masked. Raises ClusterError."""
    return _masked(op, assess(expected, snapshot(op, expected, margin_s=margin_s)))


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

    Without a report of the keeper, the wait ends KEEPER_S after the pods are ready, and the state is `unverified`. Time in
    which images are pulled does not count, up to another `timeout_s`. `keep_on` is called before each observation and may
    raise to end the wait. The keeper's report must be `margin_s` newer than the pods. While the API server does not answer,
    the wait goes on; without `patient` it must answer the first request. Raises ClusterError when it never answers.
    """
    state = _WaitState(op, expected, timeout_s, margin_s, keep_on, patient)
    try:
        last = wait_for(
            "the rollout", state.observe, state.done, timeout_s=state.limit, every_s=EVERY_S, clock=op.clock
        )
    except WaitTimeout as error:
        if error.last is None:
            raise cast("ClusterError", state.unreachable) from error
        seen = cast("Assessment", error.last).seen
        last = _masked(op, assess(expected, seen, final=True))
        moving = bool(last.pulling) or op.clock.now() - state.changed_at < ADVANCING_S
        only_starting = all(c.id in _NO_REAL_CAUSE for c in last.causes)
        return Tracked("advancing" if moving and only_starting else "deadline", diagnosed(op, last))
    found = cast("Assessment", last)
    return Tracked("hopeless", diagnosed(op, found)) if found.hopeless and not found.ready else Tracked("ready", found)


@dataclass
class _WaitState:
    """The memory of one wait: since when a condition has held."""

    op: Operation
    expected: Sequence[Mapping[str, Any]]
    timeout_s: float
    margin_s: float
    keep_on: Callable[[], None]
    patient: bool
    pulled_s: float = 0.0
    last_observed: float | None = None
    changed_at: float = 0.0
    hopeless_since: float | None = None
    ready_since: float | None = None
    components_before: object = None
    unreachable: ClusterError | None = None  # the error of the API server, until it answers again

    def observe(self) -> Assessment | None:
        """One assessment; None while the API server does not answer."""
        try:
            self.keep_on()
            result = observe(self.op, self.expected, margin_s=self.margin_s)
        except ClusterError as error:
            if not error.passing or (self.last_observed is None and not self.patient):
                raise
            if self.unreachable is None:
                self.op.report.warn(f"{error.message}; waiting until the API server answers")
            self.unreachable = error
            return None
        if self.unreachable:
            self.op.report.step("the API server answers again")
            self.unreachable = None
        self._remember(result, self.op.clock.now())
        self.op.report.verdicts(result.verdicts(), result.causes)
        return result

    def _remember(self, result: Assessment, now: float) -> None:
        if result.pulling and not result.hopeless and self.last_observed is not None:
            self.pulled_s += now - self.last_observed
        self.last_observed = now
        if result.components != self.components_before:
            self.changed_at, self.components_before = now, result.components
        self.hopeless_since = _since(self.hopeless_since, now, still=result.hopeless)
        self.ready_since = _since(self.ready_since, now, still=result.ready)

    def done(self, result: Assessment | None) -> bool:
        """Whether the wait is over."""
        if result is None:
            return False
        silent = self.ready_since is not None and result.health is not None and not result.health.checked
        if result.works or (silent and self._for(self.ready_since) >= KEEPER_S):
            return True
        return self._for(self.hopeless_since) >= SETTLE_S

    def limit(self, _: Assessment | None) -> float:
        """The deadline, in seconds since the start."""
        return self.timeout_s + min(self.pulled_s, self.timeout_s)

    def _for(self, since: float | None) -> float:
        """Seconds since then; -1 when the condition does not hold."""
        return -1.0 if since is None else self.op.clock.now() - since


def _since(known: float | None, now: float, *, still: bool) -> float | None:
    """The time since which a condition holds; None when it does not."""
    return (now if known is None else known) if still else None


def _masked(op: Operation, found: Assessment) -> Assessment:
    """The assessment with secrets masked, as events and kubelets repeat values of the pods."""
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
    """The keeper's health report; None when the release has no keeper, or the nodes are simulated."""
    if not any(component_of(o) == "keeper" for o in expected) or op.simulated:
        return None
    try:
        found = op.cluster.get("ConfigMap", health_report.name_of(op.release), op.namespace)
        return health_report.read(found, pods, op.cluster.clock(), margin_s=margin_s)
    except ClusterError as error:
        if error.status == 403:
            return HealthReport(
                why="no permission to read the keeper's report (a ConfigMap of the namespace): whether FogFlow works is not known"
            )
        raise


def _nodes(op: Operation, pods: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The nodes that explain the state of pods: all nodes if a pod is unschedulable, else those of pods that may be lost."""
    try:
        if any(is_unscheduled(pod) for pod in pods):
            return op.cluster.list("Node")
        suspects = {node_of(pod) for pod in pods if may_be_lost(pod)} - {""}
        return [node for name in sorted(suspects) if (node := op.cluster.get("Node", name))]
    except ClusterError as error:
        if error.status == 403:  # no permission to read nodes
            return ()
        raise
