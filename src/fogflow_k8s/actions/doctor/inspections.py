"""The inspections of `doctor`: each looks at one subject and returns findings.

They work with an installed release or without one: leftovers of a removed release are findings, too. A subject that this user
may not read is listed as unchecked, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from fogflow_k8s.actions import lock
from fogflow_k8s.actions.bench import leftovers
from fogflow_k8s.actions.observe import status, track
from fogflow_k8s.actions.observe.absence import find_absence
from fogflow_k8s.actions.observe.way_back import with_way_back
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.preconditions import references
from fogflow_k8s.actions.release import rotation
from fogflow_k8s.actions.release.drift import drift
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model import manifests
from fogflow_k8s.model.components import WORKERS
from fogflow_k8s.model.diagnosis import findings as diagnosis_findings
from fogflow_k8s.model.diagnosis import health_report
from fogflow_k8s.model.diagnosis.catalogue import cause
from fogflow_k8s.model.diagnosis.findings import Finding
from fogflow_k8s.model.release.history import repair

_CLAIMS = "app.kubernetes.io/part-of=fogflow"


@dataclass
class Inspection:
    """The result of one run of all inspections."""

    op: Operation
    installed: status.Installed | None
    findings: list[Finding] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)  # subject and reason

    @property
    def busy(self) -> bool:
        """Whether another operation is changing the release. Then nothing is fixed."""
        return any(f.cause.id == "FK-7005" for f in self.findings)


def inspect_release(op: Operation) -> Inspection:
    """Run all inspections; the most severe finding comes first, and each once."""
    inspection = Inspection(op, status.stored(op))
    ending = _part(inspection, "namespaces that are being deleted", lambda: _terminating(op))
    _part(inspection, "other operations on the release", lambda: _stuck(op, inspection.installed))
    if inspection.installed and not ending:
        installed = inspection.installed
        busy = inspection.busy
        _part(inspection, "the release's pods", lambda: _rollout(op, installed, busy=busy))
        _part(inspection, "the objects that the release refers to", lambda: _references(op, installed))
        _part(inspection, "the RabbitMQ password", lambda: _password(op, installed))
        if not repair(installed.history):
            _part(inspection, "manual changes", lambda: _drift(inspection, installed))
    if inspection.installed is None:
        _part(inspection, "objects that Helm did not install", lambda: _unmanaged(op))
    _part(inspection, "tasks without a worker", lambda: _orphans(op))
    _part(inspection, "objects of interrupted measurements", lambda: _bench_leftovers(op))
    _part(inspection, "unused volumes", lambda: _volumes(op, inspection.installed))
    inspection.findings = list({f.key: f for f in reversed(inspection.findings)}.values())[::-1]
    return inspection


def _part(inspection: Inspection, what: str, find: Callable[[], Iterable[Finding]]) -> list[Finding]:
    try:
        found = list(find())
    except ClusterError as error:
        if error.status != 403:
            raise
        inspection.unchecked.append(f"{what}: {error.message}")
        return []
    inspection.findings += found
    return found


def _terminating(op: Operation) -> Iterator[Finding]:
    for name in dict.fromkeys((op.namespace, op.tasks_namespace)):
        namespace = op.cluster.get("Namespace", name)
        if namespace and namespace["metadata"].get("deletionTimestamp"):
            kinds = [kind for kind, (_, _, namespaced) in manifests.RESOURCES.items() if namespaced]
            objects = [o for kind in kinds for o in _listed(op, kind, name)]
            if found := diagnosis_findings.terminating_namespace(
                namespace, diagnosis_findings.finalizer_holders(objects)
            ):
                yield found


def _listed(op: Operation, kind: str, namespace: str) -> list[dict[str, Any]]:
    """The objects of a kind; none when the server does not have the kind, or does not permit to list it."""
    try:
        return op.cluster.list(kind, namespace)
    except ClusterError as error:
        if error.status in (403, 404):
            return []
        raise


def _stuck(op: Operation, installed: status.Installed | None) -> Iterator[Finding]:
    if hold := lock.live_holder(op):
        what = f"{hold.holder} has been changing release {op.release} since {hold.acquired}: {hold.command}"
        yield Finding(cause("FK-7005", "release", f"release/{op.release}", what, namespace=op.namespace))
    elif installed and (plan := repair(installed.history)):
        yield diagnosis_findings.interrupted_operation(plan, op.release, op.namespace)


def _rollout(op: Operation, installed: status.Installed, *, busy: bool) -> Iterator[Finding]:
    seen = track.observe(op, installed.expected)
    if not busy:
        seen = with_way_back(op, installed.history, seen)
    yield from (diagnosis_findings.from_cause(c, seen.health) for c in seen.causes if c.kind != "blocked")
    for each in health_report.subscription_causes(seen.health, op.namespace):
        yield Finding(replace(each, evidence=tuple(map(op.mask, each.evidence))))
    if found := diagnosis_findings.silent_keeper(seen.health, seen.seen.pods, op.cluster.clock(), op.namespace):
        yield found
    if not any(manifests.component_of(o) == "keeper" for o in installed.expected):
        yield Finding(cause("FK-7012", "keeper", "deployment/keeper", status.WHY_UNVERIFIED, namespace=op.namespace))


def _references(op: Operation, installed: status.Installed) -> Iterator[Finding]:
    yield from map(Finding, references.missing(op, installed.objects))


def _password(op: Operation, installed: status.Installed) -> Iterator[Finding]:
    found = rotation.find(op, installed.objects, installed)
    secret = op.cluster.get("Secret", found.secret, op.namespace) if found.secret else None
    finding = partial(
        cause, component="rabbitmq", obj=f"secret/{found.secret}", namespace=op.namespace, name=found.secret
    )
    if secret and "password" in (secret.get("data") or {}) and not rotation.password_in(secret):
        what = f"Secret {found.secret} has an empty password"
        yield Finding(finding("FK-7010", summary=what))
    elif found.changed:
        what = f"the password in Secret {found.secret} was changed, and {', '.join(found.components)} still use the previous one"
        yield Finding(finding("FK-7009", summary=what))


def _drift(inspection: Inspection, installed: status.Installed) -> Iterator[Finding]:
    op = inspection.op
    seen = drift(op, installed.objects, installed.objects)
    inspection.unchecked += [f"whether {name} was changed manually: no permission to patch it" for name in seen.unseen]
    own = f"Secret/{status.bus_secret(installed.objects)}"  # _password reports a change of this Secret
    lines = tuple(op.mask(str(d)) for d in seen.drift if d.effect != "left" and d.object != own)
    if lines:
        what = f"the release differs from revision {installed.newest.number}"
        yield Finding(
            cause("FK-7011", "release", f"release/{op.release}", what, evidence=lines, namespace=op.namespace)
        )


def task_objects(op: Operation) -> list[dict[str, Any]]:
    """The objects of orphaned tasks: tasks whose worker is gone. Empty while a worker exists."""
    workers = ((kind, name) for name in WORKERS for kind in ("Deployment", "StatefulSet"))
    worker = next(filter(None, (op.cluster.get(kind, name, op.namespace) for kind, name in workers)), None)
    pods = op.cluster.list("Pod", op.namespace, f"{manifests.COMPONENT} in ({','.join(WORKERS)})")
    binding = op.cluster.get("RoleBinding", "fogflow-worker", op.tasks_namespace)
    if not diagnosis_findings.worker_is_gone(worker, pods) or not diagnosis_findings.is_used_by(binding, op.namespace):
        return []
    kinds = ("Deployment", "Service", "ConfigMap")  # the upstream worker makes only the first two
    objects = [o for kind in kinds for o in op.cluster.list(kind, op.tasks_namespace)]
    return [dict(o) for o in diagnosis_findings.tasks_in(objects)]


def _unmanaged(op: Operation) -> Iterator[Finding]:
    absence = find_absence(op)
    if found := absence.finding:
        yield Finding(found)
    elif absence.elsewhere:
        op.report.warn(absence.elsewhere_hint)


def _orphans(op: Operation) -> Iterator[Finding]:
    if found := diagnosis_findings.orphaned_tasks(task_objects(op), op.tasks_namespace, op.namespace):
        yield found


def _bench_leftovers(op: Operation) -> Iterator[Finding]:
    if (names := leftovers.names(op)) and lock.live_holder(op) is None:
        what = f"{len(names)} objects of a measurement that was killed"
        yield Finding(
            cause(
                "FK-7018",
                "bench",
                f"release/{op.release}",
                what,
                evidence=tuple(names),
                namespace=op.namespace,
                name=op.release,
            )
        )


def _volumes(op: Operation, installed: status.Installed | None) -> Iterator[Finding]:
    claims = op.cluster.list("PersistentVolumeClaim", op.namespace, _CLAIMS)
    if claims:
        pods = op.cluster.list("Pod", op.namespace)
        yield from diagnosis_findings.unused_claims(
            claims, pods, installed.objects if installed else (), op.cluster.clock()
        )
