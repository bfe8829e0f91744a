"""Deploy: install, upgrade, repair or do nothing, whichever the state asks for; wait; on a failed upgrade go back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from fogflow_k8s.actions import (
    apiserver,
    bundle,
    capacity,
    check,
    guard,
    preflight,
    record,
    recovery,
    rights,
    rollout,
    status,
    track,
)
from fogflow_k8s.actions.drift import drift
from fogflow_k8s.actions.lock import Held, held
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.outcome import Outcome, Result
from fogflow_k8s.actions.work import Request, Work, now, outcome
from fogflow_k8s.errors import ClusterError, FogflowError, Forbidden, PreflightFailed
from fogflow_k8s.model import manifests
from fogflow_k8s.model.catalogue import Cause
from fogflow_k8s.model.diff import Change, changes
from fogflow_k8s.model.presets import Preset, choose, preset_in, said, values_of
from fogflow_k8s.model.release import repair
from fogflow_k8s.model.replacing import losses
from fogflow_k8s.model.shape import shape_of
from fogflow_k8s.model.values_base import merge


def deploy(op: Operation, request: Request) -> Outcome:
    """Bring the release to what was asked for and wait until it is ready.

    Raises FogflowErrors for what stops it before anything is changed; a failure afterwards is an Outcome.
    """
    work = Work(op, request, rollout.Stopwatch(op))
    try:
        return _deploy(work)
    except Forbidden:
        raise
    except ClusterError as error:
        if error.status == 403:  # say all that is missing, not only the first that was met
            rights.require(op, [*work.objects, *work.hooks] or _rendered(work, work.values or request.values))
        raise


def _deploy(work: Work) -> Outcome:
    op, request = work.op, work.request
    guard.require_same_cluster(
        op, config=request.config, expect=request.expect_cluster, allow_other=request.allow_other_cluster
    )
    work.installed = status.installed(op)
    _render(work)
    _introduce(work)
    work.losses = losses(work.installed.objects if work.installed else (), work.objects)
    guard.require_no_loss(work.losses, force=request.force)
    if request.dry_run:
        return _rehearse(work)
    try:
        return _carry_out(work)
    except KeyboardInterrupt:
        raise recovery.interrupted(work) from None


def _carry_out(work: Work) -> Outcome:
    """Everything that changes the cluster."""
    op, request = work.op, work.request
    if not work.installed:
        rights.require(op, [*work.objects, *work.hooks])
    if homeless := _homeless(work):
        return outcome(
            work, "unchanged", PreflightFailed.exit_code, now(work), causes=homeless, says="nothing was changed"
        )
    made = preflight.ensure_namespace(op, work.objects)  # first: what is missing will have to be made in it
    if absent := _absent(work):
        says = f"nothing was changed, but namespace {op.namespace} was made" if made else "nothing was changed"
        return outcome(work, "unchanged", PreflightFailed.exit_code, now(work), causes=absent, says=says)
    with held(op) as lease:
        work.installed = status.reread(op, work.installed)  # another operation may have been faster to the lease
        _repair(work)
        if work.secret and (work.password or not work.secret_exists):
            preflight.ensure_bus_secret(op, work.secret, work.password)
        drifted = _unchanged(work)
        if drifted == []:
            return _attach(work, lease)
        guard.remember(op, config=request.config)
        return _upgrade(work, lease, drifted or [])


def _homeless(work: Work) -> tuple[Cause, ...]:
    """The pods that would find no node; not asked again for what is installed already."""
    if work.installed and not changes(work.installed.objects, work.objects):
        return ()
    return capacity.misfits(work.op, work.objects)


def _absent(work: Work) -> tuple[Cause, ...]:
    """What the objects need and nobody provides; the Secret that we are about to make is not missing."""
    found = preflight.missing(work.op, work.objects)
    return tuple(c for c in found if c.object != f"secret/{work.secret}" or work.secret_exists)


def _render(work: Work) -> None:
    """Decide what the user left to us, and render with it."""
    op, request = work.op, work.request
    work.preset = _preset(work)
    values = apiserver.narrow(op, merge(values_of(work.preset), request.values))
    work.secret, work.secret_exists = preflight.bus_secret(op, values)
    if work.secret:
        values, work.password = preflight.name_secret(values, work.secret)
    _decide_persistence(work, values)
    work.values = values
    made = _rendered(work, values)
    work.objects = [obj for obj in made if not manifests.hook_of(obj)]
    work.hooks = [obj for obj in made if manifests.hook_of(obj)]


def _rendered(work: Work, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The objects that Helm would install, hooks among them."""
    op = work.op
    child = op.helm.start_template(
        work.request.chart, values, upgrade=work.installed is not None, kube_version=op.cluster.version
    )
    return manifests.every(op.helm.read_text(child))


def _preset(work: Work) -> Preset:
    """The preset for this cluster, unless one was asked for or the release has one."""
    nodes = work.op.nodes
    tolerations = (work.request.values.get("global") or {}).get("tolerations") or ()
    shape = None if nodes is None else shape_of(nodes, tolerations)
    installed = preset_in(work.installed.objects) if work.installed else ""
    return choose(shape, asked=work.request.preset, installed=installed)


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
    if op.simulated:
        op.report.warn("the nodes of this cluster are simulated: no container really runs")
    chart = next((str((o["metadata"].get("labels") or {}).get("helm.sh/chart")) for o in work.objects), "fogflow-chart")
    same = installed is not None and not changes(installed.objects, work.objects)
    what = (f"revision {current}" if same else f"revision {current} -> {current + 1}") if current else "first install"
    op.report.step(f"release {op.release} in namespace {op.namespace}: {chart}, {what}")
    if work.preset:
        several = {
            manifests.component_of(o): int(o["spec"]["replicas"]) for o in work.expected if o["kind"] == "StatefulSet"
        }
        op.report.step(said(work.preset, _replicas(work), several))
    _warn(work)


def _warn(work: Work) -> None:
    """What works today and should not stay so."""
    from fogflow_k8s.model.values import Values

    op = work.op
    deprecated = [
        o["metadata"]["name"]
        for o in work.objects
        if o.get("kind") == "Service" and (o.get("spec") or {}).get("externalIPs")
    ]
    if deprecated:
        op.report.warn(
            "externalIPs are deprecated since Kubernetes 1.36 and will stop working; --expose load-balancer or node-port will not"
        )
    if Values.model_validate(work.values).open_to_all:
        op.report.warn(
            "the dashboard is reachable from outside without a login, and whoever reaches it can run any image: "
            "--set expose.basicAuth.existingSecret=SECRET (with key htpasswd)"
        )


def _replicas(work: Work) -> int:
    """How many of nginx there will be, whoever said so."""
    return sum(int(o["spec"].get("replicas", 1)) for o in work.expected if manifests.component_of(o) == "nginx")


def _repair(work: Work) -> None:
    """Make a release usable that a dead operation left pending: we hold its Lease, so nobody is at it."""
    op = work.op
    if not work.installed or not (plan := repair(work.installed.history)):
        return
    op.report.warn(f"{plan.reason}; rolling back to revision {plan.revision} to repair it (history is kept)")
    rollout.roll_back(op, plan.revision, work.watch)
    work.installed = status.installed(op)


def _unchanged(work: Work) -> list[Change] | None:
    """What drifted, when the manifests are those of the newest revision ([] = nothing to do); None when they differ."""
    installed = work.installed
    if not installed or installed.newest.status != "deployed" or changes(installed.objects, work.objects):
        return None
    found = drift(work.op, work.objects)
    for change in found:
        work.op.report.warn(work.op.mask(f"changed since the last deploy, will be put back: {change}"))
    return found


def _attach(work: Work, lease: Held) -> Outcome:
    """Nothing to deploy: wait for the revision that is there, if it is not ready yet."""
    op = work.op
    seen = track.glance(op, work.expected)
    if seen.ready:
        op.report.step("nothing to do: the release is as asked for, and ready")
        return outcome(work, "unchanged", 0, seen)
    newest = work.installed.newest.number if work.installed else 0
    op.report.step(f"nothing to change: waiting for revision {newest}, which is not ready yet")
    return _wait(work, lease, made="unchanged")


def _upgrade(work: Work, lease: Held, drifted: Sequence[Change]) -> Outcome:
    """Let Helm make the new revision, then wait for it."""
    op, request = work.op, work.request
    made: Result = "upgraded" if work.installed else "installed"
    for loss in work.losses:
        if loss.replaced:
            rollout.clear(op, loss.kind, loss.component, timeout_s=request.timeout_s)
    op.report.step("helm upgrade" if work.installed else "helm install")
    advise = (lambda: None) if work.installed else partial(check.advise, op)  # once is enough
    child = op.helm.start_upgrade(
        request.chart, work.values, timeout_s=rollout.HELM_TIMEOUT_S, description=f"{op.command} by {record.user()}",
        force_conflicts=request.force_conflicts or bool(drifted),
    )  # fmt: skip
    try:
        done = rollout.run_helm(op, child, work.watch, meanwhile=advise)
    except ClusterError:
        raise
    except FogflowError as error:
        return recovery.failed(work, lease, now(work), recovery.helm_cause(work, error), error=op.mask(error.message))
    work.installed = status.made(op, work.installed, done.stdout, work.objects)
    return _wait(work, lease, made=made)


def _wait(work: Work, lease: Held, *, made: Result) -> Outcome:
    op, request = work.op, work.request
    if not request.wait:
        return outcome(work, made, 0, now(work), says="not waited for (--no-wait)")
    op.report.step("waiting until every component is ready")
    tracked = rollout.follow(op, work.expected, work.watch, timeout_s=request.timeout_s, lease=lease)
    if tracked.end == "ready":
        if work.installed:
            record.note_worked(op, work.installed.newest.number, digest=work.digest)
        return outcome(work, made, 0, tracked.assessment)
    if tracked.end == "advancing":
        says = f"left as it is: still advancing after {request.timeout_s:g} s"
        seen = tracked.assessment
        saved = bundle.save(op, seen, why=f"{op.command}: time up")
        return outcome(work, "timed-out", 30, seen, causes=seen.causes, says=says, bundle=saved)
    return recovery.failed(work, lease, tracked.assessment, tracked.assessment.causes)


def _rehearse(work: Work) -> Outcome:
    """A dry run: what would change, and (on the server) whether it would be accepted. Nothing is written."""
    op, request = work.op, work.request
    old = work.installed.objects if work.installed else ()
    for change in changes(old, work.objects):
        op.report.log(op.mask(str(change)))
    if request.dry_run == "server" and op.cluster.get("Namespace", op.namespace):
        child = op.helm.start_upgrade(request.chart, work.values, timeout_s=rollout.HELM_TIMEOUT_S, dry_run="server")
        rollout.run_helm(op, child, work.watch)
    lacking = (*_homeless(work), *_absent(work))
    return outcome(
        work,
        "unchanged",
        PreflightFailed.exit_code if lacking else 0,
        now(work),
        causes=lacking,
        says="dry run: nothing was changed",
        dry_run=True,
    )
