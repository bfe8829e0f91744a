"""`deploy`: install or upgrade the release, wait until it works, and roll back a failed upgrade.

A deploy has two halves. The first one prepares: it decides what the user left open, renders the manifests and refuses what
cannot work, without a change of the cluster. The second one holds the release's Lease: it lets Helm make the revision, follows
the rollout, and recovers from a failure (recovery.py). Without a change of manifests or live objects, Helm is not run.
"""

from __future__ import annotations

from collections.abc import Sequence

from fogflow_k8s.actions import record
from fogflow_k8s.actions.bundle import bundle
from fogflow_k8s.actions.lock import HeldLease, hold_lease
from fogflow_k8s.actions.observe import status, track
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.preconditions import permissions, references, same_cluster, target_check
from fogflow_k8s.actions.preconditions.ownership import ownership_conflicts
from fogflow_k8s.actions.release import recovery, rollout
from fogflow_k8s.actions.release.deployment import Deployment, assess, outcome
from fogflow_k8s.actions.release.diff import compare
from fogflow_k8s.actions.release.drift import drift
from fogflow_k8s.actions.release.dropped_values import warn_of_dropped_values
from fogflow_k8s.actions.release.interruption import deploy_interrupted
from fogflow_k8s.actions.release.late_note import note_if_it_works
from fogflow_k8s.actions.release.obstacles import missing_references, unsuitable
from fogflow_k8s.actions.release.outcome import Outcome, Result
from fogflow_k8s.actions.release.pending import pending_repair
from fogflow_k8s.actions.release.prepare import Prepared, introduce, password_change, prepare, rendered, warn
from fogflow_k8s.actions.release.request import Request
from fogflow_k8s.actions.release.rotation import NOT_PROVED, PROVED, carry_out, note
from fogflow_k8s.errors import ClusterError, FogflowError, Forbidden, Interrupted, OperationFailed, PreflightFailed
from fogflow_k8s.model.diagnosis.assessment import Assessment
from fogflow_k8s.model.diff.fields import changes
from fogflow_k8s.model.diff.three_way import Drift


def deploy(op: Operation, request: Request) -> Outcome:
    """Install or upgrade the release as requested, and wait until it is ready.

    Raises FogflowErrors for what stops it before anything is changed; a failure afterwards is an Outcome.
    """
    watch = rollout.Stopwatch(op)
    prepared = None
    try:
        prepared = _prepare(op, request)
        work = Deployment(op, prepared, watch, prepared.installed)
        return _dry_run(work) if request.dry_run else _carry_out(work)
    except KeyboardInterrupt:
        raise Interrupted("interrupted: nothing was changed", hint=f"deploy again (-n {op.namespace})") from None
    except Forbidden:
        raise
    except ClusterError as error:
        if error.status == 403:  # report every missing permission, not only the first that was met
            objects = prepared.everything if prepared else rendered(op, request, None, request.values)
            permissions.require(op, objects)
        raise


def _prepare(op: Operation, request: Request) -> Prepared:
    """Decide everything before the cluster is changed. Raises Refused and other errors of a deploy that cannot work."""
    edge = request.login is not None
    target_check.require_same_cluster(
        op, config=request.config, expect=request.expect_cluster, allow_other=request.allow_other_cluster
    )
    installed = status.installed(op)
    target_check.require_same_kind(installed.objects if installed else (), edge=edge)
    prepared = prepare(op, request, installed, server=request.dry_run == "server")
    target_check.require_own(
        op, ownership_conflicts(op, prepared.objects, installed), take=request.take_ownership, edge=edge
    )
    introduce(op, prepared)
    warn(op, prepared)
    warn_of_dropped_values(op, prepared)
    target_check.require_no_loss(prepared.losses, force=request.force)
    return prepared


def _carry_out(work: Deployment) -> Outcome:
    """Everything that changes the cluster. Raises Interrupted for Ctrl-C."""
    try:
        return _refuse(work) or _change(work)
    except KeyboardInterrupt:
        raise deploy_interrupted(work) from None


def _refuse(work: Deployment) -> Outcome | None:
    """The outcome of a deploy that cannot work (obstacles.py); None if it can."""
    op, request = work.op, work.request
    probe = same_cluster.begin(op)
    if references.await_ending(op, work.prepared.objects, timeout_s=request.timeout_s):
        work.installed = status.installed(op)
        work.prepared = prepare(op, request, work.installed)
    if not work.installed:
        permissions.require(op, work.prepared.everything)
    causes, detail = unsuitable(work), "nothing was changed"
    if not causes:
        same_cluster.require_one_cluster(op, probe)
        made = references.ensure_namespace(op, work.prepared.objects)  # missing objects have to be created in it
        causes = missing_references(work)
        detail += f", but namespace {op.namespace} was made" if made else ""
    if not causes:
        return None
    return outcome(work, "unchanged", PreflightFailed.exit_code, assess(work), causes=causes, detail=detail)


def _change(work: Deployment) -> Outcome:
    """Make the new revision, with the release's Lease held. Raises Refused when the user does not confirm."""
    op, prepared = work.op, work.prepared
    _ask(work)
    with hold_lease(op) as lease:
        work.installed = status.reread(op, work.installed)  # another operation may have held the Lease before
        if not work.installed:
            record.forget(op)  # left over by an interrupted uninstall
        _repair(work, lease)
        work.rotation = password_change(op, prepared, work.installed)
        if prepared.secret and (prepared.secret.password or not prepared.secret.exists):
            references.ensure_bus_secret(op, prepared.secret.name, prepared.secret.password or "")
        drifted = _unchanged(work)
        if drifted == []:
            return _attach(work, lease)
        target_check.remember(op, config=work.request.config)
        if drifted is None:
            note_if_it_works(op, work.installed)
        return _upgrade(work, lease, drifted or [])


def _repair(work: Deployment, lease: HeldLease) -> None:
    """Roll back a release that an interrupted operation left pending. This operation holds the Lease, so no other one is at work."""
    op = work.op
    if not (plan := pending_repair(op, work.installed)):
        return
    plan.require_no_loss(force=work.request.force)
    op.report.warn(f"{plan.reason}; rolling back to revision {plan.revision} to repair it (history is kept)")
    installed = plan.installed.objects
    rollout.roll_back(op, plan.revision, work.watch, lease=lease, installed=installed, objects=plan.objects)
    work.installed = status.installed(op)


def _ask(work: Deployment) -> None:
    """Show the user what would change in the installed release, and let them decline. Raises Refused."""
    if not work.request.confirm or not work.installed:
        return
    found = compare(work.op, work.prepared)
    if found.changed:
        work.request.confirm(found)
        work.agreed = True


def _unchanged(work: Deployment) -> list[Drift] | None:
    """What drifted, when the manifests are those of the newest revision ([] = nothing to do); None when they differ."""
    installed = work.installed
    if not installed or installed.newest.status != "deployed" or changes(installed.objects, work.prepared.objects):
        return None
    seen = drift(work.op, installed.objects, work.prepared.objects)
    for name in seen.unseen:
        work.op.report.warn(f"not checked whether {name} was changed since the last deploy: no permission to patch it")
    found = [each for each in seen.drift if each.effect != "left"]
    for each in found:
        work.op.report.warn(work.op.mask(f"changed since the last deploy, {each.description}: {each}"))
    return found


def _attach(work: Deployment, lease: HeldLease) -> Outcome:
    """Deploy nothing: wait for the installed revision if it is not ready yet."""
    op = work.op
    if work.rotation.changed:
        return _rotate(work, lease, made="rotated")
    _note_password(work)
    seen = track.observe(op, work.prepared.expected)
    if seen.ready:
        note_if_it_works(op, work.installed, seen)
        op.report.step("nothing to do: the release already matches the settings, and is ready")
        return outcome(work, "unchanged", 0, seen)
    newest = work.installed.newest.number if work.installed else 0
    op.report.step(f"nothing to change: waiting for revision {newest}, which is not ready yet")
    return _wait(work, lease, made="unchanged")


def _upgrade(work: Deployment, lease: HeldLease, drifted: Sequence[Drift]) -> Outcome:
    """Let Helm make the new revision, then wait for it."""
    op, request = work.op, work.request
    made: Result = "upgraded" if work.installed else "installed"
    work.revision_before = work.installed.newest.number if work.installed else 0
    for loss in work.prepared.losses:
        if loss.replaced:
            lease.check()
            rollout.delete_and_wait(op, loss.kind, loss.component, timeout_s=request.timeout_s)
    op.report.step("helm upgrade" if work.installed else "helm install")
    work.helm_started = True
    child = op.helm.start_upgrade(
        request.chart, work.prepared.values, timeout_s=rollout.HELM_TIMEOUT_S, description=f"{op.command} by {record.user()}",
        force_conflicts=request.force_conflicts or work.agreed or bool(drifted), take_ownership=request.take_ownership,
    )  # fmt: skip
    try:
        done = rollout.run_helm(op, child, work.watch, lease=lease)
        work.installed = status.after_upgrade(op, work.installed, done.stdout, work.prepared.objects)
        _note_password(work)
    except FogflowError as error:
        return recovery.broken(work, lease, error)
    return _rotate(work, lease, made=made) if work.rotation.changed else _wait(work, lease, made=made)


def _note_password(work: Deployment) -> None:
    if work.rotation.overrides:
        work.op.report.warn(
            f"the password in Secret {work.rotation.secret} had been changed; your settings have the password in force, which is restored"
        )
    if not work.rotation.noted and not work.rotation.changed:
        note(work.op, work.rotation)


def _rotate(work: Deployment, lease: HeldLease, *, made: Result) -> Outcome:
    """Put the changed password into force, then wait."""
    try:
        carry_out(work.op, work.rotation, work.prepared.objects, timeout_s=work.request.timeout_s, keep_on=lease.check)
    except OperationFailed as error:
        seen = assess(work)
        return _failed(work, lease, seen, made=made, error=error.message)
    except ClusterError as error:
        if made == "rotated":  # a password change is not rolled back; the next deploy continues it
            raise
        return recovery.broken(work, lease, error)
    return _wait(work, lease, made=made)


def _failed(work: Deployment, lease: HeldLease, seen: Assessment, *, made: Result, error: str = "") -> Outcome:
    """Roll back to the last revision that worked, unless only the password was changed, which no revision restores."""
    if made != "rotated":
        return recovery.failed(work, lease, seen, seen.causes, error=error)
    saved = bundle.save(work.op, seen, why=f"{work.op.command} failed")
    detail = f"left in place: the password of Secret {work.rotation.secret} is the new one"
    return outcome(work, "left-failed", 21, seen, causes=seen.causes, detail=detail, bundle=saved, error=error)


def _wait(work: Deployment, lease: HeldLease, *, made: Result) -> Outcome:
    op, request = work.op, work.request
    if not request.wait:
        return outcome(work, made, 0, assess(work), detail="not waited for (--no-wait)")
    op.report.step("waiting until every component is ready")
    try:
        tracked = rollout.follow(op, work.prepared.expected, work.watch, timeout_s=request.timeout_s, lease=lease)
    except ClusterError as error:
        if made not in ("installed", "upgraded"):  # no revision was made that could be rolled back
            raise
        return recovery.broken(work, lease, error)
    if tracked.end == "ready":
        if work.installed:
            record.note_worked(op, work.installed.newest.number, digest=work.prepared.digest)
        return outcome(work, made, 0, tracked.assessment, detail=_proof(work, tracked.assessment))
    if tracked.end == "advancing":
        detail = f"left as it is: still advancing after {request.timeout_s:g} s"
        seen = tracked.assessment
        saved = bundle.save(op, seen, why=f"{op.command}: time up")
        return outcome(work, "timed-out", 30, seen, causes=seen.causes, detail=detail, bundle=saved)
    return _failed(work, lease, tracked.assessment, made=made)


def _proof(work: Deployment, seen: Assessment) -> str:
    """Whether logins with the changed password were tested; "" when the password was not changed."""
    if not work.rotation.changed:
        return ""
    if seen.health and seen.health.works:
        return PROVED
    why = status.WHY_SIMULATED if work.op.simulated else seen.health.why if seen.health else status.WHY_UNVERIFIED
    return f"{NOT_PROVED}: {why}"


def _dry_run(work: Deployment) -> Outcome:
    """The outcome of a dry run: what would change, with `server` also compared with the live objects. Writes nothing."""
    causes = (*unsuitable(work), *missing_references(work))
    return outcome(
        work,
        "unchanged",
        PreflightFailed.exit_code if causes else 0,
        assess(work),
        causes=causes,
        detail="dry run: nothing was changed",
        difference=compare(work.op, work.prepared, live=work.request.dry_run == "server"),
    )
