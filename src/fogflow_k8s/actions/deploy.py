"""Deploy: install, upgrade, repair or do nothing, whichever the state asks for; wait; on a failed upgrade go back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Any

from fogflow_k8s.actions import evidence, guard, preflight, record, rollout, status, track
from fogflow_k8s.actions.drift import drift
from fogflow_k8s.actions.lock import Held, held
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.outcome import Outcome, Result
from fogflow_k8s.errors import ClusterError, FogflowError, Interrupted, PreflightFailed
from fogflow_k8s.model import manifests
from fogflow_k8s.model.assessment import Assessment, assess
from fogflow_k8s.model.catalogue import Cause, cause
from fogflow_k8s.model.diff import Change, changes
from fogflow_k8s.model.release import Revision, last_that_worked, repair

PERSISTENCE = ("designer", "persistence", "enabled")


@dataclass(frozen=True)
class Request:
    """What the user asked for. `values` are those a person gave, already validated."""

    chart: Path
    values: Mapping[str, Any]
    config: Path | None = None
    timeout_s: float = 300.0
    wait: bool = True
    rollback_on_failure: bool = True
    force_conflicts: bool = False
    dry_run: str = ""  # "", "client" or "server"
    expect_cluster: str = ""
    allow_other_cluster: bool = False


@dataclass
class Work:
    """A deploy in progress."""

    op: Operation
    request: Request
    watch: rollout.Stopwatch
    values: dict[str, Any] = field(default_factory=dict)
    objects: list[dict[str, Any]] = field(default_factory=list)
    installed: status.Installed | None = None

    @property
    def expected(self) -> list[Mapping[str, Any]]:
        """The workloads that should exist afterwards."""
        return manifests.workloads(self.objects)

    @property
    def digest(self) -> str:
        """The identity of the input: the manifests it renders to."""
        return sha256(dumps(self.objects, sort_keys=True, default=str).encode()).hexdigest()


def deploy(op: Operation, request: Request) -> Outcome:
    """Bring the release to what was asked for and wait until it is ready.

    Raises FogflowErrors for what stops it before anything is changed; a failure afterwards is an Outcome.
    """
    work = Work(op, request, rollout.Stopwatch(op))
    guard.require_same_cluster(
        op, config=request.config, expect=request.expect_cluster, allow_other=request.allow_other_cluster
    )
    work.installed = status.installed(op)
    _render(work)
    _introduce(work)
    if request.dry_run:
        return _rehearse(work)
    preflight.ensure_namespace(op, work.objects)
    with held(op) as lease:
        work.installed = status.installed(op)  # what another operation may have done while we waited for the lease
        _repair(work)
        if secret := preflight.bus_secret(op, request.values):
            preflight.ensure_bus_secret(op, secret)
        if absent := preflight.missing(op, work.objects):
            return _outcome(
                work,
                "unchanged",
                PreflightFailed.exit_code,
                _now(work),
                causes=tuple(absent),
                says="nothing was changed",
            )
        drifted = _unchanged(work)
        if drifted == []:
            return _attach(work, lease)
        guard.remember(op, config=request.config)
        return _upgrade(work, lease, drifted or [])


def _render(work: Work) -> None:
    """Decide what the user left to us, and render with it."""
    op, request = work.op, work.request
    values = dict(request.values)
    if secret := preflight.bus_secret(op, values):
        bus = dict(values.get("rabbitmq") or {})
        values["rabbitmq"] = {**bus, "auth": {**(bus.get("auth") or {}), "existingSecret": secret}}
    _decide_persistence(work, values)
    work.values = values
    child = op.helm.start_template(
        request.chart, values, upgrade=work.installed is not None, kube_version=op.cluster.version
    )
    work.objects = manifests.split(op.helm.read_text(child))


def _decide_persistence(work: Work, values: dict[str, Any]) -> None:
    """The designer's volume: on when the cluster has a default StorageClass; decided at the install, never flipped."""
    designer = dict(values.get("designer") or {})
    persistence = dict(designer.get("persistence") or {})
    if "enabled" in persistence:
        return
    if work.installed:
        had = any(
            o.get("kind") == "PersistentVolumeClaim" and manifests.component_of(o) == "designer"
            for o in work.installed.objects
        )
    else:
        had = bool(preflight.default_storage_class(work.op))
    if had:
        values["designer"] = {**designer, "persistence": {**persistence, "enabled": True}}


def _introduce(work: Work) -> None:
    """The first lines of every deploy: where, what, from which revision to which."""
    op, installed = work.op, work.installed
    current = installed.newest.number if installed else 0
    op.report.step(
        f"cluster {op.cluster.context} ({op.cluster.server}, {op.cluster.version}, uid {op.cluster.uid or 'not readable'})"
    )
    if status.is_simulated(op):
        op.report.warn("the nodes of this cluster are simulated: no container really runs")
    chart = next((str((o["metadata"].get("labels") or {}).get("helm.sh/chart")) for o in work.objects), "fogflow-chart")
    same = installed is not None and not changes(installed.objects, work.objects)
    what = (f"revision {current}" if same else f"revision {current} -> {current + 1}") if current else "first install"
    op.report.step(f"release {op.release} in namespace {op.namespace}: {chart}, {what}")
    deprecated = [
        o["metadata"]["name"]
        for o in work.objects
        if o.get("kind") == "Service" and (o.get("spec") or {}).get("externalIPs")
    ]
    if deprecated:
        op.report.warn(
            "externalIPs are deprecated since Kubernetes 1.36 and will stop working; --expose load-balancer or node-port will not"
        )


def _repair(work: Work) -> None:
    """Make a release usable that a dead operation left pending: we hold its Lease, so nobody is at it."""
    op = work.op
    if not work.installed or not (plan := repair(work.installed.history)):
        return
    op.report.warn(f"{plan.reason}; rolling back to revision {plan.revision} to repair it (history is kept)")
    rollout.run_helm(
        op, op.helm.start_rollback(plan.revision, timeout_s=rollout.HELM_TIMEOUT_S, force_conflicts=True), work.watch
    )
    work.installed = status.installed(op)


def _unchanged(work: Work) -> list[Change] | None:
    """What drifted, when the manifests are those of the newest revision ([] = nothing to do); None when they differ."""
    installed = work.installed
    if not installed or installed.newest.status != "deployed" or changes(installed.objects, work.objects):
        return None
    found = drift(work.op, work.objects)
    for change in found:
        work.op.report.warn(f"changed since the last deploy, will be put back: {change}")
    return found


def _attach(work: Work, lease: Held) -> Outcome:
    """Nothing to deploy: wait for the revision that is there, if it is not ready yet."""
    op = work.op
    now = assess(work.expected, track.look(op, work.expected))
    if now.ready:
        op.report.step("nothing to do: the release is as asked for, and ready")
        return _outcome(work, "unchanged", 0, now)
    newest = work.installed.newest.number if work.installed else 0
    op.report.step(f"nothing to change: waiting for revision {newest}, which is not ready yet")
    return _wait(work, lease, made="unchanged")


def _upgrade(work: Work, lease: Held, drifted: Sequence[Change]) -> Outcome:
    """Let Helm make the new revision, then wait for it."""
    op, request = work.op, work.request
    made: Result = "upgraded" if work.installed else "installed"
    op.report.step("helm upgrade" if work.installed else "helm install")
    child = op.helm.start_upgrade(
        request.chart, work.values, timeout_s=rollout.HELM_TIMEOUT_S, description=f"{op.command} by {record.user()}",
        force_conflicts=request.force_conflicts or bool(drifted),
    )  # fmt: skip
    try:
        rollout.run_helm(op, child, work.watch)
    except KeyboardInterrupt:
        raise _interrupted(work) from None
    except ClusterError:
        raise
    except FogflowError as error:
        return _failed(work, lease, _now(work), _helm_cause(work, error), error=error.message)
    work.installed = status.installed(op)
    return _wait(work, lease, made=made)


def _wait(work: Work, lease: Held, *, made: Result) -> Outcome:
    op, request = work.op, work.request
    if not request.wait:
        return _outcome(work, made, 0, _now(work), says="not waited for (--no-wait)")
    op.report.step("waiting until every component is ready")
    try:
        tracked = rollout.follow(op, work.expected, work.watch, timeout_s=request.timeout_s, lease=lease)
    except KeyboardInterrupt:
        raise _interrupted(work) from None
    if tracked.end == "ready":
        if work.installed:
            record.note_worked(op, work.installed.newest.number, digest=work.digest)
        return _outcome(work, made, 0, tracked.assessment)
    if tracked.end == "advancing":
        says = f"left as it is: still advancing after {request.timeout_s:g} s"
        return _outcome(work, "timed-out", 30, tracked.assessment, causes=tracked.assessment.causes, says=says)
    return _failed(work, lease, tracked.assessment, tracked.assessment.causes)


def _failed(work: Work, lease: Held, seen: Assessment, causes: tuple[Cause, ...], *, error: str = "") -> Outcome:
    """Save the evidence, then take a failed upgrade back; a first install stays, so that it can be looked at."""
    op, request = work.op, work.request
    folder = evidence.save(op, seen, op.helm.manifest() if work.installed else "")
    for each in causes[:1]:
        op.report.warn(f"{each.id} {each.summary}")
    history = (status.installed(op) or work.installed or status.Installed((), ())).history
    good = last_that_worked(history, before=history[-1].number) if history else None
    found: dict[str, Any] = {"causes": causes, "evidence": folder, "error": error}
    if good is None or not request.rollback_on_failure:
        why = "a first install has nothing to go back to" if good is None else "--no-rollback-on-failure"
        return _outcome(work, "left-failed", 21, seen, says=f"left in place: {why}", **found)
    return _take_back(work, lease, good, found)


def _take_back(work: Work, lease: Held, good: Revision, found: dict[str, Any]) -> Outcome:
    op = work.op
    if not good.verified:
        op.report.log(
            f"revision {good.number} is the newest that Helm calls {good.status}; whether it worked is not on record"
        )
    try:
        tracked, problem = rollout.attempt(
            lambda: rollout.go_back(op, good.number, work.watch, timeout_s=work.request.timeout_s, lease=lease)
        )
    except KeyboardInterrupt:
        raise _interrupted(work) from None
    work.installed = status.installed(op)
    if tracked and tracked.end == "ready":
        if work.installed:
            record.note_worked(op, work.installed.newest.number, digest="")
        says = f"rolled back to revision {good.number}, which is ready again"
        return _outcome(work, "rolled-back", 20, tracked.assessment, says=says, **found)
    why = problem.message if problem else "it did not become ready"
    says = f"the rollback to revision {good.number} failed, too: {why}"
    return _outcome(work, "rollback-failed", 22, tracked.assessment if tracked else _now(work), says=says, **found)


def _helm_cause(work: Work, error: FogflowError) -> tuple[Cause, ...]:
    id_ = "FK-7002" if type(error).__name__ == "HelmConflict" else "FK-7001"
    what = "fields of the release are owned by somebody else" if id_ == "FK-7002" else "helm could not carry it out"
    return (cause(id_, "release", f"release/{work.op.release}", what, evidence=tuple(error.message.splitlines()[:8])),)


def _interrupted(work: Work) -> Interrupted:
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


def _rehearse(work: Work) -> Outcome:
    """A dry run: what would change, and (on the server) whether it would be accepted. Nothing is written."""
    op, request = work.op, work.request
    old = work.installed.objects if work.installed else ()
    for change in changes(old, work.objects):
        op.report.log(str(change))
    if request.dry_run == "server" and op.cluster.get("Namespace", op.namespace):
        child = op.helm.start_upgrade(request.chart, work.values, timeout_s=rollout.HELM_TIMEOUT_S, dry_run="server")
        rollout.run_helm(op, child, work.watch)
    own = {preflight.bus_secret(op, request.values)}
    absent = [c for c in preflight.missing(op, work.objects) if c.object not in {f"secret/{name}" for name in own}]
    return _outcome(
        work,
        "unchanged",
        PreflightFailed.exit_code if absent else 0,
        _now(work),
        causes=tuple(absent),
        says="dry run: nothing was changed",
        dry_run=True,
    )


def _now(work: Work) -> Assessment:
    expected = work.installed.expected if work.installed else []
    return assess(expected, track.look(work.op, expected))


def _outcome(work: Work, result: Result, exit_code: int, seen: Assessment, **more: Any) -> Outcome:
    op = work.op
    newest = work.installed.newest if work.installed else None
    report = status.report(
        op,
        newest,
        seen,
        work.objects if result != "rolled-back" else (work.installed.objects if work.installed else ()),
    )
    return Outcome(result, exit_code, report, seconds=work.watch.seconds(), **more)
