"""The controller of the worker: it stores what the master requests, and brings the cluster to what is stored.

Two entry points work on a task, under the task's lock. `on_message` stores a message before it is acknowledged.
`reconcile` compares the stored record with the objects of the cluster, and takes the next step: create or delete objects,
subscribe or unsubscribe the task. It can be called at any time and any number of times; the work queue calls it after each
message and each change in the cluster, and again after an error.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from fogflow_k8s.model.task.record import STATES, Status, TaskRecord, oldest_first, size_error
from fogflow_k8s.worker import metrics
from fogflow_k8s.worker.broker import SubscriptionIndex
from fogflow_k8s.worker.kube import API_ERRORS
from fogflow_k8s.worker.logs import log, warn
from fogflow_k8s.worker.object_cache import ObjectCache
from fogflow_k8s.worker.protocol import InvalidMessage, Message, RemoveTask
from fogflow_k8s.worker.schedule import Schedule, schedule_key
from fogflow_k8s.worker.subscriptions import SubscribeIncomplete, Subscriptions
from fogflow_k8s.worker.task_ledger import Outcome, TaskLedger
from fogflow_k8s.worker.task_locks import TaskLocks
from fogflow_k8s.worker.task_reporter import TaskReporter
from fogflow_k8s.worker.task_status import failed, is_reachable, task_status
from fogflow_k8s.worker.task_store import TaskStore
from fogflow_k8s.worker.work_queue import WorkQueue

RECONCILERS, WRITERS = 24, 8
WRITE_DELAY_S, STARTING_FACTOR = 1.0, 5
"""A changed state is stored after this delay, multiplied by this factor while the task starts. In this way, a start is one
write instead of four, each of which Kubernetes would copy to the ReplicaSet."""
FIRST_RETRY_S, LAST_RETRY_S = 0.2, 5.0


class TaskController:
    """All tasks of one worker. `queue` and `state_writes` have to run for the tasks to change."""

    def __init__(
        self, store: TaskStore, cache: ObjectCache, subscriptions: Subscriptions, reporter: TaskReporter,
        worker_id: str, capacity: int, write_delay_s: float = WRITE_DELAY_S,
    ) -> None:  # fmt: skip
        self._store, self._cache, self._subscriptions, self._reporter = store, cache, subscriptions, reporter
        self._capacity, self._write_delay_s = capacity, write_delay_s
        self.ledger, self._schedule = TaskLedger(worker_id), Schedule(capacity)
        self.queue = WorkQueue(self.reconcile, RECONCILERS)
        self.state_writes = WorkQueue(self._write_state, WRITERS)
        self._locks = TaskLocks()
        self._ids: dict[str, str] = {}  # by hash
        self._last_order = 0

    async def read_all(self) -> int:
        """Read the tasks in the cluster; their number. Raises API_ERRORS."""
        for record in await self._store.read_all():
            self._set(record)
        self._reporter.expect_report(self.ledger.records)
        for record in oldest_first(self.ledger.records.values()):
            self.queue.add(record.id)
        return len(self.ledger.records)

    async def on_message(self, message: Message, *, redelivered: bool = False) -> None:
        """Store what a message requests; it may be acknowledged afterwards. Waits while the API server is unavailable.

        Raises InvalidMessage for what is too large for Kubernetes; the task stays as it was.
        """
        async with self._locks.hold(message.id):
            if self._apply_removal_mark(message.id):
                self.queue.add(message.id)
            self._last_order = max(time.time_ns(), self._last_order + 1)
            outcome = self.ledger.apply(message, time.monotonic(), self._last_order, redelivered=redelivered)
            metrics.MESSAGES.labels(type(message).__name__, outcome.result).inc()
            if outcome.record is None:
                return
            if outcome.result == "unchanged":  # a replay: the designer expects the status again
                self._reporter.report(outcome.record)
            else:
                await self._store_outcome(outcome, outcome.record)
        self.queue.add(message.id)

    async def reconcile(self, task_id: str) -> None:
        """Take the next step for a task. Raises an error when it has to be retried."""
        async with self._locks.hold(task_id):
            self._apply_removal_mark(task_id)
            record = self.ledger.records.get(task_id)
            if record is None:
                return
            if record.removed:
                await self._delete(record)
                return
            inactive = self._schedule.inactive_status(record)
            rejection = await self._store.save(record, active=inactive is None)
            if inactive is not None:
                self._update(record, await self._deactivated(record, inactive))
            elif rejection is not None:  # the next resync tries again
                self._update(record, replace(record, status=failed(rejection)))
            else:
                self._update(record, await self._activated(record))

    def reconcile_all(self) -> None:
        """Reconcile every task, for changes that the watches missed."""
        for task_id in list(self.ledger.records):
            self.queue.add(task_id)

    def on_object_change(self, hash_: str) -> None:
        """Reconcile the task with this hash, because one of its objects changed."""
        if task_id := self._ids.get(hash_):
            self.queue.add(task_id)

    async def verify_subscriptions(self) -> None:
        """Compare the subscriptions with the broker's; lost ones are created again. Raises BrokerUnavailable."""
        listed = await self._subscriptions.listed()
        for task_id in list(self.ledger.records):
            if task_id not in self._locks:  # a task that is changing now is compared in the next round
                await self._verify_task(task_id, listed)

    @property
    def workload(self) -> int:
        """The number of tasks, including those that wait or are paused."""
        return len(self.ledger.records)

    def update_gauges(self) -> None:
        """Set the gauges of the metrics to the current numbers."""
        states = [record.status.state for record in self.ledger.records.values()]
        for state in STATES:
            metrics.TASKS.labels(state).set(states.count(state))
        metrics.QUEUE.set(len(self.queue.unfinished))

    async def write_pending(self) -> None:
        """Store the states that wait for their delay. Errors are ignored: the next worker finds out what is missing."""
        pending = self.state_writes.unfinished
        await asyncio.gather(*(self._write_state(task_id) for task_id in pending), return_exceptions=True)

    async def remove_all(self) -> None:
        """Remove every task, and wait until all are deleted."""
        for record in list(self.ledger.records.values()):
            self._set(replace(record, removed=True))
        self.reconcile_all()
        while True:
            if not self.ledger.records:
                return
            await asyncio.sleep(0.2)

    async def _store_outcome(self, outcome: Outcome, record: TaskRecord) -> None:
        if not record.removed and (why := size_error(record, outcome.code)):
            if outcome.result == "added":
                self._reporter.report_status(record.task, failed(why))
            raise InvalidMessage(f"{record.id}: {why}")
        if outcome.result == "added":
            self._reporter.launch_started(record.id)
        self._set(record)
        await self._save_until_stored(record, outcome.code)
        log(f"task {outcome.result}", task=record.id)

    async def _save_until_stored(self, record: TaskRecord, code: str) -> None:
        wait_s = FIRST_RETRY_S
        while True:
            try:
                rejection = await self._save(record, code)
            except API_ERRORS as error:
                metrics.ERRORS.labels("kubernetes").inc()
                warn("cannot store the task yet", task=record.id, why=str(error))
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, LAST_RETRY_S)
            else:
                stored = record if rejection is None else replace(record, status=failed(rejection))
                self._set(stored)
                self._reporter.report(stored)
                return

    async def _save(self, record: TaskRecord, code: str) -> str | None:
        if not record.removed:
            active = self._schedule.inactive_status(record) is None
            return await self._store.save(record, active=active, code=code)
        await self._store.mark_removed(record)  # its pod runs until its subscriptions are deleted
        return None

    def _apply_removal_mark(self, task_id: str) -> bool:
        """Remove a task whose Deployment another program or a user marked for removal; whether there was a new mark."""
        record = self.ledger.records.get(task_id)
        if record is None or record.removed or not self._store.is_marked_removed(record):
            return False
        if removed := self.ledger.apply(RemoveTask(task_id), time.monotonic(), record.order).record:
            self._set(removed)  # the mark has stored it in the cluster
            log("task removed", task=task_id, why="its Deployment is marked for removal")
        return True

    async def _activated(self, record: TaskRecord) -> TaskRecord:
        """The record of a task that may have a pod; it is subscribed as soon as its Service routes to a ready pod."""
        status = task_status(self._cache.get("deployments", record.name), self._cache.of_task("pods", record.hash))
        if status.state != "running":
            return replace(record, status=status)
        if not is_reachable(self._cache.of_task("endpointslices", record.hash)):
            return replace(record, status=Status("pending", "its Service does not route to the pod yet"))
        try:
            subscriptions = await self._subscriptions.subscribe(record)
        except SubscribeIncomplete as error:
            self._set(replace(record, subscriptions=error.subscriptions))
            raise
        return replace(record, subscriptions=subscriptions, status=status)

    async def _deactivated(self, record: TaskRecord, status: Status) -> TaskRecord:
        """The record of a task that may not have a pod, after its subscriptions and outputs are deleted."""
        if record.subscriptions:
            await self._subscriptions.unsubscribe(record)
        return replace(record, subscriptions={}, status=status)

    async def _delete(self, record: TaskRecord) -> None:
        """Delete a task: its subscriptions first, then its objects."""
        await self._subscriptions.unsubscribe(record)
        await self._store.delete(record)
        self.ledger.drop(record.id)
        self._ids.pop(record.hash, None)
        self._update_schedule()
        self._reporter.report_removed(record)

    async def _verify_task(self, task_id: str, listed: SubscriptionIndex) -> None:
        async with self._locks.hold(task_id):
            record = self.ledger.records.get(task_id)  # read again: the comparison of other tasks takes time
            if record is None or record.removed:
                return
            found = await self._subscriptions.reconcile(record, listed)
            if found == dict(record.subscriptions):
                return
            lost = len(set(record.subscriptions) - set(found))
            metrics.RESUBSCRIBED.inc(lost)
            log("subscriptions differ at the broker", task=record.id, lost=lost)
            self._set(replace(record, subscriptions=found))
        self.queue.add(task_id)

    async def _write_state(self, task_id: str) -> None:
        record = self.ledger.records.get(task_id)
        if record and not record.removed:
            await self._store.save_state(record)

    def _update(self, before: TaskRecord, after: TaskRecord) -> None:
        self._reporter.report_change(before, after)
        if after != before:
            self._set(after)

    def _set(self, record: TaskRecord) -> None:
        """Make this the current record of a task; a new state is stored later."""
        old = self.ledger.records.get(record.id)
        self.ledger.store(record)
        self._ids[record.hash] = record.id
        if old and (old.status, old.subscriptions) != (record.status, record.subscriptions):
            pending = old.status.state == record.status.state == "pending"
            starting = pending and old.subscriptions == record.subscriptions
            self.state_writes.add(record.id, self._write_delay_s * (STARTING_FACTOR if starting else 1))
        if old is None or schedule_key(old) != schedule_key(record):
            self._update_schedule()

    def _update_schedule(self) -> None:
        room_for_all = self.ledger.has_room_for_all(self._capacity)
        for task_id in self._schedule.update(self.ledger.records, room_for_all=room_for_all):
            self.queue.add(task_id)
