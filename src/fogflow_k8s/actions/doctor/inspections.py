"""Everything that `doctor` can see on a cluster, with a release or without one. What we may not look at is said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from fogflow_k8s.actions import lock
from fogflow_k8s.actions.observe import status, track
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
class Look:
    """One look at the release and what is around it."""

    op: Operation
    installed: status.Installed | None
    findings: list[Finding] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)  # and why

    @property
    def busy(self) -> bool:
        """Whether somebody alive is at the release: nothing is touched then."""
        return any(f.cause.id == "FK-7005" for f in self.findings)


def look(op: Operation) -> Look:
    """Every finding, the gravest first, each once."""
    it = Look(op, status.stored(op))
    ending = _part(it, "namespaces that are being deleted", lambda: _terminating(op))
    _part(it, "who is at work on the release", lambda: _stuck(op, it.installed))
    if it.installed and not ending:
        installed = it.installed
        _part(it, "the release's pods", lambda: _rollout(op, installed))
        _part(it, "what the release refers to", lambda: _references(op, installed))
        _part(it, "the RabbitMQ password", lambda: _password(op, installed))
        if not repair(installed.history):
            _part(it, "changes by hand", lambda: _drift(it, installed))
    _part(it, "tasks without a worker", lambda: _orphans(op))
    _part(it, "volumes that nothing uses", lambda: _volumes(op, it.installed))
    it.findings = list({f.key: f for f in reversed(it.findings)}.values())[::-1]
    return it


def _part(it: Look, what: str, find: Callable[[], Iterable[Finding]]) -> list[Finding]:
    try:
        found = list(find())
    except ClusterError as error:
        if error.status != 403:
            raise
        it.unchecked.append(f"{what}: {error.message}")
        return []
    it.findings += found
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
    """The objects of a kind; none where the server does not know it, or does not show it."""
    try:
        return op.cluster.list(kind, namespace)
    except ClusterError as error:
        if error.status in (403, 404):
            return []
        raise


def _stuck(op: Operation, installed: status.Installed | None) -> Iterator[Finding]:
    if hold := lock.living(op):
        what = f"{hold.holder} has been at work on release {op.release} since {hold.acquired}: {hold.command}"
        yield Finding(cause("FK-7005", "release", f"release/{op.release}", what, namespace=op.namespace))
    elif installed and (plan := repair(installed.history)):
        yield diagnosis_findings.interrupted_operation(plan, op.release, op.namespace)


def _rollout(op: Operation, installed: status.Installed) -> Iterator[Finding]:
    seen = track.glance(op, installed.expected)
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
    told = partial(cause, component="rabbitmq", obj=f"secret/{found.secret}", namespace=op.namespace, name=found.secret)
    if secret and "password" in (secret.get("data") or {}) and not rotation.password_in(secret):
        what = f"Secret {found.secret} has an empty password"
        yield Finding(told("FK-7010", summary=what))
    elif found.changed:
        what = f"the password in Secret {found.secret} was changed, and {', '.join(found.components)} run with another"
        yield Finding(told("FK-7009", summary=what))


def _drift(it: Look, installed: status.Installed) -> Iterator[Finding]:
    op = it.op
    seen = drift(op, installed.objects, installed.objects)
    it.unchecked += [f"whether {name} was changed by hand: no right to patch it" for name in seen.unseen]
    own = f"Secret/{status.bus_secret(installed.objects)}"  # its password is judged by itself
    lines = tuple(op.mask(str(d)) for d in seen.drift if d.effect != "left" and d.object != own)
    if lines:
        what = f"the release is not as revision {installed.newest.number} left it"
        yield Finding(
            cause("FK-7011", "release", f"release/{op.release}", what, evidence=lines, namespace=op.namespace)
        )


def task_objects(op: Operation) -> list[dict[str, Any]]:
    """The objects of tasks that nobody looks after; none while there is a worker."""
    workers = ((kind, name) for name in WORKERS for kind in ("Deployment", "StatefulSet"))
    worker = next(filter(None, (op.cluster.get(kind, name, op.namespace) for kind, name in workers)), None)
    pods = op.cluster.list("Pod", op.namespace, f"{manifests.COMPONENT} in ({','.join(WORKERS)})")
    binding = op.cluster.get("RoleBinding", "fogflow-worker", op.tasks_namespace)
    if not diagnosis_findings.worker_is_gone(worker, pods) or not diagnosis_findings.is_used_by(binding, op.namespace):
        return []
    kinds = ("Deployment", "Service", "ConfigMap")  # upstream's worker makes the first two only
    objects = [o for kind in kinds for o in op.cluster.list(kind, op.tasks_namespace)]
    return [dict(o) for o in diagnosis_findings.tasks_in(objects)]


def _orphans(op: Operation) -> Iterator[Finding]:
    if found := diagnosis_findings.orphaned_tasks(task_objects(op), op.tasks_namespace, op.namespace):
        yield found


def _volumes(op: Operation, installed: status.Installed | None) -> Iterator[Finding]:
    claims = op.cluster.list("PersistentVolumeClaim", op.namespace, _CLAIMS)
    if claims:
        pods = op.cluster.list("Pod", op.namespace)
        yield from diagnosis_findings.unused_claims(
            claims, pods, installed.objects if installed else (), op.cluster.clock()
        )
