"""Which tasks may have a pod: the worker's capacity, and exclusive tasks. Pure.

FogFlow gives each worker a capacity, and its master can send more tasks than that. The first tasks, in the order of their
arrival, are *active* (they have a pod); the others wait. While there is an exclusive task, only the exclusive tasks of the
highest priority are active, and all others are paused. A task whose operator has no image for the worker's platform fails.
"""

from __future__ import annotations

from collections.abc import Mapping

from fogflow_k8s.model.task.record import Status, TaskRecord, oldest_first

PAUSED = Status("paused", "an exclusive task runs on this worker")
NO_IMAGE = Status("failed", "the operator has no image for the platform of this worker")


def schedule(records: Mapping[str, TaskRecord], capacity: int) -> dict[str, Status | None]:
    """For each task that is not to be removed: why it may not have a pod, or None when it may (the task is active)."""
    present = [record for record in records.values() if not record.removed]
    exclusive = [record for record in present if record.task.exclusive]
    highest = max((record.task.priority for record in exclusive), default=0)
    chosen = [record for record in exclusive if record.task.priority == highest] if exclusive else present
    runnable = oldest_first(record for record in chosen if record.task.image)
    full = Status("pending", f"the worker is full ({capacity})")
    inactive: dict[str, Status | None] = {record.id: PAUSED if record.task.image else NO_IMAGE for record in present}
    return inactive | {record.id: full if place >= capacity else None for place, record in enumerate(runnable)}


def schedule_key(record: TaskRecord) -> tuple[object, ...]:
    """What `schedule` reads of a record: while it stays the same, the schedule does, too."""
    task = record.task
    return record.removed, task.exclusive, task.priority, task.image is not None


class Schedule:
    """The schedule of one worker's tasks."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._statuses: dict[str, Status | None] = {}  # empty while there is room for every task

    def update(self, records: Mapping[str, TaskRecord], *, room_for_all: bool) -> list[str]:
        """Calculate the schedule again; the ids of the tasks for which it changed."""
        before = self._statuses
        if room_for_all:
            self._statuses = {}
            return [task_id for task_id, status in before.items() if status is not None]
        self._statuses = schedule(records, self._capacity)
        return [task_id for task_id, status in self._statuses.items() if before.get(task_id) != status]

    def inactive_status(self, record: TaskRecord) -> Status | None:
        """Why the task may not have a pod; None when it may."""
        if record.id in self._statuses:
            return self._statuses[record.id]
        return None if record.task.image else NO_IMAGE
