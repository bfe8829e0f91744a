"""A task of FogFlow and the objects that run it: names, labels, annotations, and what they say when read back. Pure.

A task is what the master sends with ADD_TASK (keys in FogFlow's own spelling). Our worker keeps it on the Deployment that
runs it, so that the cluster is the only memory there is. Ids are of any text, so objects are named after a hash of them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from fogflow_k8s.model.kubernetes import Obj, annotations_of

State = Literal["pending", "running", "failed", "paused", "removed"]
STATES: tuple[State, ...] = get_args(State)

PREFIX = "fogflow-task-"
NAME = "fogflow-task"
MANAGER = "fogflow-k8s-worker"
PORT = 8080

WORKER = "fogflow-k8s.io/worker"
TASK = "fogflow-k8s.io/task"
TOPOLOGY = "fogflow-k8s.io/topology"
SUBSCRIPTIONS = "fogflow-k8s.io/subscriptions"
ORDER = "fogflow-k8s.io/order"
STATUS = "fogflow-k8s.io/status"
DESIRED = "fogflow-k8s.io/desired"

REASON_LIMIT = 300
"""Characters of a reason that are kept: it travels in every report and stands in a table."""
NOTES_LIMIT = 256 * 1024
"""Bytes of all annotations of an object (apimachinery, TotalAnnotationSizeLimitB)."""
CODE_LIMIT = 1024 * 1024
"""Bytes of a ConfigMap's data (core validation, MaxSecretSize)."""
_OTHERS_NOTES = 4096  # room for the reason of a state and for what Kubernetes notes itself
_LONGEST_SID = "0" * 36


@dataclass(frozen=True)
class Status:
    """How a task is, and why when it is not running."""

    state: State
    reason: str = ""

    @property
    def words(self) -> str:
        """As the master and the designer are told."""
        return f"{self.state}: {self.reason}" if self.state == "failed" and self.reason else self.state


STARTING = Status("pending", "starting")


@dataclass(frozen=True)
class Record:
    """All that is kept of a task.

    `name` is that of all its objects; `order` is when it came, in nanoseconds; `subscriptions` is by input (`input_key`).
    """

    id: str
    name: str
    task: Obj
    order: int
    removed: bool = False
    subscriptions: Mapping[str, str] = field(default_factory=dict)
    status: Status = STARTING

    @property
    def hash(self) -> str:
        """What its label says."""
        return self.name.removeprefix(PREFIX)

    @property
    def inputs(self) -> dict[str, Obj]:
        """Its inputs, by key."""
        return {input_key(i): i for i in self.task.get("Inputs") or ()}


def object_name(worker_id: str, task_id: str) -> str:
    """The name of the objects of a task that this worker runs: sixteen hexadecimal digits, which no two tasks share.

    A task that migrates between two workers of one namespace is two for a while, so the worker counts, too.
    """
    return PREFIX + hashlib.sha256(f"{worker_id}\n{task_id}".encode()).hexdigest()[:16]


def label_value(text: str) -> str:
    """The text as a label may say it: other signs become dashes, at most 63 of them."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", text)[:63].strip("-_.")


def input_key(entry: Obj) -> str:
    """What tells one input of a task from another: the entity's id, or its type when every entity of it is meant."""
    return str(entry.get("ID") or "") or f"type:{entry.get('Type', '')}"


def labels(worker_id: str, record: Record) -> dict[str, str]:
    """The labels of a task's objects and of its pods."""
    return {
        "app.kubernetes.io/name": NAME,
        "app.kubernetes.io/part-of": "fogflow",
        "app.kubernetes.io/component": "task",
        "app.kubernetes.io/managed-by": MANAGER,
        WORKER: label_value(worker_id),
        TASK: record.hash,
        TOPOLOGY: label_value(str(record.task.get("TopologyName") or "")),
    }


def selector(worker_id: str) -> str:
    """The label selector of everything that a worker made."""
    return f"app.kubernetes.io/managed-by={MANAGER},{WORKER}={label_value(worker_id)}"


def notes(record: Record) -> dict[str, str]:
    """The record, as its Deployment (or, when that is refused, its ConfigMap) keeps it."""
    return {
        TASK: _compact(record.task),
        ORDER: str(record.order),
        DESIRED: "removed" if record.removed else "present",
        **became(record),
    }


def became(record: Record) -> dict[str, str]:
    """The part of its notes that says what became of it; the others say what is wanted."""
    return {
        SUBSCRIPTIONS: _compact(record.subscriptions),
        STATUS: _compact({"state": record.status.state, "reason": record.status.reason}),
    }


def excess(record: Record, code: str = "") -> str:
    """Why no object can carry it with its subscriptions, or its function's source; "" when one can."""
    inputs = record.inputs
    told = replace(record, subscriptions=dict.fromkeys(inputs, _LONGEST_SID))
    noted = sum(len(key) + len(text.encode()) for key, text in notes(told).items()) + _OTHERS_NOTES
    for what, size, most in (
        (f"{len(inputs)} inputs and parameters", noted, NOTES_LIMIT),
        ("code", len(code.encode()), CODE_LIMIT),
    ):
        if size > most:
            return f"its {what} would be {size} bytes, and Kubernetes keeps at most {most}"
    return ""


def read(obj: Obj) -> Record | None:
    """The record that an object keeps; None when it keeps none that can be read (somebody edited it)."""
    kept = annotations_of(obj)
    try:
        task = json.loads(kept[TASK])
        status = json.loads(kept.get(STATUS) or "{}")
        return Record(
            str(task["ID"]),
            str(obj["metadata"]["name"]),
            task,
            int(kept.get(ORDER) or 0),
            kept.get(DESIRED) == "removed",
            dict(json.loads(kept.get(SUBSCRIPTIONS) or "{}")),
            Status(status.get("state") or "pending", str(status.get("reason") or "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def parameters(task: Obj) -> dict[str, str]:
    """The operator's parameters by name; of two with one name the last."""
    return {str(p.get("name")): str(p.get("value")) for p in task.get("Parameters") or () if isinstance(p, Mapping)}


def service_ports(task: Obj) -> list[int]:
    """The ports at which the operator serves others; parameter `service-port`, several with semicolons between."""
    words = parameters(task).get("service-port", "").split(";")
    found = [int(w) for w in words if re.fullmatch(r"\s*[0-9]{1,5}\s*", w)]
    return [p for p in dict.fromkeys(found) if 0 < p < 65536 and p != PORT]


def by_age(records: Iterable[Record]) -> list[Record]:
    """Those that came first, first."""
    return sorted(records, key=lambda r: (r.order, r.id))


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
