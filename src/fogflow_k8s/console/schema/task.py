"""The documents of `task`."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from fogflow_k8s.console.schema.common import Document


class Output(TypedDict):
    """An entity that a task publishes."""

    type: str
    """Type of the entity."""
    id: str
    """Id of the entity."""


class Task(TypedDict):
    """One task. The upstream worker does not tell some of it: null."""

    id: str | None
    """Id that the master gave it."""
    deployment: str
    """Name of its Deployment."""
    topology: str | None
    """FogFlow topology or function that it belongs to."""
    taskName: str | None
    """Name of the task in that topology."""
    state: str
    """running, pending, failed, paused or removed."""
    reason: str | None
    """Why it is in this state."""
    causeId: str | None
    """Id of the catalogue, when it does not run: `fogflow-k8s explain ID`."""
    worker: str | None
    """Worker that started it."""
    image: str | None
    """Image that it runs."""
    createdAt: str | None
    """When its Deployment was created."""
    restartCount: int
    """Number of restarts of its container."""
    ready: bool
    """Whether its pod is ready."""
    annotated: bool
    """Whether its Deployment says what it is, as the native worker writes it."""
    outputs: list[Output]
    """Entities that it publishes."""
    pods: list[str]
    """Names of its pods."""


class TaskList(Document):
    """What `task list` prints."""

    kind: Literal["TaskList"]
    """Kind of this document."""
    namespace: str
    """Namespace of the tasks."""
    tasks: list[Task]
    """Every task."""
    notAnnotatedCount: int
    """Number of tasks of the upstream worker, which do not say what they are."""


class RunDurations(TypedDict):
    """Durations since the entity was published."""

    runningSeconds: float
    """Until the task was running, in seconds."""
    outputSeconds: float | None
    """Until the task published its first entity, in seconds; null when that was not waited for."""


class TaskRun(Document):
    """What `task run` prints."""

    kind: Literal["TaskRun"]
    """Kind of this document."""
    function: str
    """Name of the function and the operator."""
    entity: str
    """Id of the entity that was published."""
    task: Task
    """The task that runs."""
    output: dict[str, Any] | None
    """The first entity that the task published, as the broker has it."""
    durations: RunDurations
    """How long it took."""
