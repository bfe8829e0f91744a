"""FogFlow's messages in RabbitMQ: the master's messages to a worker, and the worker's reports. Pure.

`parse` makes a typed message of the bytes of a delivery; no other module reads a message's JSON. Bytes that are not a
message of FogFlow, or that lack what the worker needs, raise `InvalidMessage`. The reports are JSON for `envelope`. All
shapes are those of FogFlow 3.2.8: the envelope's key is spelled PayLoad, and an empty list can be null, as Go writes it.
"""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.task.fogflow_task import Task, TaskInput, TaskOutput
from fogflow_k8s.model.task.manifests import code_digest
from fogflow_k8s.model.task.record import TaskRecord

EXCHANGE = "fogflow"
HEARTBEAT_KEY = "heartbeat."
TASK_KEY = "task."
"""Routing keys end in a dot, as FogFlow writes them: the binding `heartbeat.*` matches the empty word after the dot."""

_GO_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class InvalidMessage(Exception):
    """The delivery is not a message of FogFlow, or the worker cannot store what it requests; the text says why."""


@dataclass(frozen=True)
class AddTask:
    """Run this task, or change it. `code` is the source code of the function ("" when the operator's image has it)."""

    task: Task
    code: str = ""

    @property
    def id(self) -> str:
        """The id of the task."""
        return self.task.id


@dataclass(frozen=True)
class RemoveTask:
    """Stop and delete a task. For a task that migrates, the master sends only its id."""

    id: str


@dataclass(frozen=True)
class AddInput:
    """Add an input to the task with this id."""

    id: str
    input: TaskInput


@dataclass(frozen=True)
class RemoveInput:
    """Remove an input from the task with this id; the master sends only the id of the entity."""

    id: str
    input: TaskInput


@dataclass(frozen=True)
class Prefetch:
    """Pull an image in advance. `id` is the name of the image."""

    id: str


Message = AddTask | RemoveTask | AddInput | RemoveInput | Prefetch


def parse(body: bytes) -> Message:
    """The message in the body of a delivery. Raises InvalidMessage."""
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidMessage(f"not JSON: {error}") from error
    kind, payload = _get(envelope, "Type"), _get(envelope, "PayLoad")
    if not isinstance(kind, str) or not isinstance(payload, dict):
        raise InvalidMessage("Type or PayLoad is missing")
    match kind:
        case "ADD_TASK":
            code = _text(payload, "FunctionCode")
            return AddTask(_task(payload, code), code)
        case "REMOVE_TASK":
            return RemoveTask(_text(payload, "ID", required=True))
        case "ADD_INPUT":
            return AddInput(_text(payload, "TaskInstanceID", required=True), _input(payload.get("InputStream")))
        case "REMOVE_INPUT":
            return RemoveInput(_text(payload, "TaskInstanceID", required=True), _input(payload.get("InputStream")))
        case "PREFETCH_IMAGE":
            return Prefetch(_text(payload, "name"))
    raise InvalidMessage(f"unknown Type {kind[:40]!r}")


def _task(payload: Obj, code: str) -> Task:
    priority = payload.get("PriorityLevel") or 0
    if not isinstance(priority, int):
        raise InvalidMessage("PriorityLevel is not an integer")
    return Task(
        id=_text(payload, "ID", required=True),
        topology=_text(payload, "TopologyName"),
        name=_text(payload, "TaskName"),
        intent=_text(payload, "ServiceIntentID"),
        operator=_text(payload, "OperatorName"),
        image=_text(payload, "DockerImage") or None,
        code_hash=code_digest(code),
        parameters=tuple((_text(p, "name"), _text(p, "value")) for p in _list(payload, "Parameters")),
        exclusive=payload.get("IsExclusive") is True,
        priority=int(priority),
        inputs=tuple(_input(each) for each in _list(payload, "Inputs")),
        outputs=tuple(TaskOutput(_text(o, "Type"), _text(o, "StreamID")) for o in _list(payload, "Outputs")),
    )


def _input(stream: Any) -> TaskInput:
    if not isinstance(stream, dict):
        raise InvalidMessage("an input is not an object")
    names = stream.get("AttributeList") or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidMessage("AttributeList is not a list of names")
    kind, id_ = _text(stream, "Type"), _text(stream, "ID")
    if not kind and not id_:
        raise InvalidMessage("an input has neither ID nor Type")
    # the dashboard writes "all" for every attribute, and the broker would look for an attribute of this name
    return TaskInput(kind, id_ or None, tuple(name for name in names if name != "all"))


def _get(obj: Any, key: str) -> Any:
    """The value of a key in any upper and lower case, because Go programs read envelopes in this way."""
    if not isinstance(obj, dict):
        raise InvalidMessage("not an object")
    return obj.get(key, next((v for k, v in obj.items() if k.lower() == key.lower()), None))


def _list(obj: Obj, key: str) -> list[dict[str, Any]]:
    found = obj.get(key) or []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InvalidMessage(f"{key} is not a list of objects")
    return found


def _text(obj: Obj, key: str, *, required: bool = False) -> str:
    found = obj.get(key)
    if found is None and not required:
        return ""
    if not isinstance(found, str) or (required and not found):
        raise InvalidMessage(f"{key} is not a string" if found else f"{key} is missing or empty")
    try:
        found.encode()  # half of a surrogate pair cannot be sent to Kubernetes or the broker
    except UnicodeEncodeError as error:
        raise InvalidMessage(f"{key} is not valid Unicode") from error
    return found


def envelope(kind: str, key: str, sender: str, payload: Obj) -> bytes:
    """The body of a message: its type, routing key, sender and payload."""
    return json.dumps({"Type": kind, "RoutingKey": key, "From": sender, "PayLoad": payload}).encode()


def worker_profile(worker_id: str, location: Obj, capacity: int, workload: int) -> dict[str, Any]:
    """The payload of WORKER_JOIN, WORKER_HEARTBEAT and WORKER_LEAVE; capacity and workload are numbers of tasks."""
    return {
        "id": worker_id,
        "location": dict(location),
        "geohash_id": "",
        "os": "linux",
        "hardware": _GO_ARCHITECTURES.get(platform.machine(), platform.machine()),
        "capacity": capacity,
        "workload": workload,
        "CAdvisorPort": 0,
        "EdgeAddress": "",
    }


def task_update(task: Task, status: str) -> dict[str, Any]:
    """The payload of TASK_UPDATE: the status of a task."""
    return {**_identity(task), "Status": status}


def task_info(record: TaskRecord, reference: str) -> dict[str, Any]:
    """The payload of TASK_INFO: the address of a task (`reference`) and the name of its objects."""
    return {**_identity(record.task), "Info": f"refURL={reference}; containerID={record.name}"}


def _identity(task: Task) -> dict[str, Any]:
    return {
        "TaskID": task.id,
        "TopologyName": task.topology,
        "TaskName": task.name,
        "ServiceIntentID": task.intent,
    }
