"""`rollback`: return to an earlier revision, by default to the newest one that worked.

A plan shows first what the rollback changes. Helm then makes a new revision with the objects of the earlier one, and the rollback
waits until it is ready.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.actions import record
from fogflow_k8s.actions.bundle import bundle
from fogflow_k8s.actions.lock import hold_lease
from fogflow_k8s.actions.observe import status, track
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.preconditions import same_cluster, target_check
from fogflow_k8s.actions.release import rollout
from fogflow_k8s.actions.release.diff import without_secrets
from fogflow_k8s.actions.release.interruption import interrupted
from fogflow_k8s.actions.release.outcome import Outcome
from fogflow_k8s.errors import UsageError
from fogflow_k8s.model import manifests
from fogflow_k8s.model.diff.fields import Change, changes
from fogflow_k8s.model.diff.three_way import Difference
from fogflow_k8s.model.names import release_option
from fogflow_k8s.model.release.breaking_changes import losses
from fogflow_k8s.model.release.history import PENDING, Revision, in_force, rollback_target


@dataclass(frozen=True)
class Plan:
    """The target of a rollback, and what it changes."""

    current: Revision
    target: Revision
    changes: tuple[Change, ...]
    objects: tuple[dict[str, Any], ...]
    installed: tuple[dict[str, Any], ...] = ()
    """The objects of the current revision."""

    def require_no_loss(self, *, force: bool) -> None:
        """Raises Refused when the rollback would lose data and `force` is not set."""
        target_check.require_no_loss(losses(self.installed, self.objects), force=force)


def plan(op: Operation, revision: int | None) -> Plan:
    """The plan for a rollback; without a revision, to the last one that worked. Raises NotInstalled, UsageError."""
    found = status.installed(op)
    if found is None:
        raise status.not_installed(op)
    if revision is None:
        target, problem = rollback_target(found.history), _no_target(found.history)
    else:
        target = next((r for r in found.history if r.number == revision), None)
        problem = f"revision {revision} is not in the history"
    if target is None:
        numbers = ", ".join(str(r.number) for r in found.history)
        see = f"fogflow-k8s history -n {op.namespace}{release_option(op.release)}"
        raise UsageError(problem, hint=f"revisions kept: {numbers}; {see}")
    objects = tuple(manifests.split(op.helm.manifest(target.number)))
    return Plan(found.newest, target, tuple(changes(found.objects, objects)), objects, found.objects)


def _no_target(history: Sequence[Revision]) -> str:
    """Why `rollback` without a number has no target."""
    newest = history[-1].number
    earlier = sorted(in_force(history) - {newest})
    same = f": revision {newest} has the objects of revision {earlier[0]} again" if earlier else ""
    return f"there is no earlier revision that worked and differs from the current one{same}"


def dry_run(op: Operation, planned: Plan) -> Outcome:
    """The outcome of a dry run: what the rollback would change. Raises ClusterError."""
    seen = track.observe(op, manifests.workloads(planned.installed))
    difference = Difference(
        release=op.release,
        namespace=op.namespace,
        context=op.cluster.context,
        server=op.cluster.server,
        revision=planned.current.number,
        changes=planned.changes,
    )
    return Outcome(
        "unchanged",
        0,
        status.report(op, planned.current, seen, planned.installed),
        detail="dry run: nothing was changed",
        before=planned.current.number,
        difference=without_secrets(op, difference),
    )


def rollback(op: Operation, planned: Plan, *, timeout_s: float, wait: bool = True) -> Outcome:
    """Carry out a plan and wait until it is ready. Raises Busy, Interrupted, and Helm's typed errors.

    A workload that changes its kind is deleted first. The caller has made sure that no data are lost (Plan.require_no_loss).
    """
    watch = rollout.Stopwatch(op)
    before = planned.current.number
    expected = manifests.workloads(planned.objects)
    if planned.target.number == before and planned.current.status not in PENDING:
        seen = track.observe(op, expected)
        return Outcome(
            "unchanged",
            0,
            status.report(op, planned.current, seen, planned.objects),
            seconds=watch.seconds(),
            before=before,
        )
    same_cluster.require_one_cluster(op, same_cluster.begin(op))
    try:
        return _carry_out(op, planned, watch, timeout_s=timeout_s, wait=wait)
    except KeyboardInterrupt:
        raise interrupted(
            op,
            before=before,
            helm_started=watch.helm_started,
            losses=losses(planned.installed, planned.objects),
            again=f"to complete it: fogflow-k8s rollback {planned.target.number} -n {op.namespace}",
            back=f"; to undo it: fogflow-k8s rollback {before} -n {op.namespace}",
        ) from None


def _carry_out(op: Operation, planned: Plan, watch: rollout.Stopwatch, *, timeout_s: float, wait: bool) -> Outcome:
    """Let Helm roll back, with the release's Lease held, and wait. Raises KeyboardInterrupt for Ctrl-C."""
    before, expected = planned.current.number, manifests.workloads(planned.objects)
    with hold_lease(op) as lease:
        op.report.step(f"rolling back to revision {planned.target.number}")
        installed, objects = planned.installed, planned.objects
        rollout.roll_back(
            op, planned.target.number, watch, lease=lease, installed=installed, objects=objects, timeout_s=timeout_s
        )
        newest = (status.installed(op) or status.Installed((planned.current,), ())).newest
        if not wait:
            seen = track.observe(op, expected)
            report = status.report(op, newest, seen, planned.objects)
            return Outcome("rolled-back", 0, report, seconds=watch.seconds(), before=before)
        op.report.step("waiting until every component is ready")
        tracked = rollout.follow(op, expected, watch, timeout_s=timeout_s, lease=lease)
        common: dict[str, Any] = {"seconds": watch.seconds(), "before": before}
        common["report"] = status.report(op, newest, tracked.assessment, planned.objects)
        return _ended(op, planned, tracked, newest, common, timeout_s)


def _ended(
    op: Operation, planned: Plan, tracked: track.Tracked, newest: Revision, common: dict[str, Any], timeout_s: float
) -> Outcome:
    """The outcome after the wait."""
    if tracked.end == "ready":
        record.note_worked(op, newest.number, digest="")
        detail = f"rolled back to revision {planned.target.number}, which is now revision {newest.number}"
        return Outcome("rolled-back", 0, detail=detail, **common)
    causes = tracked.assessment.causes
    common["bundle"] = bundle.save(op, tracked.assessment, why=f"{op.command} failed")
    if tracked.end == "advancing":
        return Outcome("timed-out", 30, causes=causes, detail=f"still advancing after {timeout_s:g} s", **common)
    detail = f"revision {planned.target.number} did not become ready after the rollback"
    return Outcome("rollback-failed", 22, causes=causes, detail=detail, **common)
