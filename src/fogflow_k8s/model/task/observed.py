"""The tasks of a release, read from the objects of the cluster. Pure.

`task list` and the other commands show tasks of both workers. The native worker stores each task and its status in the
annotations of the task's Deployment (see record.py). The upstream worker stores nothing: its Deployment is called
`fogflow-task-PORT`, the id and the outputs of the task are in the variable `adminCfg` of its container, and its state is
that of its pods. The inputs of such a task and its worker are unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.model.diagnosis.catalogue import Cause
from fogflow_k8s.model.diagnosis.pods import pod_causes
from fogflow_k8s.model.kubernetes import Obj, annotations_of, labels_of, spec_of, status_of
from fogflow_k8s.model.task.fogflow_task import Task
from fogflow_k8s.model.task.record import DESIRED, NAME, PREFIX, STATES, STATUS, TASK, WORKER

NATIVE_SELECTOR = f"app.kubernetes.io/name={NAME}"
"""The label selector of the objects that the native worker creates."""
_ADMIN = "adminCfg"
_FNV_BASIS, _FNV_PRIME = 2166136261, 16777619


@dataclass(frozen=True)
class ObservedTask:
    """One task in the cluster. A field that is not known is empty.

    `object` is the name of its Deployment, `cause` an id of the catalogue (docs/errors.md), `outputs` pairs of entity type
    and id. `annotated` tasks are those of the native worker; `started` tasks have a log.
    """

    object: str
    id: str
    topology: str
    task: str
    state: str
    reason: str = ""
    cause: str = ""
    worker: str = ""
    image: str = ""
    created: str = ""
    restarts: int = 0
    ready: bool = False
    annotated: bool = False
    outputs: tuple[tuple[str, str], ...] = ()
    pods: tuple[str, ...] = ()
    started: bool = False

    @property
    def name(self) -> str:
        """The name by which messages refer to the task: its id, or its Deployment when the id is unknown."""
        return self.id or self.object


def observe_tasks(
    deployments: Sequence[Obj], pods: Sequence[Obj], events: Sequence[Obj] = (), nodes: Sequence[Obj] = ()
) -> list[ObservedTask]:
    """The tasks among these objects, by topology and id; events and nodes explain why a task is not ready."""
    tasks = []
    for obj in deployments:
        if _name(obj).startswith(PREFIX):
            own = _selected(obj, pods)
            tasks.append(_observed(obj, own, [c for pod in own for c in pod_causes(pod, events, "task", nodes)]))
    return sorted(tasks, key=lambda task: (task.topology, task.id, task.object))


def tasks_without_deployment(config_maps: Sequence[Obj], deployments: Sequence[Obj]) -> list[Obj]:
    """The ConfigMaps with tasks of the native worker whose Deployment the API server rejected."""
    existing = {_name(obj) for obj in deployments}
    return [each for each in config_maps if TASK in annotations_of(each) and _name(each) not in existing]


def group_key(entity: str) -> str:
    """The end of the id of the task of one entity: FNV-1a (32 bits) of the JSON of the entity's id, as in FogFlow's master."""
    value = _FNV_BASIS
    for byte in json.dumps(entity, ensure_ascii=False).encode():
        value = (value ^ byte) * _FNV_PRIME & 0xFFFFFFFF
    return str(value)


def _observed(obj: Obj, pods: Sequence[Obj], causes: Sequence[Cause]) -> ObservedTask:
    metadata, spec = obj["metadata"], spec_of(obj)
    labels, stored = labels_of(obj), _stored_task(obj)
    container: Obj = next(iter(spec_of(spec.get("template") or {}).get("containers") or []), {})
    admin = _admin(container)
    parts = admin.id.split(".")  # Task.TOPOLOGY.NAME.GROUP
    topology, name = parts[1:3] if len(parts) == 4 and parts[0] == "Task" else ("", "")
    known = stored or Task(admin.id, topology, name)
    ready = bool(status_of(obj).get("readyReplicas"))
    state, reason, cause = _state(obj, causes, ready=ready)
    statuses = [status for pod in pods for status in status_of(pod).get("containerStatuses") or []]
    return ObservedTask(
        object=_name(obj),
        id=known.id,
        topology=known.topology,
        task=known.name,
        state=state,
        reason=reason,
        cause=cause,
        worker=str(labels.get(WORKER) or ""),
        image=known.image or str(container.get("image") or ""),
        created=str(metadata.get("creationTimestamp") or ""),
        restarts=sum(int(status.get("restartCount") or 0) for status in statuses),
        ready=ready,
        annotated=stored is not None,
        outputs=tuple((output.type, output.id) for output in known.outputs) or admin.outputs,
        pods=tuple(_name(pod) for pod in pods),
        started=any("running" in (status.get("state") or {}) or status.get("restartCount") for status in statuses),
    )


def _stored_task(obj: Obj) -> Task | None:
    try:
        return Task.from_stored(json.loads(annotations_of(obj)[TASK]))
    except (KeyError, TypeError, ValueError):  # the upstream worker's, or a user edited the annotation
        return None


def _state(obj: Obj, causes: Sequence[Cause], *, ready: bool) -> tuple[str, str, str]:
    """State, reason and cause: from the status that the native worker stored, otherwise from the pods."""
    annotations = annotations_of(obj)
    stored = _json(annotations.get(STATUS), dict)
    state, reason = str(stored.get("state") or ""), str(stored.get("reason") or "")
    why = causes[0].summary.removeprefix("task: ") if causes else ""
    id_ = causes[0].id if causes else ""
    if annotations.get(DESIRED) == "removed" or obj["metadata"].get("deletionTimestamp"):
        return "removed", reason or "it is being removed", ""
    if state in STATES:
        lost = "its pod is not ready; the worker has not reported this yet" if state == "running" and not ready else ""
        # the worker stores the reason of a slow start some seconds late, and the pod has it at once
        known = why or reason if state == "pending" else reason or why
        return state, known or lost, "" if ready else id_
    if spec_of(obj).get("replicas") == 0:
        return "paused", "scaled to zero pods", ""
    if ready:
        return "running", "", ""
    return ("failed" if any(cause.kind == "permanent" for cause in causes) else "pending"), why, id_


def _selected(obj: Obj, pods: Iterable[Obj]) -> list[Obj]:
    """The pods that the selector of a Deployment matches."""
    labels = ((spec_of(obj).get("selector") or {}).get("matchLabels") or {}).items()
    return [pod for pod in pods if labels and labels <= labels_of(pod).items()]


@dataclass(frozen=True)
class _AdminConfig:
    id: str
    outputs: tuple[tuple[str, str], ...]


def _admin(container: Obj) -> _AdminConfig:
    """Id and outputs in the variable `adminCfg` of a container."""
    value = next((e.get("value") for e in container.get("env") or [] if e.get("name") == _ADMIN), None)
    commands = [command for command in _json(value, list) if isinstance(command, dict)]
    ids = (str(c.get("correlatorID") or "") for c in commands if c.get("command") == "SET_CORRELATORID")
    outputs = ((str(c.get("type")), str(c.get("id"))) for c in commands if c.get("command") == "SET_OUTPUTS")
    return _AdminConfig(next(ids, ""), tuple(outputs))


def _json(text: Any, kind: type) -> Any:
    """The value in a JSON text if it is of that kind, otherwise an empty one: another program may have written the text."""
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        return kind()
    return value if isinstance(value, kind) else kind()


def _name(obj: Obj) -> str:
    return str(obj["metadata"]["name"])
