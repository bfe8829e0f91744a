"""The state of a release as one object, which `status` and the end of every other command show.

The state is derived from Helm's history (the newest revision), an assessment of the release's pods, and the keeper's health
report. `working` means that the keeper has tested FogFlow; pods that are ready without that are only `unverified`.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from fogflow_k8s.actions import record
from fogflow_k8s.actions.observe import track
from fogflow_k8s.actions.observe.addresses import addresses
from fogflow_k8s.actions.observe.log_evidence import diagnosed
from fogflow_k8s.actions.observe.way_back import with_way_back
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters.helm import storage
from fogflow_k8s.engine.reporter import Reporter
from fogflow_k8s.errors import ClusterError, NotInstalled
from fogflow_k8s.model import manifests
from fogflow_k8s.model.diagnosis.assessment import Assessment
from fogflow_k8s.model.diagnosis.health_report import HealthReport
from fogflow_k8s.model.release import lease
from fogflow_k8s.model.release.history import PENDING, Revision, revisions
from fogflow_k8s.model.settings.worker_choice import Implementation, used

State = Literal["working", "unverified", "progressing", "degraded", "failed", "absent"]
TASKS = "app.kubernetes.io/component=task"
WHY_UNVERIFIED = "the release has no keeper to test FogFlow: pods that are ready do not prove that FogFlow works"
WHY_SIMULATED = "the nodes are simulated: no container runs, so FogFlow cannot be tested"


@dataclass(frozen=True)
class Report:
    """The state of one release at one moment."""

    release: str
    namespace: str
    revision: Revision | None
    context: str
    server: str
    uid: str
    simulated: bool
    state: State
    assessment: Assessment
    tasks: Mapping[str, int] = field(default_factory=dict)  # task pods by the state kubectl shows
    urls: tuple[str, ...] = ()
    bus_secret: str = ""  # the Secret with RabbitMQ's password
    worker: Implementation | None = None  # the worker of the release; None without one
    operation: lease.Hold | None = None  # another operation that is changing the release, or was killed while it did

    @property
    def why_unchecked(self) -> str:
        """Why FogFlow was not tested."""
        if self.simulated:
            return WHY_SIMULATED
        return self.assessment.health.why if self.assessment.health else WHY_UNVERIFIED


@dataclass(frozen=True)
class Installed:
    """A release as Helm stores it: its revisions and the objects of the newest one, with this program's record."""

    history: tuple[Revision, ...]
    objects: tuple[dict[str, Any], ...]
    record: Mapping[str, Any] = field(default_factory=dict)  # as record.load returns it

    @property
    def newest(self) -> Revision:
        """The newest revision."""
        return self.history[-1]

    @property
    def expected(self) -> list[Mapping[str, Any]]:
        """The workloads that should exist."""
        return manifests.workloads(self.objects)


def installed(op: Operation) -> Installed | None:
    """The release, read with the helm program; None when it does not exist."""
    history_child, manifest_child = op.helm.start_history(), op.helm.start_manifest()
    known = record.load(op)  # while helm runs
    history = revisions(op.helm.read_history(history_child), known)
    if not history:
        manifest_child.stop()
        return None
    return _with_tasks_namespace(
        op, Installed(tuple(history), tuple(manifests.split(op.helm.read_text(manifest_child))), known)
    )


def stored(op: Operation) -> Installed | None:
    """The release, read from Helm's Secrets or ConfigMaps, so that commands that only read need no helm program.

    Where Helm stores releases outside the cluster (HELM_DRIVER=sql), helm is run. Raises ClusterError, FogflowError.
    """
    kind = storage.kind_of(os.environ)
    if kind is None:
        return installed(op)
    found = storage.read_release(op.cluster, op.release, op.namespace, kind)
    if found is None:
        return None
    known = record.load(op)
    history = tuple(revisions(found.history, known))
    return _with_tasks_namespace(op, Installed(history, tuple(manifests.split(found.manifest)), known))


def _with_tasks_namespace(op: Operation, found: Installed) -> Installed:
    """The release, after the operation has taken the tasks' namespace from its objects."""
    op.learn(found.objects)
    return found


def reread(
    op: Operation, known: Installed | None, read: Callable[[Operation], Installed | None] = installed
) -> Installed | None:
    """The release as it is now: `known` if its revisions and their states are unchanged, else what `read` returns."""
    has = {(r.number, r.status) for r in known.history} if known else set()
    return known if has == _stored_revisions(op) else read(op)


def _stored_revisions(op: Operation) -> set[tuple[int, str]] | None:
    """Number and status of every revision, from the labels of Helm's Secrets; None when they cannot be read there."""
    if storage.kind_of(os.environ) != "Secret":
        return None
    try:
        found = op.cluster.labels("Secret", op.namespace, storage.selector(op.release))
        return {(int(each["version"]), each["status"]) for each in found}
    except (ClusterError, KeyError, ValueError):
        return None  # the full read reports the error, if there is one


def after_upgrade(
    op: Operation, before: Installed | None, printed: str, objects: Sequence[dict[str, Any]]
) -> Installed | None:
    """The release after an upgrade to `objects`, from the JSON that `helm upgrade --output json` printed."""
    try:
        line = storage.history_line(json.loads(printed))
    except (ValueError, KeyError, TypeError):
        return installed(op)
    history = (*(before.history if before else ()), *revisions([line], {}))
    return _with_tasks_namespace(op, Installed(history, tuple(objects), before.record if before else {}))


def status(op: Operation) -> Report:
    """The release's state. Raises NotInstalled."""
    return _observed(op, require(op))


def watch(op: Operation, reporter: Reporter, *, every_s: float) -> Iterator[Report]:
    """Yield the release's state every `every_s` seconds, without end.

    When the API server does not answer, one warning is reported, and the request is repeated until it answers. Raises
    NotInstalled, and ClusterError for a refused request, which would be refused again.
    """
    known: Installed | None = None
    since: float | None = None  # op.clock's seconds when the API server did not answer for the first time
    while True:
        try:
            known = reread(op, known, stored)
            if known is None:
                raise not_installed(op)
            now = _observed(op, known)
        except ClusterError as error:
            if not error.passing:
                raise
            if since is None:
                since = op.clock.now()
                when = f"{op.today():%H:%M:%S} UTC"
                reporter.warn(
                    f"the API server has not answered since {when}: {error.message}; trying again every {every_s:g} s"
                )
        else:
            if since is not None:
                reporter.step(f"the API server answers again, after {op.clock.now() - since:.0f} s")
                since = None
            yield now
        op.clock.sleep(every_s)


def _observed(op: Operation, found: Installed) -> Report:
    assessment = diagnosed(op, track.observe(op, found.expected))
    operation = _other_operation(op)
    if not operation:  # it goes back by itself
        assessment = with_way_back(op, found.history, assessment)
    op.report.verdicts(assessment.verdicts(), assessment.causes)
    return replace(report(op, found.newest, assessment, found.objects), operation=operation)


def _other_operation(op: Operation) -> lease.Hold | None:
    """Who holds the release's Lease; None when it is free, or when this user may not read it."""
    try:
        found = op.cluster.get("Lease", op.own_name, op.namespace)
    except ClusterError:
        return None
    return lease.read(found) if found else None


def wait(op: Operation, *, timeout_s: float) -> tuple[Report, track.End]:
    """Wait until the newest revision is ready or hopeless, or the timeout passes: the state and the reason. Raises NotInstalled."""
    found = require(op)
    tracked = track.track(op, found.expected, timeout_s=timeout_s)
    newest = (reread(op, found, stored) or found).newest  # a pending revision may have ended in the meantime
    return report(op, newest, tracked.assessment, found.objects), tracked.end


def not_installed(op: Operation) -> NotInstalled:
    """The error for a release that does not exist; it names what there is of FogFlow instead."""
    from fogflow_k8s.actions.observe.absence import find_absence  # a release that exists does not need it

    return find_absence(op).error


def require(op: Operation) -> Installed:
    """The release, read as `stored` does. Raises NotInstalled, ClusterError."""
    found = stored(op)
    if found is None:
        raise not_installed(op)
    return found


def report(
    op: Operation,
    revision: Revision | None,
    assessment: Assessment,
    objects: Sequence[Mapping[str, Any]],
) -> Report:
    """The report for an assessment that the caller has made."""
    return Report(
        release=op.release,
        namespace=op.namespace,
        revision=revision,
        context=op.cluster.context,
        server=op.cluster.server,
        uid=op.cluster.uid,
        simulated=op.simulated,
        state=state_of(revision, assessment),
        assessment=assessment,
        tasks=count_tasks(op),
        urls=tuple(a.url for a in addresses(op, objects)),
        bus_secret=bus_secret(objects),
        worker=used(objects),
    )


def state_of(revision: Revision | None, assessment: Assessment) -> State:
    """The state in one word. Ready pods alone are `unverified`: `working` needs the keeper's health report."""
    if revision is None:
        return "absent"
    if assessment.hopeless or (revision.status == "failed" and not assessment.ready):
        return "failed"
    if assessment.ready:
        return "progressing" if revision.status in PENDING else _state_of_health(assessment.health)
    if revision.status in PENDING or not any(c.kind == "transient" for c in assessment.causes):
        return "progressing"
    return "degraded"


def _state_of_health(health: HealthReport | None) -> State:
    if health is None or not health.checked:
        return "unverified"
    if health.works:
        return "working"
    return "progressing" if health.state == "starting" else "degraded"


def bus_secret(objects: Sequence[Mapping[str, Any]]) -> str:
    """The Secret from which RabbitMQ (or, with an external RabbitMQ, the master) gets the password."""
    for component in ("rabbitmq", "master"):
        for obj in manifests.workloads(objects):
            if manifests.component_of(obj) == component:
                volumes = manifests.pod_spec(obj).get("volumes") or []
                return next((str(v["secret"]["secretName"]) for v in volumes if v.get("secret")), "")
    return ""


def count_tasks(op: Operation) -> dict[str, int]:
    """FogFlow's task pods by the state that kubectl shows for them."""
    try:
        columns, rows = op.cluster.table("Pod", op.tasks_namespace, TASKS)
    except ClusterError as error:
        if error.status in (403, 404):
            return {}
        raise
    if not rows:
        return {}
    where = [c.lower() for c in columns].index("status")
    return dict(Counter(str(row[where]) for row in rows))
