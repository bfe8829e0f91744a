"""The worker's reports on tasks: to the master and the designer in RabbitMQ, to the log, and to the metrics.

A status is reported when it changes. A task that a worker process before this one started is reported once more, because
that process may have ended before it sent its last report.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Protocol

from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.task.fogflow_task import Task
from fogflow_k8s.model.task.manifests import TaskEnvironment
from fogflow_k8s.model.task.record import Status, TaskRecord
from fogflow_k8s.worker import metrics
from fogflow_k8s.worker.logs import log
from fogflow_k8s.worker.protocol import task_info, task_update


class ReportQueue(Protocol):
    """What this module needs of `MessageBus`."""

    def report(self, kind: str, payload: Obj) -> None: ...


class TaskReporter:
    """The reports on the tasks of one worker."""

    def __init__(self, reports: ReportQueue, environment: TaskEnvironment) -> None:
        self._reports, self._environment = reports, environment
        self._launched_s: dict[str, float] = {}  # when the ADD_TASK of a task arrived that does not run yet
        self._unreported: set[str] = set()

    def expect_report(self, task_ids: Iterable[str]) -> None:
        """Report these tasks at their next status, even if it is the known one."""
        self._unreported.update(task_ids)

    def launch_started(self, task_id: str) -> None:
        """Measure the time from now until the task runs."""
        self._launched_s[task_id] = time.monotonic()

    def report(self, record: TaskRecord) -> None:
        """Send the status of a task and, while it runs, its address."""
        if record.removed:
            return
        self.report_status(record.task, record.status)
        if record.status.state == "running":
            self._reports.report("TASK_INFO", task_info(record, self._environment.reference(record)))

    def report_status(self, task: Task, status: Status) -> None:
        """Send the status of a task that may have no record."""
        self._reports.report("TASK_UPDATE", task_update(task, status.reported))

    def report_change(self, before: TaskRecord, after: TaskRecord) -> None:
        """Send, log and measure a status if it changed."""
        expected = after.id in self._unreported
        self._unreported.discard(after.id)
        if expected or after.status.reported != before.status.reported:
            self.report(after)
        if after == before:
            return
        if after.status.state == "running" and (started := self._launched_s.pop(after.id, None)) is not None:
            took_s = time.monotonic() - started
            metrics.LAUNCH_S.observe(took_s)
            log("task launched", task=after.id, took_s=round(took_s, 2))
        elif after.status != before.status:
            log(f"task {after.status.state}", task=after.id, reason=after.status.reason)

    def report_removed(self, record: TaskRecord) -> None:
        """Send that the objects of a task are deleted."""
        self._launched_s.pop(record.id, None)
        self._unreported.discard(record.id)
        self.report_status(record.task, Status("removed"))
        log("task deleted", task=record.id)
