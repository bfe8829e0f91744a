"""A failed deploy: save a support archive, then roll back to the last revision that worked, or say what was left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fogflow_k8s.actions import record
from fogflow_k8s.actions.bundle import bundle
from fogflow_k8s.actions.lock import Held
from fogflow_k8s.actions.observe import status
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.release import rollout
from fogflow_k8s.actions.release.deployment import Deployment, assess, outcome
from fogflow_k8s.actions.release.outcome import Outcome, Result
from fogflow_k8s.adapters.helm.errors import HelmConflict, HookFailed, ObjectRefused
from fogflow_k8s.adapters.helm.messages import Hook
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import Busy, ClusterError, FogflowError, Interrupted, OperationFailed
from fogflow_k8s.model import manifests
from fogflow_k8s.model.diagnosis.assessment import Assessment
from fogflow_k8s.model.diagnosis.catalogue import Cause, cause
from fogflow_k8s.model.release.breaking_changes import losses
from fogflow_k8s.model.release.history import Revision, last_that_worked

_AGAIN_S = (5.0, 10.0, 20.0)  # before each further attempt to roll back: every one makes a revision


@dataclass(frozen=True)
class Failure:
    """Why a deploy failed, in the words of Outcome."""

    causes: tuple[Cause, ...]
    bundle: Path | None
    error: str


def broken(work: Deployment, lease: Held, error: FogflowError) -> Outcome:
    """What an error comes to that was met after Helm had begun: a failed upgrade, once the API server answers again.

    Raises Busy when somebody else took over meanwhile, OperationFailed (exit code 22) when the server stays away.
    """
    op = work.op
    if isinstance(error, Busy):
        raise error
    if not _answers_again(op, work.request.timeout_s):
        raise OperationFailed(
            f"the API server went away and did not come back within {work.request.timeout_s:g} s, so nothing was taken back: {error.message}",
            hint=f"once it answers: fogflow-k8s rollback -n {op.namespace}, or deploy again",
            exit_code=22,
        ) from error
    lease.check()
    away = isinstance(error, ClusterError) and error.passing
    causes = _server_cause(work, error) if away else helm_cause(work, error)
    return failed(work, lease, assess(work), causes, error=op.mask(error.message))


def _answers_again(op: Operation, timeout_s: float) -> bool:
    """Whether the API server answers, if need be after waiting for it."""

    def look() -> bool:
        try:
            op.cluster.get("Lease", op.own_name, op.namespace)
        except ClusterError as error:
            return not error.passing
        return True

    if look():
        return True
    op.report.warn(f"the API server does not answer: waiting up to {timeout_s:g} s for it, to go back to what worked")
    try:
        return wait_for("the API server", look, bool, timeout_s=timeout_s, every_s=2.0, clock=op.clock)
    except WaitTimeout:
        return False


def failed(work: Deployment, lease: Held, seen: Assessment, causes: tuple[Cause, ...], *, error: str = "") -> Outcome:
    """Save what it looks like, then take a failed upgrade back; a first install stays, so that it can be looked at."""
    op, request = work.op, work.request
    going_back = request.rollback_on_failure and bool(work.installed)
    saved = bundle.save(op, seen, why=f"{op.command} failed", going_back=going_back)
    for each in causes[:1]:
        op.report.warn(f"{each.id} {each.summary}")
    history = (status.installed(op) or work.installed or status.Installed((), ())).history
    # where Helm failed before it made a revision the one before is the newest: what we ended for it is brought back all the same
    made = bool(history) and history[-1].number > work.revision_before
    good = last_that_worked(history, before=history[-1].number + (not made)) if history else None
    failure = Failure(causes, saved, error)
    if good is None or not request.rollback_on_failure:
        why = "a first install has nothing to go back to" if good is None else "--no-rollback-on-failure"
        return _end(work, "left-failed", 21, seen, failure, says=f"left in place: {why}")
    objects = manifests.split(op.helm.manifest(good.number))
    lost = losses(work.prepared.objects, objects)
    if any(not loss.replaced for loss in lost) and not request.force:
        what = "; ".join(loss.description for loss in lost)
        says = f"left in place: going back would lose something ({what}); to do it: fogflow-k8s rollback --force"
        return _end(work, "left-failed", 21, seen, failure, says=says)
    return _take_back(work, lease, good, objects, failure)


def _take_back(
    work: Deployment, lease: Held, good: Revision, objects: Sequence[Mapping[str, Any]], failure: Failure
) -> Outcome:
    op = work.op
    if not good.verified:
        op.report.log(
            f"revision {good.number} is the newest that Helm calls {good.status}; whether it worked is not on record"
        )
    limit_s = work.request.timeout_s
    for pause_s in (*_AGAIN_S, None):
        tracked, problem = rollout.try_step(
            lambda: rollout.go_back(
                op,
                good.number,
                work.watch,
                timeout_s=limit_s,
                lease=lease,
                installed=work.prepared.objects,
                objects=objects,
            )
        )
        if pause_s is None or not _passing(problem):
            break
        op.report.warn(f"not yet: {op.mask(problem.message) if problem else ''}; again in {pause_s:g} s")
        op.clock.sleep(pause_s)
    work.installed = status.installed(op)
    if tracked and tracked.end == "ready":
        if work.installed:
            record.note_worked(op, work.installed.newest.number, digest="")
        says = f"rolled back to revision {good.number}, which is ready again"
        return _end(work, "rolled-back", 20, tracked.assessment, failure, says=says)
    why = problem.message if problem else "it did not become ready"
    says = f"the rollback to revision {good.number} failed, too: {why}"
    seen = tracked.assessment if tracked else assess(work)
    return _end(work, "rollback-failed", 22, seen, failure, says=says)


def _end(work: Deployment, result: Result, exit_code: int, seen: Assessment, failure: Failure, *, says: str) -> Outcome:
    """The outcome of a failed deploy."""
    return outcome(
        work, result, exit_code, seen, causes=failure.causes, bundle=failure.bundle, error=failure.error, says=says
    )


def _passing(problem: FogflowError | None) -> bool:
    """Whether going back may succeed in a while: the API server is away, or a webhook that must be asked does not answer."""
    if isinstance(problem, ObjectRefused):
        return problem.id == "FK-3014"
    return isinstance(problem, ClusterError) and problem.passing


def _server_cause(work: Deployment, error: FogflowError) -> tuple[Cause, ...]:
    """The cause behind requests, of Helm or our own, that nobody answered."""
    op = work.op
    said = op.mask(error.message).splitlines()[:8]
    what = "the API server went away while the release was being changed"
    return (cause("FK-7013", "release", f"release/{op.release}", what, evidence=tuple(said)),)


def helm_cause(work: Deployment, error: FogflowError) -> tuple[Cause, ...]:
    """The cause behind a Helm that failed, with its own words as evidence."""
    op = work.op
    said = tuple(op.mask(error.message).splitlines()[:8])
    if isinstance(error, ObjectRefused):
        what = error.refusal.about(error.object or "an object of the release")
        name = error.object or f"release/{op.release}"
        return (
            cause(error.id, "release", name, what, evidence=said, namespace=op.namespace, plural="priorityclasses"),
        )
    if isinstance(error, HookFailed):
        hook, name = _with_job(error.hook, work.prepared.hooks), f"release/{op.release}"
        return (cause("FK-7001", "release", hook.object or name, str(hook), evidence=said),)
    id_ = "FK-7002" if isinstance(error, HelmConflict) else "FK-7001"
    what = "fields of the release are owned by somebody else" if id_ == "FK-7002" else "helm could not carry it out"
    return (cause(id_, "release", f"release/{op.release}", what, evidence=said),)


def _with_job(hook: Hook, hooks: Sequence[Mapping[str, Any]]) -> Hook:
    """The hook with its job, where Helm does not name it and the chart has only one for that event."""
    jobs = [o for o in hooks if o["kind"] == "Job" and hook.event and hook.event in manifests.hook_of(o).split(",")]
    if hook.name or len(jobs) != 1:
        return hook
    return replace(hook, kind="Job", name=str(jobs[0]["metadata"]["name"]))


def interrupted(work: Deployment) -> Interrupted:
    """The error for Ctrl-C: the exact state, and the next commands."""
    op = work.op
    try:
        newest = status.installed(op)
        state = f"revision {newest.newest.number} is {newest.newest.status}" if newest else "nothing is installed"
    except FogflowError as error:
        state = f"its state is unknown ({error.message})"
    return Interrupted(
        f"interrupted: {state}; what was started goes on in the cluster",
        hint=f"go on waiting: fogflow-k8s status --wait -n {op.namespace}, or deploy again; go back: fogflow-k8s rollback",
    )
