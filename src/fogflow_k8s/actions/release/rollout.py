"""The steps that deploy, rollback and recovery share: run Helm for one revision, and follow its rollout.

Every step stops when the release's Lease is lost, as another operation may then change the release.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fogflow_k8s.actions.lock import HeldLease
from fogflow_k8s.actions.observe import track
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters.process import Child, Completed
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import FogflowError, OperationFailed
from fogflow_k8s.model import manifests
from fogflow_k8s.model.release.breaking_changes import losses

HELM_TIMEOUT_S = 300.0  # helm only waits for hooks; if it takes longer, it hangs


@dataclass
class Stopwatch:
    """Seconds spent in Helm and in waiting, by the operation's clock."""

    op: Operation
    start: float = 0.0
    parts: dict[str, float] = field(default_factory=lambda: {"helm": 0.0, "wait": 0.0})
    helm_started: bool = False  # whether Helm was started to change the release

    def __post_init__(self) -> None:
        self.start = self.op.clock.now()

    def add(self, part: str, since: float) -> None:
        """Add the time since `since` to a part."""
        self.parts[part] += self.op.clock.now() - since

    def seconds(self) -> dict[str, float]:
        """Total and parts, rounded to milliseconds."""
        return {"total": round(self.op.clock.now() - self.start, 3), **{k: round(v, 3) for k, v in self.parts.items()}}


def run_helm(
    op: Operation,
    child: Child,
    watch: Stopwatch,
    *,
    lease: HeldLease | None = None,
) -> Completed:
    """Wait for helm: its result. Raises Helm's typed errors.

    Ctrl-C interrupts helm, waits until it has ended, and is raised again. When `lease` is lost, helm is stopped, as another
    operation may begin: raises Busy, or ClusterError when the API server does not answer.
    """
    since = op.clock.now()
    watch.helm_started = True
    try:
        done = _ended(child, lease)
    except KeyboardInterrupt:
        op.report.warn(
            "interrupted: stopping helm, and waiting until it has updated the release's status (Ctrl-C again: exit at once)"
        )
        child.stop()
        raise
    finally:
        watch.add("helm", since)
    if done is None:
        done = child.stop()
        if lease:
            lease.check()
    return op.helm.require_success(done)


def _ended(child: Child, lease: HeldLease | None) -> Completed | None:
    """The result of helm; None when it hangs or the Lease is lost."""
    for _ in range(int(HELM_TIMEOUT_S)):
        if done := child.wait(1.0):
            return done
        if lease and lease.lost:
            return None
    return None


def delete_and_wait(op: Operation, kind: str, component: str, *, timeout_s: float) -> None:
    """Delete a workload that changes its kind, and wait until its pods are gone.

    Helm would make the new workload first, and its pods would share an identity with the old ones. Raises OperationFailed
    when the pods are not gone in time.
    """
    op.report.step(f"deleting {kind} {component}")
    op.cluster.delete(kind, component, op.namespace)
    selector = f"{op.selector},{manifests.COMPONENT}={component}"
    try:
        wait_for(
            f"the end of {component}", lambda: op.cluster.list("Pod", op.namespace, selector), lambda pods: not pods,
            timeout_s=timeout_s, every_s=0.5, clock=op.clock,
        )  # fmt: skip
    except WaitTimeout as error:
        raise OperationFailed(
            f"the pods of {kind} {component} are not gone after {timeout_s:g} s; nothing else was changed",
            hint=f"kubectl -n {op.namespace} get pods -l {selector}; run the command again when they are gone",
        ) from error


def follow(
    op: Operation, expected: Sequence[Mapping[str, Any]], watch: Stopwatch, *, timeout_s: float, lease: HeldLease
) -> track.Tracked:
    """Wait for the workloads while the Lease is held. Raises Busy, ClusterError when the API server does not answer again."""
    since = op.clock.now()
    try:
        return track.track(op, expected, timeout_s=timeout_s, keep_on=lease.check, patient=True)
    finally:
        watch.add("wait", since)


def roll_back(
    op: Operation,
    revision: int,
    watch: Stopwatch,
    *,
    lease: HeldLease,
    installed: Sequence[Mapping[str, Any]],
    objects: Sequence[Mapping[str, Any]] | None = None,
    timeout_s: float = HELM_TIMEOUT_S,
) -> Sequence[Mapping[str, Any]]:
    """Let Helm roll back to a revision: the objects of that revision. Raises Helm's typed errors, OperationFailed, Busy.

    `objects`: those of the revision, if the caller has read them. A workload of the `installed` objects that changes its kind
    is deleted first. Field conflicts are overwritten: the changes that are rolled back were made by this program.
    """
    goal = manifests.split(op.helm.manifest(revision)) if objects is None else objects
    for loss in losses(installed, goal):
        if loss.replaced:
            lease.check()
            delete_and_wait(op, loss.kind, loss.component, timeout_s=timeout_s)
    child = op.helm.start_rollback(revision, timeout_s=HELM_TIMEOUT_S, force_conflicts=True)
    run_helm(op, child, watch, lease=lease)
    return goal


def go_back(
    op: Operation,
    revision: int,
    watch: Stopwatch,
    *,
    timeout_s: float,
    lease: HeldLease,
    installed: Sequence[Mapping[str, Any]],
    objects: Sequence[Mapping[str, Any]] | None = None,
) -> track.Tracked:
    """Like roll_back, and follow the rollout. Raises Helm's typed errors, and Busy when the Lease is lost."""
    lease.check()
    op.report.step(f"rolling back to revision {revision}")
    goal = roll_back(op, revision, watch, lease=lease, installed=installed, objects=objects, timeout_s=timeout_s)
    return follow(op, manifests.workloads(goal), watch, timeout_s=timeout_s, lease=lease)


def try_step(step: Callable[[], track.Tracked]) -> tuple[track.Tracked | None, FogflowError | None]:
    """The result of a step, or its error."""
    try:
        return step(), None
    except FogflowError as error:
        return None, error
