"""When a deploy fails: what it looked like is saved first, then back to what worked; or the truth about where it was left."""

from __future__ import annotations

from typing import Any

from fogflow_k8s.actions import bundle, record, rollout, status
from fogflow_k8s.actions.lock import Held
from fogflow_k8s.actions.outcome import Outcome
from fogflow_k8s.actions.work import Work, now, outcome
from fogflow_k8s.adapters.helm import HelmConflict
from fogflow_k8s.errors import FogflowError, Interrupted
from fogflow_k8s.model.assessment import Assessment
from fogflow_k8s.model.catalogue import Cause, cause
from fogflow_k8s.model.release import Revision, last_that_worked


def failed(work: Work, lease: Held, seen: Assessment, causes: tuple[Cause, ...], *, error: str = "") -> Outcome:
    """Save what it looks like, then take a failed upgrade back; a first install stays, so that it can be looked at."""
    op, request = work.op, work.request
    going_back = request.rollback_on_failure and bool(work.installed)
    saved = bundle.save(op, seen, why=f"{op.command} failed", going_back=going_back)
    for each in causes[:1]:
        op.report.warn(f"{each.id} {each.summary}")
    history = (status.installed(op) or work.installed or status.Installed((), ())).history
    good = last_that_worked(history, before=history[-1].number) if history else None
    found: dict[str, Any] = {"causes": causes, "bundle": saved, "error": error}
    if good is None or not request.rollback_on_failure:
        why = "a first install has nothing to go back to" if good is None else "--no-rollback-on-failure"
        return outcome(work, "left-failed", 21, seen, says=f"left in place: {why}", **found)
    return _take_back(work, lease, good, found)


def _take_back(work: Work, lease: Held, good: Revision, found: dict[str, Any]) -> Outcome:
    op = work.op
    if not good.verified:
        op.report.log(
            f"revision {good.number} is the newest that Helm calls {good.status}; whether it worked is not on record"
        )
    tracked, problem = rollout.attempt(
        lambda: rollout.go_back(op, good.number, work.watch, timeout_s=work.request.timeout_s, lease=lease)
    )
    work.installed = status.installed(op)
    if tracked and tracked.end == "ready":
        if work.installed:
            record.note_worked(op, work.installed.newest.number, digest="")
        says = f"rolled back to revision {good.number}, which is ready again"
        return outcome(work, "rolled-back", 20, tracked.assessment, says=says, **found)
    why = problem.message if problem else "it did not become ready"
    says = f"the rollback to revision {good.number} failed, too: {why}"
    return outcome(work, "rollback-failed", 22, tracked.assessment if tracked else now(work), says=says, **found)


def helm_cause(work: Work, error: FogflowError) -> tuple[Cause, ...]:
    """The cause behind a Helm that failed, with its own words as evidence."""
    id_ = "FK-7002" if isinstance(error, HelmConflict) else "FK-7001"
    what = "fields of the release are owned by somebody else" if id_ == "FK-7002" else "helm could not carry it out"
    said = work.op.mask(error.message).splitlines()[:8]
    return (cause(id_, "release", f"release/{work.op.release}", what, evidence=tuple(said)),)


def interrupted(work: Work) -> Interrupted:
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
