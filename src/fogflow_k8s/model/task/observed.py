"""FogFlow's tasks as the cluster shows them: our worker writes down what it knows of a task, upstream's does not. Pure.

Upstream's task is a Deployment `fogflow-task-PORT` whose container is told its identity in the variable `adminCfg`; inputs,
image name and the worker's id are nowhere, and its state is that of its pod.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.model.diagnosis.catalogue import Cause
from fogflow_k8s.model.diagnosis.pods import pod_causes
from fogflow_k8s.model.kubernetes import Obj, annotations_of, labels_of, spec_of, status_of
from fogflow_k8s.model.task.record import DESIRED, NAME, PREFIX, STATES, STATUS, TASK, WORKER

OURS = f"app.kubernetes.io/name={NAME}"
"""The label of what our worker makes."""
_ADMIN = "adminCfg"
_FNV_BASIS, _FNV_PRIME = 2166136261, 16777619


@dataclass(frozen=True)
class SeenTask:
    """One task. `annotated`: our worker says what it is; without that, what is not known is empty."""

    object: str  # the Deployment's name
    id: str
    topology: str
    task: str
    state: str
    reason: str = ""
    cause: str = ""  # of the catalogue
    worker: str = ""
    image: str = ""
    created: str = ""
    restarts: int = 0
    ready: bool = False
    annotated: bool = False
    outputs: tuple[tuple[str, str], ...] = ()  # type and id
    pods: tuple[str, ...] = ()
    started: bool = False  # whether it has a log

    @property
    def name(self) -> str:
        """What people call it: its id, else its Deployment."""
        return self.id or self.object


def seen(
    deployments: Sequence[Obj], pods: Sequence[Obj], events: Sequence[Obj] = (), nodes: Sequence[Obj] = ()
) -> list[SeenTask]:
    """Every task among these objects, by topology and id; events and nodes tell why one is not ready."""
    tasks = [
        _seen(obj, mine, [c for pod in mine for c in pod_causes(pod, events, "task", nodes)])
        for obj, mine in _tasks(deployments, pods)
    ]
    return sorted(tasks, key=lambda t: (t.topology, t.id, t.object))


def refused(config_maps: Sequence[Obj], deployments: Sequence[Obj]) -> list[Obj]:
    """The ConfigMaps in which our worker keeps tasks that the API server did not let it make a Deployment of."""
    made = {_name(obj) for obj in deployments}
    return [m for m in config_maps if TASK in annotations_of(m) and _name(m) not in made]


def group_key(entity: str) -> str:
    """The end of the id of the task that works on one entity alone: FNV-1a, 32 bits, of the group's value as JSON."""
    value = _FNV_BASIS
    for byte in json.dumps(entity, ensure_ascii=False).encode():
        value = (value ^ byte) * _FNV_PRIME & 0xFFFFFFFF
    return str(value)


def _tasks(deployments: Sequence[Obj], pods: Sequence[Obj]) -> list[tuple[Obj, list[Obj]]]:
    return [(obj, _of(obj, pods)) for obj in deployments if _name(obj).startswith(PREFIX)]


def _seen(obj: Obj, pods: Sequence[Obj], causes: Sequence[Cause]) -> SeenTask:
    metadata, spec = obj["metadata"], spec_of(obj)
    notes = metadata.get("annotations") or {}
    labels = metadata.get("labels") or {}
    container: Obj = next(iter(spec_of(spec.get("template") or {}).get("containers") or []), {})
    told = _json(notes.get(TASK), dict)
    admin = _admin(container)
    id_ = str(told.get("ID") or admin.get("id") or "")
    parts = id_.split(".")
    topology, task = (parts[1], parts[2]) if len(parts) == 4 and parts[0] == "Task" else ("", "")
    ready = bool(status_of(obj).get("readyReplicas"))
    state, reason, cause = _state(obj, notes, causes, ready=ready)
    return SeenTask(
        object=_name(obj),
        id=id_,
        topology=str(told.get("TopologyName") or topology),
        task=str(told.get("TaskName") or task),
        state=state,
        reason=reason,
        cause=cause,
        worker=str(labels.get(WORKER) or ""),
        image=str(told.get("DockerImage") or container.get("image") or ""),
        created=str(metadata.get("creationTimestamp") or ""),
        restarts=sum(int(c.get("restartCount") or 0) for pod in pods for c in _statuses(pod)),
        ready=ready,
        annotated=bool(told),
        outputs=_outputs(told) or admin.get("outputs", ()),
        pods=tuple(_name(pod) for pod in pods),
        started=any("running" in (c.get("state") or {}) or c.get("restartCount") for p in pods for c in _statuses(p)),
    )


def _state(obj: Obj, notes: Obj, found: Sequence[Cause], *, ready: bool) -> tuple[str, str, str]:
    """The worker's word where it has one, else what the pod says; why, and the catalogue's id of that."""
    said = _json(notes.get(STATUS), dict)
    state, reason = str(said.get("state") or ""), str(said.get("reason") or "")
    why = found[0].summary.removeprefix("task: ") if found else ""
    id_ = found[0].id if found else ""
    if notes.get(DESIRED) == "removed" or obj["metadata"].get("deletionTimestamp"):
        return "removed", reason or "it is on its way out", ""
    if state in STATES:
        lost = "its pod is not ready, and the worker has not said so yet" if state == "running" and not ready else ""
        # what keeps a start is written down some seconds late; the pod tells at once
        said_of_it = why or reason if state == "pending" else reason or why
        return state, said_of_it or lost, "" if ready else id_
    if spec_of(obj).get("replicas") == 0:
        return "paused", "scaled to no pod", ""
    if ready:
        return "running", "", ""
    return ("failed" if any(c.kind == "fatal" for c in found) else "pending"), why, id_


def _of(obj: Obj, pods: Iterable[Obj]) -> list[Obj]:
    """The pods that its selector takes."""
    wanted = ((spec_of(obj).get("selector") or {}).get("matchLabels") or {}).items()
    return [pod for pod in pods if wanted and wanted <= (labels_of(pod).items())]


def _admin(container: Obj) -> dict[str, Any]:
    """What the container is told about itself."""
    value = next((e.get("value") for e in container.get("env") or [] if e.get("name") == _ADMIN), None)
    commands = [c for c in _json(value, list) if isinstance(c, dict)]
    id_ = next((c.get("correlatorID") for c in commands if c.get("command") == "SET_CORRELATORID"), "")
    outputs = [(str(c.get("type")), str(c.get("id"))) for c in commands if c.get("command") == "SET_OUTPUTS"]
    return {"id": id_, "outputs": tuple(outputs)}


def _outputs(task: Obj) -> tuple[tuple[str, str], ...]:
    return tuple((str(o.get("Type")), str(o.get("StreamID"))) for o in task.get("Outputs") or [] if isinstance(o, dict))


def _json(text: Any, kind: type) -> Any:
    """What a text says as JSON, when it is of that kind; else an empty one: others may have written it."""
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        return kind()
    return value if isinstance(value, kind) else kind()


def _statuses(pod: Obj) -> list[Obj]:
    return list(status_of(pod).get("containerStatuses") or [])


def _name(obj: Obj) -> str:
    return str(obj["metadata"]["name"])
