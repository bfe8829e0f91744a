"""What `doctor` looks for beside the causes of a failed rollout: what earlier operations and people left behind. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from fogflow_k8s.model.diagnosis.catalogue import Cause, cause
from fogflow_k8s.model.diagnosis.health_report import Cell
from fogflow_k8s.model.diagnosis.pod_status import condition
from fogflow_k8s.model.kubernetes import Obj, spec_of, status_of
from fogflow_k8s.model.manifests import component_of, keeps_tasks, pod_spec, workloads
from fogflow_k8s.model.release.history import Repair

Fix = Literal["", "roll-back", "delete-tasks", "restart-keeper", "restart"]
TASK_PREFIX = "fogflow-task-"  # of what a worker makes; the keeper (files/keeper/cell.py) tells its tasks by it, too
PATIENCE_S = 60.0  # within which a keeper that runs has reported
_OF_CELL = ("FK-6002", "FK-6003", "FK-6004", "FK-6005", "FK-6006", "FK-6007")
_DOES: Mapping[Fix, str] = {
    "delete-tasks": "delete these task objects, and nothing else",
    "restart-keeper": "restart the keeper",
    "restart": "restart every component in order, if the keeper does not mend it within a minute",
}


@dataclass(frozen=True)
class Finding:
    """One trouble, and what `doctor --fix` does about it ("" = nothing: only people can know whether it may be done)."""

    cause: Cause
    fix: Fix = ""
    does: str = ""
    fixed: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same finding at the next look."""
        return self.cause.id, self.cause.object

    @property
    def mend(self) -> str:
        """The command, or what else there is to do."""
        return next(iter(self.cause.advice), "")


def stuck(plan: Repair, release: str, namespace: str) -> Finding:
    """A release in the middle of which an operation died."""
    found = cause("FK-7004", "release", f"release/{release}", plan.reason, namespace=namespace)
    return Finding(found, "roll-back", f"roll back to revision {plan.revision}; the history is kept")


def of_cause(found: Cause, cell: Cell | None) -> Finding:
    """A cause that `status` would tell, too. FogFlow's own are mended by restarts, unless the keeper is at it now."""
    fix: Fix = ""
    if found.id == "FK-6008":
        fix = "restart-keeper"
    elif found.id in _OF_CELL and cell is not None and cell.checked and cell.state == "degraded":
        fix = "restart"
    return Finding(found, fix, _DOES.get(fix, ""))


def silent(cell: Cell | None, pods: Sequence[Obj], now: datetime, namespace: str) -> Finding | None:
    """A keeper whose pod has been ready for long, and that never reported."""
    if cell is None or cell.checked or cell.age_s is not None:
        return None
    for pod in pods:
        since = _ready_since(pod)
        if component_of(pod) == "keeper" and since and (now - since).total_seconds() > PATIENCE_S:
            said = cause("FK-6008", "keeper", "deployment/keeper", cell.why, namespace=namespace)
            return Finding(said, "restart-keeper", _DOES["restart-keeper"])
    return None


def orphans(objects: Iterable[Obj], namespace: str, home: str) -> Finding | None:
    """The objects of tasks, when nobody is left who would end them."""
    names = tuple(f"{o['kind']}/{o['metadata']['name']}" for o in tasks_in(objects))
    if not names:
        return None
    what = f"{len(names)} objects of tasks are in namespace {namespace}, and there is no worker that knows of them"
    return Finding(
        cause("FK-7006", "tasks", f"namespace/{namespace}", what, evidence=names, namespace=home),
        "delete-tasks",
        _DOES["delete-tasks"],
    )


def tasks_in(objects: Iterable[Obj]) -> list[Obj]:
    """Those of the objects that a worker made for a task, and that nobody has told to go yet."""
    return [
        o
        for o in objects
        if str(o["metadata"]["name"]).startswith(TASK_PREFIX) and not o["metadata"].get("deletionTimestamp")
    ]


def works_for(binding: Obj | None, namespace: str) -> bool:
    """Whether a tasks namespace is that namespace's: its worker alone has rights there (or nobody has)."""
    return all(subject.get("namespace") == namespace for subject in (binding or {}).get("subjects") or [])


def worker_is_gone(worker: Obj | None, pods: Sequence[Obj]) -> bool:
    """Whether no worker is there, nor about to come. One that keeps its tasks, scaled to 0, finds them again when it is back."""
    if worker and keeps_tasks(worker):
        return False
    return not pods and not spec_of(worker or {}).get("replicas", 1 if worker else 0)


def terminating(namespace: Obj, holders: Sequence[str]) -> Finding | None:
    """A namespace that is being deleted, with everything that the server and the objects themselves say of why."""
    if not namespace["metadata"].get("deletionTimestamp"):
        return None
    name = str(namespace["metadata"]["name"])
    said = [
        str(c.get("message") or c.get("type"))
        for c in status_of(namespace).get("conditions") or []
        if c.get("status") == "True"
    ]
    what = f"namespace {name} has been ending since {namespace['metadata']['deletionTimestamp']}"
    return Finding(cause("FK-7007", "release", f"namespace/{name}", what, evidence=(*said, *holders), name=name))


def holding(objects: Iterable[Obj]) -> list[str]:
    """The objects with finalizers: each must be taken away by whoever set it."""
    return [
        f"{o['kind']}/{o['metadata']['name']} is held by finalizer {', '.join(o['metadata']['finalizers'])}"
        for o in objects
        if o["metadata"].get("finalizers")
    ]


def unused(claims: Iterable[Obj], pods: Iterable[Obj], objects: Iterable[Obj], now: datetime) -> list[Finding]:
    """The claims that no pod mounts and no workload of the release asks for."""
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
    old = age((now - datetime.fromisoformat(str(metadata["creationTimestamp"]))).total_seconds())
    what = f"claim {name} ({size}, {old} old) is kept from an earlier release, and nothing uses it"
    volume = (f"volume {spec['volumeName']}",) if spec.get("volumeName") else ()
    return Finding(
        cause("FK-7008", "release", f"persistentvolumeclaim/{name}", what, evidence=volume, namespace=namespace, name=name)
    )  # fmt: skip


def age(seconds: float) -> str:
    """How old something is, in the largest unit of which there are two."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} seconds"


def remaining(before: Sequence[Finding], after: Sequence[Finding]) -> list[Finding]:
    """Everything found, what is gone now marked as fixed; then what came up only afterwards."""
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
