"""Types of the figures of the scenario `task` of `bench run`."""

from __future__ import annotations

from typing_extensions import TypedDict  # of pydantic, which accepts typing's own only since Python 3.12


class Spread(TypedDict):
    """Distribution of durations since the entity of each task was published; null without any task."""

    count: int
    """Number of tasks."""
    p50Seconds: float | None
    """Median, in seconds."""
    p99Seconds: float | None
    """99th percentile, in seconds."""
    maxSeconds: float | None
    """Longest, in seconds."""


class WorkerShare(TypedDict):
    """The tasks of one worker."""

    worker: str | None
    """Name of the worker; null for the upstream worker."""
    taskCount: int
    """Number of its tasks."""


class MissingTasks(TypedDict):
    """Tasks that do not run for the same reason."""

    reason: str
    """State and reason."""
    taskCount: int
    """Number of tasks."""


class BenchDurations(TypedDict):
    """Durations of the measurement."""

    publishSeconds: float
    """Publishing all entities, in seconds."""
    totalSeconds: float
    """The whole measurement, in seconds."""
    pollIntervalSeconds: float
    """Between two observations, in seconds: the resolution of the figures."""


class BenchTasks(TypedDict):
    """The figures of the scenario task."""

    ok: bool
    """Whether every entity got a task that runs."""
    image: str
    """Image that the tasks run."""
    entityCount: int
    """Number of entities that were asked for."""
    publishedCount: int
    """Number of entities that were published."""
    created: Spread
    """Until the Deployment was created."""
    running: Spread
    """Until the task was ready."""
    durations: BenchDurations
    """How long it took."""
    workers: list[WorkerShare]
    """Tasks of each worker."""
    missingTasks: list[MissingTasks]
    """Tasks that do not run."""
