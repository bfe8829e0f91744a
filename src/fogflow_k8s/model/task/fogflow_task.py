"""A FogFlow task: the types that the rest of the program uses instead of the JSON of FogFlow's messages. Pure.

FogFlow's master plans tasks: it sends each one to a worker in an ADD_TASK message, which says what to run (an operator's
image and parameters), which entities the task receives (inputs) and which entities it publishes (outputs). The worker's
protocol module makes a `Task` from such a message; `Task.stored` is the JSON in which the native worker keeps it in
Kubernetes, and `Task.from_stored` reads it back. That JSON uses the key names of FogFlow's message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

PORT = 8080
"""The port on which every task listens for notifications of the broker."""


@dataclass(frozen=True)
class TaskInput:
    """One input of a task: one entity, or every entity of a type (`id` is None).

    `attributes` limits the notifications to these attributes; an empty tuple means all.
    """

    type: str
    id: str | None = None
    attributes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What identifies this input among those of a task."""
        return self.id or f"type:{self.type}"


@dataclass(frozen=True)
class TaskOutput:
    """An entity that a task publishes. FogFlow calls its id StreamID."""

    type: str
    id: str


@dataclass(frozen=True)
class Task:
    """A task as the master describes it.

    `intent` is the id of the service intent, which a replay leaves empty. `image` is None when the operator has no image for
    the worker's platform, `code_hash` when the function has no source code. `parameters` are pairs of name and value; an
    `exclusive` task pauses the others of its worker, except exclusive tasks of the same `priority`.
    """

    id: str
    topology: str = ""
    name: str = ""
    intent: str = ""
    operator: str = ""
    image: str | None = None
    code_hash: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    exclusive: bool = False
    priority: int = 0
    inputs: tuple[TaskInput, ...] = ()
    outputs: tuple[TaskOutput, ...] = ()

    @property
    def inputs_by_key(self) -> dict[str, TaskInput]:
        """The inputs by `TaskInput.key`."""
        return {each.key: each for each in self.inputs}

    @property
    def service_ports(self) -> list[int]:
        """The ports on which the operator serves other programs: parameter `service-port`, separated by semicolons."""
        words = dict(self.parameters).get("service-port", "").split(";")
        ports = [int(word) for word in words if re.fullmatch(r"\s*[0-9]{1,5}\s*", word)]
        return [port for port in dict.fromkeys(ports) if 0 < port < 65536 and port != PORT]

    def stored(self) -> dict[str, Any]:
        """The task as JSON for the annotation `fogflow-k8s.io/task`. Versions before this one read and wrote the same keys."""
        return {
            "ID": self.id,
            "TopologyName": self.topology,
            "TaskName": self.name,
            "ServiceIntentID": self.intent,
            "OperatorName": self.operator,
            "DockerImage": self.image or "",
            "CodeHash": self.code_hash or "",
            "Parameters": [{"name": name, "value": value} for name, value in self.parameters],
            "IsExclusive": self.exclusive,
            "PriorityLevel": self.priority,
            "Inputs": [{"Type": i.type, "ID": i.id or "", "AttributeList": list(i.attributes)} for i in self.inputs],
            "Outputs": [{"Type": o.type, "StreamID": o.id} for o in self.outputs],
        }

    @classmethod
    def from_stored(cls, stored: Any) -> Task:
        """The task in the JSON of `stored`; a missing key or null means empty. Raises ValueError for any other JSON."""
        try:
            return cls(
                id=_required(stored["ID"]),
                topology=_text(stored.get("TopologyName")),
                name=_text(stored.get("TaskName")),
                intent=_text(stored.get("ServiceIntentID")),
                operator=_text(stored.get("OperatorName")),
                image=_text(stored.get("DockerImage")) or None,
                code_hash=_text(stored.get("CodeHash")) or None,
                parameters=tuple((_text(p["name"]), _text(p["value"])) for p in stored.get("Parameters") or ()),
                exclusive=bool(stored.get("IsExclusive")),
                priority=int(stored.get("PriorityLevel") or 0),
                inputs=tuple(_stored_input(i) for i in stored.get("Inputs") or ()),
                outputs=tuple(TaskOutput(_text(o["Type"]), _text(o["StreamID"])) for o in stored.get("Outputs") or ()),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a stored task: {error!r}") from error


def _stored_input(stored: Any) -> TaskInput:
    attributes = tuple(_required(name) for name in stored.get("AttributeList") or ())
    return TaskInput(_text(stored.get("Type")), _text(stored.get("ID")) or None, attributes)


def _text(value: Any) -> str:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{value!r} is not a string")
    return value or ""


def _required(value: Any) -> str:
    if not _text(value):
        raise TypeError("an empty string")
    return str(value)
