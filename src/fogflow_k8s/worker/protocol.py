"""What is said on the bus: the master's messages in, our reports out. Pure; anything that is no message is `Garbage`.

The shapes are FogFlow's (PayLoad with a capital L; keys of tasks as Go writes them, with null for an empty list).
"""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.task.manifests import code_digest
from fogflow_k8s.model.task.record import Record

EXCHANGE = "fogflow"
HEARTBEAT_KEY = "heartbeat."
TASK_KEY = "task."
"""Routing keys end in a dot, as the originals write them: a binding `heartbeat.*` asks for the empty word after it."""

_TEXTS = ("TopologyName", "TaskName", "ServiceIntentID", "OperatorName", "DockerImage")
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}  # as Go calls them


class Garbage(Exception):
    """It is no message of FogFlow, or nothing can be made of it; its text says why."""


@dataclass(frozen=True)
class AddTask:
    """Run this. `code` is the function's own source, when it has one."""

    id: str
    task: Obj
    code: str = ""


@dataclass(frozen=True)
class RemoveTask:
    """Run it no more. Of a task that migrates the master sends the id alone."""

    id: str


@dataclass(frozen=True)
class AddInput:
    """One more entity for a task."""

    id: str
    entry: Obj


@dataclass(frozen=True)
class RemoveInput:
    """One entity less; the master sends its id alone."""

    id: str
    entry: Obj


@dataclass(frozen=True)
class Prefetch:
    """An image that may be asked for soon."""

    id: str


Message = AddTask | RemoveTask | AddInput | RemoveInput | Prefetch


def parse(body: bytes) -> Message:
    """The message in a delivery. Raises Garbage."""
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Garbage(f"not JSON: {error}") from error
    kind, payload = _get(envelope, "Type"), _get(envelope, "PayLoad")
    if not isinstance(kind, str) or not isinstance(payload, dict):
        raise Garbage("no Type, or no PayLoad")
    match kind:
        case "ADD_TASK":
            return _add_task(payload)
        case "REMOVE_TASK":
            return RemoveTask(_text(payload, "ID", needed=True))
        case "ADD_INPUT":
            return AddInput(_text(payload, "TaskInstanceID", needed=True), _input(payload.get("InputStream")))
        case "REMOVE_INPUT":
            return RemoveInput(_text(payload, "TaskInstanceID", needed=True), _input(payload.get("InputStream")))
        case "PREFETCH_IMAGE":
            return Prefetch(_text(payload, "name"))
    raise Garbage(f"unknown Type {kind[:40]!r}")


def _add_task(payload: Obj) -> AddTask:
    code = _text(payload, "FunctionCode")
    priority = payload.get("PriorityLevel") or 0
    if not isinstance(priority, int):
        raise Garbage("PriorityLevel is no number")
    task_id = _text(payload, "ID", needed=True)
    task = {
        "ID": task_id,
        **{key: _text(payload, key) for key in _TEXTS},
        "CodeHash": code_digest(code),
        "Parameters": [{"name": _text(p, "name"), "value": _text(p, "value")} for p in _list(payload, "Parameters")],
        "IsExclusive": payload.get("IsExclusive") is True,
        "PriorityLevel": priority,
        "Inputs": [_input(i) for i in _list(payload, "Inputs")],
        "Outputs": [{"Type": _text(o, "Type"), "StreamID": _text(o, "StreamID")} for o in _list(payload, "Outputs")],
    }
    return AddTask(task_id, task, code)


def _input(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise Garbage("an input is no object")
    wanted = entry.get("AttributeList") or []
    if not isinstance(wanted, list) or not all(isinstance(a, str) for a in wanted):
        raise Garbage("AttributeList is no list of names")
    # "all" is the user interface's word for every attribute; the broker would look for one of that name
    found = {"Type": _text(entry, "Type"), "ID": _text(entry, "ID"), "AttributeList": [a for a in wanted if a != "all"]}
    if not found["Type"] and not found["ID"]:
        raise Garbage("an input names neither an entity nor a type")
    return found


def _get(obj: Any, key: str) -> Any:
    """The value of a key, however it is spelled: Go reads its envelopes that way."""
    if not isinstance(obj, dict):
        raise Garbage("not an object")
    return obj.get(key, next((v for k, v in obj.items() if k.lower() == key.lower()), None))


def _list(obj: Obj, key: str) -> list[dict[str, Any]]:
    found = obj.get(key) or []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise Garbage(f"{key} is no list of objects")
    return found


def _text(obj: Obj, key: str, *, needed: bool = False) -> str:
    found = obj.get(key)
    if found is None and not needed:
        return ""
    if not isinstance(found, str) or (needed and not found):
        raise Garbage(f"{key} is no text")
    try:
        found.encode()  # half of a surrogate pair is no text that could be sent on
    except UnicodeEncodeError as error:
        raise Garbage(f"{key} is no text") from error
    return found


def envelope(kind: str, key: str, sender: str, payload: Obj) -> bytes:
    """A message as everybody on the bus reads it."""
    return json.dumps({"Type": kind, "RoutingKey": key, "From": sender, "PayLoad": payload}).encode()


def profile(worker_id: str, location: Obj, capacity: int, workload: int) -> dict[str, Any]:
    """WORKER_JOIN, WORKER_HEARTBEAT, WORKER_LEAVE: who we are and how much room there is."""
    return {
        "id": worker_id,
        "location": dict(location),
        "geohash_id": "",
        "os": "linux",
        "hardware": _MACHINES.get(platform.machine(), platform.machine()),
        "capacity": capacity,
        "workload": workload,
        "CAdvisorPort": 0,
        "EdgeAddress": "",
    }


def task_update(record: Record, words: str) -> dict[str, Any]:
    """TASK_UPDATE: how a task is."""
    return {**_about(record), "Status": words}


def task_info(record: Record, reference: str) -> dict[str, Any]:
    """TASK_INFO: where it is reached."""
    info = f"refURL={reference}; containerID={record.name}"
    return {**_about(record), "Info": info}


def _about(record: Record) -> dict[str, Any]:
    task = record.task
    return {
        "TaskID": record.id,
        "TopologyName": task.get("TopologyName", ""),
        "TaskName": task.get("TaskName", ""),
        "ServiceIntentID": task.get("ServiceIntentID", ""),
    }
