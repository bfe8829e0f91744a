"""What `doctor` reports in addition to the causes of a failed rollout: what earlier operations and people left behind.

Examples are an interrupted operation, task objects without a worker, a namespace that does not terminate, an unused volume claim.
A finding is a cause of the catalogue together with the fix that `doctor --fix` can apply, if there is a safe one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from fogflow_k8s.model.diagnosis.catalogue import Cause, cause
from fogflow_k8s.model.diagnosis.health_report import HealthReport
from fogflow_k8s.model.diagnosis.pod_status import condition
from fogflow_k8s.model.kubernetes import Obj, spec_of, status_of
from fogflow_k8s.model.manifests import component_of, keeps_tasks, pod_spec, workloads
from fogflow_k8s.model.release.history import Repair

Fix = Literal["", "roll-back", "delete-tasks", "restart-keeper", "restart"]
TASK_PREFIX = "fogflow-task-"  # of the objects that a worker creates; the keeper recognises tasks by the same prefix
PATIENCE_S = 60.0  # a keeper that runs has reported within this time
_FOGFLOW_CAUSES = ("FK-6002", "FK-6003", "FK-6004", "FK-6005", "FK-6006", "FK-6007")
_ACTIONS: Mapping[Fix, str] = {
    "delete-tasks": "delete these task objects, and nothing else",
    "restart-keeper": "restart the keeper",
    "restart": "restart every component in order if the keeper does not repair FogFlow within a minute",
}


@dataclass(frozen=True)
class Finding:
    """One problem, and the fix that `doctor --fix` applies; "" = none, because only the user can decide.

    `action` describes the fix as an imperative, `fixed` tells whether the problem was gone afterwards.
    """

    cause: Cause
    fix: Fix = ""
    action: str = ""
    fixed: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Identifies the finding across two observations."""
        return self.cause.id, self.cause.object


def interrupted_operation(plan: Repair, release: str, namespace: str) -> Finding:
    """The finding for a release whose last operation was interrupted."""
    found = cause("FK-7004", "release", f"release/{release}", plan.reason, namespace=namespace)
    return Finding(found, "roll-back", f"roll back to revision {plan.revision}; the history is kept")


def from_cause(found: Cause, health: HealthReport | None) -> Finding:
    """The finding for a cause that `status` shows, too. A restart fixes causes inside FogFlow that the keeper has not repaired."""
    fix: Fix = ""
    if found.id == "FK-6008":
        fix = "restart-keeper"
    elif found.id in _FOGFLOW_CAUSES and health is not None and health.checked and health.state == "degraded":
        fix = "restart"
    return Finding(found, fix, _ACTIONS.get(fix, ""))


def silent_keeper(health: HealthReport | None, pods: Sequence[Obj], now: datetime, namespace: str) -> Finding | None:
    """The finding for a keeper whose pod is ready and which has not reported for PATIENCE_S."""
    if health is None or health.checked or health.age_s is not None:
        return None
    for pod in pods:
        since = _ready_since(pod)
        if component_of(pod) == "keeper" and since and (now - since).total_seconds() > PATIENCE_S:
            found = cause("FK-6008", "keeper", "deployment/keeper", health.why, namespace=namespace)
            return Finding(found, "restart-keeper", _ACTIONS["restart-keeper"])
    return None


def orphaned_tasks(objects: Iterable[Obj], namespace: str, home: str) -> Finding | None:
    """The finding for task objects that no worker manages any more. `home` is the namespace of the release."""
    names = tuple(f"{o['kind']}/{o['metadata']['name']}" for o in tasks_in(objects))
    if not names:
        return None
    what = f"{len(names)} objects of tasks are in namespace {namespace}, and no worker manages them"
    return Finding(
        cause("FK-7006", "tasks", f"namespace/{namespace}", what, evidence=names, namespace=home),
        "delete-tasks",
        _ACTIONS["delete-tasks"],
    )


def tasks_in(objects: Iterable[Obj]) -> list[Obj]:
    """The objects that a worker created for a task and that are not being deleted."""
    return [
        o
        for o in objects
        if str(o["metadata"]["name"]).startswith(TASK_PREFIX) and not o["metadata"].get("deletionTimestamp")
    ]


def is_used_by(binding: Obj | None, namespace: str) -> bool:
    """Whether only the worker in `namespace`, or no worker, has permissions in the tasks namespace with this RoleBinding."""
    return all(subject.get("namespace") == namespace for subject in (binding or {}).get("subjects") or [])


def worker_is_gone(worker: Obj | None, pods: Sequence[Obj]) -> bool:
    """Whether there is no worker and none will start. A worker that keeps its tasks counts as present even when scaled to 0."""
    if worker and keeps_tasks(worker):
        return False
    return not pods and not spec_of(worker or {}).get("replicas", 1 if worker else 0)


def terminating_namespace(namespace: Obj, holders: Sequence[str]) -> Finding | None:
    """The finding for a namespace that is being deleted, with the reasons from its conditions and `holders`."""
    if not namespace["metadata"].get("deletionTimestamp"):
        return None
    name = str(namespace["metadata"]["name"])
    reasons = [
        str(c.get("message") or c.get("type"))
        for c in status_of(namespace).get("conditions") or []
        if c.get("status") == "True"
    ]
    what = f"namespace {name} has been terminating since {namespace['metadata']['deletionTimestamp']}"
    return Finding(cause("FK-7007", "release", f"namespace/{name}", what, evidence=(*reasons, *holders), name=name))


def finalizer_holders(objects: Iterable[Obj]) -> list[str]:
    """A line for each object with finalizers, which the controllers that set them must remove."""
    return [
        f"{o['kind']}/{o['metadata']['name']} is held by finalizer {', '.join(o['metadata']['finalizers'])}"
        for o in objects
        if o["metadata"].get("finalizers")
    ]


def unused_claims(claims: Iterable[Obj], pods: Iterable[Obj], objects: Iterable[Obj], now: datetime) -> list[Finding]:
    """Findings for claims that no pod mounts and no workload of the release refers to."""
    used = {
        str((volume.get("persistentVolumeClaim") or {}).get("claimName"))
        for owner in (*pods, *workloads(objects))
        for volume in pod_spec(owner).get("volumes") or []
    }
    return [_kept(claim, now) for claim in claims if claim["metadata"]["name"] not in used]


def _kept(claim: Obj, now: datetime) -> Finding:
    metadata, spec, status = claim["metadata"], spec_of(claim), status_of(claim)
    name, namespace = str(metadata["name"]), str(metadata.get("namespace", ""))
    size = (status.get("capacity") or (spec.get("resources") or {}).get("requests") or {}).get("storage", "?")
    old = format_age((now - datetime.fromisoformat(str(metadata["creationTimestamp"]))).total_seconds())
    what = f"claim {name} ({size}, {old} old) is kept from an earlier release, and nothing uses it"
    volume = (f"volume {spec['volumeName']}",) if spec.get("volumeName") else ()
    return Finding(
        cause("FK-7008", "release", f"persistentvolumeclaim/{name}", what, evidence=volume, namespace=namespace, name=name)
    )  # fmt: skip


def format_age(seconds: float) -> str:
    """A duration for people, in the largest unit of which it has at least two: 90 seconds, 3 hours."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} seconds"


def with_fixed(before: Sequence[Finding], after: Sequence[Finding]) -> list[Finding]:
    """The findings of before, marked as fixed where they are gone, then those that are new afterwards."""
    left, known = {f.key for f in after}, {f.key for f in before}
    return [
        *(replace(f, fixed=f.key not in left) for f in before),
        *(f for f in after if f.key not in known),
    ]


def _ready_since(pod: Obj) -> datetime | None:
    for each in status_of(pod).get("conditions") or []:
        if each.get("type") == "Ready" and condition(pod, "Ready") == "True" and each.get("lastTransitionTime"):
            return datetime.fromisoformat(str(each["lastTransitionTime"]))
    return None
