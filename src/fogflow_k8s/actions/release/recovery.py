"""Recovery from a failed deploy: save a support archive, then roll back to the last revision that worked.

A failed first install has no such revision: it stays, so that it can be examined. If a rollback would lose data, the failed
revision stays, too. When the API server stops answering, the recovery first waits until it answers again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fogflow_k8s.actions import record
from fogflow_k8s.actions.bundle import bundle
from fogflow_k8s.actions.lock import HeldLease
from fogflow_k8s.actions.observe import status, track
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.release import rollout
from fogflow_k8s.actions.release.deployment import Deployment, assess, outcome
from fogflow_k8s.actions.release.outcome import Outcome, Result
from fogflow_k8s.adapters.helm.errors import HelmConflict, HookFailed, ObjectRefused
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import Busy, ClusterError, FogflowError, OperationFailed
from fogflow_k8s.model import manifests
from fogflow_k8s.model.diagnosis.assessment import Assessment
from fogflow_k8s.model.diagnosis.catalogue import Cause, cause
from fogflow_k8s.model.release.breaking_changes import losses
from fogflow_k8s.model.release.history import Revision, last_that_worked, passed_over

if TYPE_CHECKING:
    from fogflow_k8s.adapters.helm.messages import Hook

T = TypeVar("T")
_OUTAGES = 3  # how often the API server may stop answering during one step of the recovery
_AGAIN_S = (5.0, 10.0, 20.0)  # pauses between attempts to roll back; few, as each attempt makes a revision


@dataclass(frozen=True)
class Failure:
    """Why a deploy failed: the fields of Outcome about it."""

    causes: tuple[Cause, ...]
    bundle: Path | None
    error: str


def broken(work: Deployment, lease: HeldLease, error: FogflowError) -> Outcome:
    """Recover from an error after Helm was started, once the API server answers again: the outcome of the failed deploy.

    Raises Busy when another operation has taken the Lease over, OperationFailed (exit code 22) when the API server does not
    answer within the timeout.
    """
    op = work.op
    if isinstance(error, Busy):
        raise error
    _await_server(work, error)
    away = isinstance(error, ClusterError) and error.passing
    causes = _server_cause(work, error) if away else helm_cause(work, error)

    def checked() -> Assessment:
        lease.check()
        return assess(work)

    return failed(work, lease, _answered(work, checked), causes, error=op.mask(error.message))


def _answered(work: Deployment, step: Callable[[], T]) -> T:
    """The result of a step that only reads, repeated when the API server stops answering. Raises OperationFailed as `broken`."""
    for _ in range(_OUTAGES):
        try:
            return step()
        except ClusterError as error:
            if not error.passing:
                raise
            _await_server(work, error)
    return step()


def _await_server(work: Deployment, error: FogflowError) -> None:
    """Wait until the API server answers. Raises OperationFailed (exit code 22) after the timeout; `error` is why it was asked."""
    op, limit_s = work.op, work.request.timeout_s
    if not _answers_again(op, limit_s):
        known, hint = _known_of_the_rollback(work)
        raise OperationFailed(
            f"the API server did not answer again within {limit_s:g} s{known}: {error.message}",
            hint=f"when it answers: {hint}",
            exit_code=22,
        ) from error


def _known_of_the_rollback(work: Deployment) -> tuple[str, str]:
    """What is known of the rollback when the API server does not answer any more, and the next commands."""
    where, revision = f"-n {work.op.namespace}", work.rollback_revision
    if not revision:
        return ", so nothing was rolled back", f"fogflow-k8s rollback {where}, or deploy again"
    if not work.rolled_back:
        again = f"fogflow-k8s history {where}; if there is no newer revision: fogflow-k8s rollback {revision} {where}"
        return f"; the rollback to revision {revision} was started, and its result is unknown", again
    return (
        f"; the release was rolled back to revision {revision}, and whether it became ready is unknown",
        f"fogflow-k8s status --wait {where}",
    )


def _answers_again(op: Operation, timeout_s: float) -> bool:
    """Whether the API server answers, after a wait of up to `timeout_s`."""

    def answers() -> bool:
        try:
            op.cluster.get("Lease", op.own_name, op.namespace)
        except ClusterError as error:
            return not error.passing
        return True

    if answers():
        return True
    op.report.warn(f"the API server does not answer: waiting up to {timeout_s:g} s for it, to roll back")
    try:
        return wait_for("the API server", answers, bool, timeout_s=timeout_s, every_s=2.0, clock=op.clock)
    except WaitTimeout:
        return False


def failed(
    work: Deployment, lease: HeldLease, seen: Assessment, causes: tuple[Cause, ...], *, error: str = ""
) -> Outcome:
    """Save a support archive, then roll a failed upgrade back; a first install stays, so that it can be examined."""
    op, request = work.op, work.request
    going_back = request.rollback_on_failure and bool(work.installed)
    saved = bundle.save(op, seen, why=f"{op.command} failed", going_back=going_back)
    for each in causes[:1]:
        op.report.warn(f"{each.id} {each.summary}")
    stored = _answered(work, lambda: status.installed(op))
    history = (stored or work.installed or status.Installed((), ())).history
    # if Helm failed before it made a revision, roll back to the newest one: workloads may have been deleted for the upgrade
    made = bool(history) and history[-1].number > work.revision_before
    before = history[-1].number + (not made) if history else 0
    good = last_that_worked(history, before=before)
    failure = Failure(causes, saved, error)
    if good is None or not request.rollback_on_failure:
        why = "a first install has no revision to roll back to" if good is None else "--no-rollback-on-failure"
        return _end(work, "left-failed", 21, seen, failure, detail=f"left in place: {why}")
    objects = manifests.split(_answered(work, lambda: op.helm.manifest(good.number)))
    lost = losses(work.prepared.objects, objects)
    if any(not loss.replaced for loss in lost) and not request.force:
        what = "; ".join(loss.description for loss in lost)
        detail = f"left in place: a rollback would lose data ({what}); to do it: fogflow-k8s rollback --force"
        return _end(work, "left-failed", 21, seen, failure, detail=detail)
    if newer := passed_over(history, good, before=before):
        op.report.warn(
            f"revision {newer.number} is passed over, as no deploy waited until it worked;"
            f" to return to it: fogflow-k8s rollback {newer.number} -n {op.namespace}"
        )
    return _roll_back(work, lease, good, objects, failure)


def _roll_back(
    work: Deployment, lease: HeldLease, good: Revision, objects: Sequence[Mapping[str, Any]], failure: Failure
) -> Outcome:
    op = work.op
    if not good.verified:
        op.report.log(
            f"rolling back to revision {good.number}, the newest with Helm's status {good.status}; the record does not say whether it worked"
        )
    for pause_s in (*_AGAIN_S, None):
        tracked, problem = rollout.try_step(lambda: _go_back(work, lease, good, objects))
        if pause_s is None or not _passing(problem):
            break
        op.report.warn(
            f"the rollback failed: {op.mask(problem.message) if problem else ''}; trying again in {pause_s:g} s"
        )
        op.clock.sleep(pause_s)
    work.installed = _answered(work, lambda: status.installed(op))
    if tracked and tracked.end == "ready":
        if work.installed:
            record.note_worked(op, work.installed.newest.number, digest="")
        detail = f"rolled back to revision {good.number}, which is ready again"
        return _end(work, "rolled-back", 20, tracked.assessment, failure, detail=detail)
    why = problem.message if problem else "it did not become ready"
    detail = f"the rollback to revision {good.number} failed as well: {why}"
    seen = tracked.assessment if tracked else _answered(work, lambda: assess(work))
    return _end(work, "rollback-failed", 22, seen, failure, detail=detail)


def _go_back(work: Deployment, lease: HeldLease, good: Revision, objects: Sequence[Mapping[str, Any]]) -> track.Tracked:
    """Roll back and follow the rollout; only follow it if an earlier attempt rolled back. Raises as rollout.go_back."""
    op, limit_s = work.op, work.request.timeout_s
    lease.check()
    if not work.rolled_back:
        op.report.step(f"rolling back to revision {good.number}")
        work.rollback_revision = good.number
        installed = work.prepared.objects
        rollout.roll_back(
            op, good.number, work.watch, lease=lease, installed=installed, objects=objects, timeout_s=limit_s
        )
        work.rolled_back = True
    return rollout.follow(op, manifests.workloads(objects), work.watch, timeout_s=limit_s, lease=lease)


def _end(
    work: Deployment, result: Result, exit_code: int, seen: Assessment, failure: Failure, *, detail: str
) -> Outcome:
    """The outcome of a failed deploy."""
    causes, saved, error = failure.causes, failure.bundle, failure.error
    return _answered(
        work,
        lambda: outcome(work, result, exit_code, seen, causes=causes, bundle=saved, error=error, detail=detail),
    )


def _passing(problem: FogflowError | None) -> bool:
    """Whether a rollback may succeed later: the API server or a required webhook does not answer."""
    if isinstance(problem, ObjectRefused):
        return problem.id == "FK-3014"
    return isinstance(problem, ClusterError) and problem.passing


def _server_cause(work: Deployment, error: FogflowError) -> tuple[Cause, ...]:
    """The cause when the API server did not answer requests of Helm or of this program."""
    op = work.op
    evidence = op.mask(error.message).splitlines()[:8]
    what = "the API server stopped answering while the release was being changed"
    return (cause("FK-7013", "release", f"release/{op.release}", what, evidence=tuple(evidence)),)


def helm_cause(work: Deployment, error: FogflowError) -> tuple[Cause, ...]:
    """The cause when Helm failed, with Helm's message as evidence."""
    op = work.op
    evidence = tuple(op.mask(error.message).splitlines()[:8])
    if isinstance(error, ObjectRefused):
        what = error.refusal.about(error.object or "an object of the release")
        name = error.object or f"release/{op.release}"
        return (
            cause(error.id, "release", name, what, evidence=evidence, namespace=op.namespace, plural="priorityclasses"),
        )
    if isinstance(error, HookFailed):
        hook, name = _with_job(error.hook, work.prepared.hooks), f"release/{op.release}"
        return (cause("FK-7001", "release", hook.object or name, str(hook), evidence=evidence),)
    id_ = "FK-7002" if isinstance(error, HelmConflict) else "FK-7001"
    what = "fields of the release belong to another owner" if id_ == "FK-7002" else "helm could not change the release"
    return (cause(id_, "release", f"release/{op.release}", what, evidence=evidence),)


def _with_job(hook: Hook, hooks: Sequence[Mapping[str, Any]]) -> Hook:
    """The hook with its Job, if Helm does not name it and the chart has only one for that event."""
    jobs = [o for o in hooks if o["kind"] == "Job" and hook.event and hook.event in manifests.hook_of(o).split(",")]
    if hook.name or len(jobs) != 1:
        return hook
    return replace(hook, kind="Job", name=str(jobs[0]["metadata"]["name"]))
