"""The state of a release, told in one object: what `status` shows, and what every other verb ends with."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fogflow_k8s.actions import record
from fogflow_k8s.actions.observe import track
from fogflow_k8s.actions.observe.addresses import addresses
from fogflow_k8s.actions.observe.log_evidence import diagnosed
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters.helm import storage
from fogflow_k8s.engine.reporter import Reporter
from fogflow_k8s.errors import ClusterError, NotInstalled
from fogflow_k8s.model import manifests
from fogflow_k8s.model.diagnosis.assessment import Assessment
from fogflow_k8s.model.diagnosis.health_report import HealthReport
from fogflow_k8s.model.release.history import PENDING, Revision, revisions

State = Literal["working", "unverified", "progressing", "degraded", "failed", "absent"]
TASKS = "app.kubernetes.io/component=task"
WHY_UNVERIFIED = "there is no keeper to look into FogFlow itself: pods are ready, which is not proof that it works"
WHY_SIMULATED = "the nodes are simulated: no container runs, so nothing can be proved"


@dataclass(frozen=True)
class Report:
    """One release as of now."""

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

    @property
    def why_unchecked(self) -> str:
        """Why FogFlow itself was not looked at."""
        if self.simulated:
            return WHY_SIMULATED
        return self.assessment.health.why if self.assessment.health else WHY_UNVERIFIED


@dataclass(frozen=True)
class Installed:
    """What Helm has: the newest revision and its objects."""

    history: tuple[Revision, ...]
    objects: tuple[dict[str, Any], ...]
    record: Mapping[str, Any] = field(default_factory=dict)  # ours

    @property
    def newest(self) -> Revision:
        """The newest revision."""
        return self.history[-1]

    @property
    def expected(self) -> list[Mapping[str, Any]]:
        """The workloads that should exist."""
        return manifests.workloads(self.objects)


def installed(op: Operation) -> Installed | None:
    """What Helm has of the release; None when there is no such release."""
    history_child, manifest_child = op.helm.start_history(), op.helm.start_manifest()
    known = record.load(op)  # meanwhile
    history = revisions(op.helm.read_history(history_child), known)
    if not history:
        manifest_child.stop()
        return None
    return _learnt(op, Installed(tuple(history), tuple(manifests.split(op.helm.read_text(manifest_child))), known))


def stored(op: Operation) -> Installed | None:
    """The same, read from Helm's own objects in the cluster: for verbs that only read, which need no helm program.

    Only where Helm keeps releases outside the cluster (HELM_DRIVER=sql) is helm asked. Raises ClusterError, FogflowError.
    """
    kind = storage.kind_of(os.environ)
    if kind is None:
        return installed(op)
    found = storage.read_release(op.cluster, op.release, op.namespace, kind)
    if found is None:
        return None
    known = record.load(op)
    history = tuple(revisions(found.history, known))
    return _learnt(op, Installed(history, tuple(manifests.split(found.manifest)), known))


def _learnt(op: Operation, found: Installed) -> Installed:
    """The same, once the operation knows from it where the tasks are."""
    op.learn(found.objects)
    return found


def reread(
    op: Operation, known: Installed | None, read: Callable[[Operation], Installed | None] = installed
) -> Installed | None:
    """What Helm has now: `known`, when its storage holds exactly those revisions in those states, else what `read` finds."""
    has = {(r.number, r.status) for r in known.history} if known else set()
    return known if has == _labelled(op) else read(op)


def _labelled(op: Operation) -> set[tuple[int, str]] | None:
    """Number and status of every revision, by the labels of Helm's Secrets; None when they are kept elsewhere or hidden."""
    if storage.kind_of(os.environ) != "Secret":
        return None
    try:
        found = op.cluster.labels("Secret", op.namespace, storage.selector(op.release))
        return {(int(each["version"]), each["status"]) for each in found}
    except (ClusterError, KeyError, ValueError):
        return None  # Helm itself will say it, or knows better


def made(op: Operation, before: Installed | None, printed: str, objects: Sequence[dict[str, Any]]) -> Installed | None:
    """What Helm has after an upgrade to `objects`, by the release it printed itself (`--output json`)."""
    try:
        line = storage.history_line(json.loads(printed))
    except (ValueError, KeyError, TypeError):
        return installed(op)
    history = (*(before.history if before else ()), *revisions([line], {}))
    return _learnt(op, Installed(history, tuple(objects), before.record if before else {}))


def status(op: Operation) -> Report:
    """The release's state. Raises NotInstalled."""
    return _seen(op, _require(op))


def watch(op: Operation, tell: Reporter, *, every_s: float) -> Iterator[Report]:
    """The release's state every `every_s` seconds, without end.

    An API server that does not answer, or cannot for the moment, is told once, and is asked again until it answers.
    Raises NotInstalled, and ClusterError when it refuses: the same question would be refused again.
    """
    known: Installed | None = None
    since: float | None = None  # op.clock's seconds when the API server did not answer for the first time
    while True:
        try:
            known = reread(op, known, stored)
            if known is None:
                raise absent(op)
            now = _seen(op, known)
        except ClusterError as error:
            if not error.passing:
                raise
            if since is None:
                since = op.clock.now()
                when = f"{op.today():%H:%M:%S} UTC"
                tell.warn(
                    f"no answer of the API server since {when}: {error.message}; asking again every {every_s:g} s"
                )
        else:
            if since is not None:
                tell.step(f"the API server answers again, after {op.clock.now() - since:.0f} s")
                since = None
            yield now
        op.clock.sleep(every_s)


def _seen(op: Operation, found: Installed) -> Report:
    assessment = diagnosed(op, track.glance(op, found.expected))
    op.report.verdicts(assessment.verdicts(), assessment.causes)
    return report(op, found.newest, assessment, found.objects)


def wait(op: Operation, *, timeout_s: float) -> tuple[Report, track.End]:
    """The state once the newest revision is ready, hopeless, or time is up; and which of these. Raises NotInstalled."""
    found = _require(op)
    tracked = track.track(op, found.expected, timeout_s=timeout_s)
    newest = (reread(op, found, stored) or found).newest  # a pending revision may have come to its end meanwhile
    return report(op, newest, tracked.assessment, found.objects), tracked.end


def absent(op: Operation) -> NotInstalled:
    """The error for a release that is not there."""
    return NotInstalled(
        f"there is no release {op.release} in namespace {op.namespace}", hint="fogflow-k8s deploy --external-ip ADDRESS"
    )


def _require(op: Operation) -> Installed:
    found = stored(op)
    if found is None:
        raise absent(op)
    return found


def report(
    op: Operation,
    revision: Revision | None,
    assessment: Assessment,
    objects: Sequence[Mapping[str, Any]],
) -> Report:
    """The report of a look that was already taken."""
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
    )


def state_of(revision: Revision | None, assessment: Assessment) -> State:
    """The one word for it. Ready pods alone are `unverified`: only the cell itself can say `working`."""
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
    """The Secret from which the bus (or, when it is somebody else's, the master) gets its password."""
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
