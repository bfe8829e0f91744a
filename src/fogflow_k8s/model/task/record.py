"""What the native worker stores of a task in Kubernetes: names, labels and annotations of its objects. Pure.

A *record* is a FogFlow task with what the worker knows about it: whether the task is to be removed, its subscriptions at the
broker, and its status. The worker stores the record in the annotations of the Deployment that runs the task, and has no
other storage, so a new worker process reads the records back from the cluster. The id of a task may be any text, therefore
the objects are named after a hash of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from fogflow_k8s.model.kubernetes import Obj, annotations_of
from fogflow_k8s.model.task.fogflow_task import Task, TaskInput

State = Literal["pending", "running", "failed", "paused", "removed"]
STATES: tuple[State, ...] = get_args(State)

PREFIX = "fogflow-task-"
NAME = "fogflow-task"
MANAGER = "fogflow-k8s-worker"

WORKER = "fogflow-k8s.io/worker"
TASK = "fogflow-k8s.io/task"
"""As a label: the hash of the task. As an annotation: the task itself (`Task.stored`)."""
TOPOLOGY = "fogflow-k8s.io/topology"
SUBSCRIPTIONS = "fogflow-k8s.io/subscriptions"
ORDER = "fogflow-k8s.io/order"
STATUS = "fogflow-k8s.io/status"
DESIRED = "fogflow-k8s.io/desired"

REASON_LIMIT = 300
"""Maximum length of a reason in characters: it is part of every report, and a column of a table."""
ANNOTATIONS_LIMIT = 256 * 1024
"""Maximum size in bytes of all annotations of an object (apimachinery, TotalAnnotationSizeLimitB)."""
CODE_LIMIT = 1024 * 1024
"""Maximum size in bytes of the data of a ConfigMap (core validation, MaxSecretSize)."""
_RESERVED_BYTES = 4096  # room for the reason of a state, and for annotations that Kubernetes adds
_LONGEST_SUBSCRIPTION_ID = "0" * 36


@dataclass(frozen=True)
class Status:
    """The state of a task, and the reason when it does not run."""

    state: State
    reason: str = ""

    @property
    def reported(self) -> str:
        """The text that master and designer receive."""
        return f"{self.state}: {self.reason}" if self.state == "failed" and self.reason else self.state


STARTING = Status("pending", "starting")


@dataclass(frozen=True)
class TaskRecord:
    """All that the worker stores of a task.

    `name` is the name of all objects of the task; `order` is the time of its ADD_TASK in nanoseconds; `subscriptions` has
    the id of the subscription at the broker for each input (`TaskInput.key`).
    """

    name: str
    task: Task
    order: int
    removed: bool = False
    subscriptions: Mapping[str, str] = field(default_factory=dict)
    status: Status = STARTING

    @property
    def id(self) -> str:
        """The id that FogFlow gave the task."""
        return self.task.id

    @property
    def hash(self) -> str:
        """The value of the label `fogflow-k8s.io/task`."""
        return self.name.removeprefix(PREFIX)

    @property
    def inputs(self) -> dict[str, TaskInput]:
        """The inputs of the task, by key."""
        return self.task.inputs_by_key


def object_name(worker_id: str, task_id: str) -> str:
    """The name of the objects of a task of this worker; it ends in 16 hexadecimal digits, different for each task.

    The hash includes the worker: a task that migrates between two workers of one namespace exists twice for a while.
    """
    return PREFIX + hashlib.sha256(f"{worker_id}\n{task_id}".encode()).hexdigest()[:16]


def label_value(text: str) -> str:
    """The text as the value of a label: invalid characters become dashes, and the length is at most 63."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", text)[:63].strip("-_.")


def labels(worker_id: str, record: TaskRecord) -> dict[str, str]:
    """The labels of a task's objects and of its pods."""
    return {
        "app.kubernetes.io/name": NAME,
        "app.kubernetes.io/part-of": "fogflow",
        "app.kubernetes.io/component": "task",
        "app.kubernetes.io/managed-by": MANAGER,
        WORKER: label_value(worker_id),
        TASK: record.hash,
        TOPOLOGY: label_value(record.task.topology),
    }


def selector(worker_id: str) -> str:
    """The label selector of every object that a worker created."""
    return f"app.kubernetes.io/managed-by={MANAGER},{WORKER}={label_value(worker_id)}"


def record_annotations(record: TaskRecord) -> dict[str, str]:
    """The record as annotations of its Deployment (or of its ConfigMap, when the API server rejects the Deployment)."""
    return {
        TASK: _compact(record.task.stored()),
        ORDER: str(record.order),
        DESIRED: "removed" if record.removed else "present",
        **state_annotations(record),
    }


def state_annotations(record: TaskRecord) -> dict[str, str]:
    """Those of the annotations that contain the observed state; the others contain the desired state."""
    return {
        SUBSCRIPTIONS: _compact(record.subscriptions),
        STATUS: _compact({"state": record.status.state, "reason": record.status.reason}),
    }


def size_error(record: TaskRecord, code: str = "") -> str | None:
    """Why Kubernetes cannot store the record with all its subscriptions, or the function's source code; None if it can."""
    inputs = record.inputs
    largest = replace(record, subscriptions=dict.fromkeys(inputs, _LONGEST_SUBSCRIPTION_ID))
    annotated = (
        sum(len(key) + len(text.encode()) for key, text in record_annotations(largest).items()) + _RESERVED_BYTES
    )
    for what, size, limit in (
        (f"{len(inputs)} inputs and parameters", annotated, ANNOTATIONS_LIMIT),
        ("code", len(code.encode()), CODE_LIMIT),
    ):
        if size > limit:
            return f"its {what} would be {size} bytes, and Kubernetes stores at most {limit}"
    return None


def read_record(obj: Obj) -> TaskRecord | None:
    """The record in the annotations of an object; None when there is none, or when it cannot be read (a user edited it)."""
    found = annotations_of(obj)
    try:
        status = json.loads(found.get(STATUS) or "{}")
        return TaskRecord(
            str(obj["metadata"]["name"]),
            Task.from_stored(json.loads(found[TASK])),
            int(found.get(ORDER) or 0),
            found.get(DESIRED) == "removed",
            dict(json.loads(found.get(SUBSCRIPTIONS) or "{}")),
            Status(status.get("state") or "pending", str(status.get("reason") or "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def oldest_first(records: Iterable[TaskRecord]) -> list[TaskRecord]:
    """The records in the order in which their tasks arrived."""
    return sorted(records, key=lambda record: (record.order, record.id))


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
