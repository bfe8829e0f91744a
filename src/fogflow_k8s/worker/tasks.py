"""The worker's heart: what the master says is kept in the cluster, and what the cluster shows is brought to what is kept.

Two ways in, one lock for each task: `hear` keeps a message before it is acknowledged; `look` compares what is kept with
what is there, does the next thing, and can be called at any time and any number of times.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Protocol

from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.task.manifests import Site
from fogflow_k8s.model.task.record import STATES, Record, Status, by_age, excess
from fogflow_k8s.worker import metrics
from fogflow_k8s.worker.broker import Listed
from fogflow_k8s.worker.judge import failed, is_reachable, judge
from fogflow_k8s.worker.kube import ERRORS
from fogflow_k8s.worker.ledger import RUN, Ledger, claim, plan
from fogflow_k8s.worker.logs import say, warn
from fogflow_k8s.worker.observed import Observed
from fogflow_k8s.worker.protocol import Garbage, Message, RemoveTask, task_info, task_update
from fogflow_k8s.worker.subscriptions import Incomplete, Subscriptions
from fogflow_k8s.worker.task_store import TaskStore
from fogflow_k8s.worker.turns import Turns
from fogflow_k8s.worker.work_queue import WorkQueue

LOOKERS, WRITERS = 24, 8
WRITE_S, START_TIMES = 1.0, 5
"""What becomes of a task is written to the cluster this much later, and so many times as late what it waits for when it
starts: a start is one change then, not four, each of which Kubernetes would copy to the ReplicaSet."""


class Listener(Protocol):
    """The part of Bus that is used here."""

    def report(self, kind: str, payload: Obj) -> None: ...


class Tasks:
    """All tasks of one worker."""

    def __init__(
        self, keeping: TaskStore, observed: Observed, subscriptions: Subscriptions, site: Site, capacity: int,
        write_s: float = WRITE_S,
    ) -> None:  # fmt: skip
        self._keeping, self._observed, self._subscriptions = keeping, observed, subscriptions
        self._site, self._capacity = site, capacity
        self.bus: Listener | None = None
        self.ledger = Ledger(site.worker)
        self.line = WorkQueue(self.look, LOOKERS)
        self.writing, self._write_s = WorkQueue(self._write, WRITERS), write_s
        self._turns = Turns()
        self._ids: dict[str, str] = {}  # by hash
        self._plan: dict[str, Status] = {}
        self._since: dict[str, float] = {}  # when an ADD_TASK came that is not served yet
        self._untold: set[str] = set()  # of a worker before this one, which may not have said how they are
        self._order = 0

    async def load(self) -> int:
        """Take up what the cluster keeps; how many tasks. Raises kube.ERRORS."""
        for record in await self._keeping.load():
            self._store(record)
        self._untold = set(self.ledger.records)
        for task_id in [r.id for r in by_age(self.ledger.records.values())]:
            self.line.add(task_id)
        return len(self.ledger.records)

    async def hear(self, message: Message, *, again: bool = False) -> None:
        """Keep what a message asks for; it may be acknowledged then. An API server that is away is waited for.

        Raises Garbage for what no object could carry; the task stays as it was.
        """
        async with self._turns.of(message.id):
            if self._heed(message.id):
                self.line.add(message.id)
            self._order = max(time.time_ns(), self._order + 1)
            outcome = self.ledger.outcome(message, time.monotonic(), self._order, again=again)
            metrics.MESSAGES.labels(type(message).__name__, outcome.note).inc()
            record = outcome.record
            if record is None:
                return
            if outcome.note == "same":
                self._report(record)
                self.line.add(record.id)
                return
            if not record.removed and (why := excess(record, outcome.code)):
                if outcome.note == "new":
                    self._tell("TASK_UPDATE", task_update(record, failed(why).words))
                raise Garbage(f"{record.id}: {why}")
            if outcome.note == "new":
                self._since[record.id] = time.monotonic()
            self._store(record)
            await self._persist(record, outcome.code)
            say(outcome.note, task=record.id)
        self.line.add(message.id)

    async def look(self, task_id: str) -> None:
        """Do what is next for a task. Raises what is to be tried again."""
        async with self._turns.of(task_id):
            self._heed(task_id)
            record = self.ledger.records.get(task_id)
            if record is None:
                return
            if record.removed:
                await self._remove(record)
                return
            wanted = self._verdict(record)
            refusal = await self._keeping.keep(record, active=wanted == RUN)
            if wanted != RUN:
                await self._settle(record, await self._rest(record, wanted))
            elif refusal:  # the reason is told, and the next round tries again
                await self._settle(record, replace(record, status=failed(refusal)))
            else:
                await self._settle(record, await self._serve(record))

    def look_at_all(self) -> None:
        """Have every task looked at: what a watch did not show is found this way."""
        for task_id in list(self.ledger.records):
            self.line.add(task_id)

    def changed(self, hash_: str) -> None:
        """The cluster shows something new of the task with this hash."""
        if task_id := self._ids.get(hash_):
            self.line.add(task_id)

    async def verify(self) -> None:
        """Compare the broker's subscriptions with ours; what it lost is made anew. Raises BrokerAway."""
        listed = await self._subscriptions.listed()
        for task_id in list(self.ledger.records):
            if task_id not in self._turns:  # one that is being changed is compared in the next round
                await self._verify(task_id, listed)

    @property
    def workload(self) -> int:
        """How many tasks there are, those that wait or are paused included."""
        return len(self.ledger.records)

    def count(self) -> None:
        """Bring the gauges up to date."""
        states = [r.status.state for r in self.ledger.records.values()]
        for state in STATES:
            metrics.TASKS.labels(state).set(states.count(state))
        metrics.QUEUE.set(len(self.line.unfinished))

    async def finish(self) -> None:
        """Write what is not written yet. What fails is found out again by the next worker."""
        await asyncio.gather(*(self._write(task_id) for task_id in self.writing.unfinished), return_exceptions=True)

    async def remove_all(self) -> None:
        """Have every task end."""
        for record in list(self.ledger.records.values()):
            self._store(replace(record, removed=True))
        self.look_at_all()
        while True:
            if not self.ledger.records:
                return
            await asyncio.sleep(0.2)

    def _heed(self, task_id: str) -> bool:
        """Whether somebody else has noted in the cluster that it is to go: that comes to the same as a REMOVE_TASK."""
        record = self.ledger.records.get(task_id)
        if record is None or record.removed or not self._keeping.is_to_go(record):
            return False
        if removed := self.ledger.outcome(RemoveTask(task_id), time.monotonic(), record.order).record:
            self._store(removed)  # the cluster keeps it already
            say("removed", task=task_id, why="its Deployment says so")
        return True

    async def _persist(self, record: Record, code: str) -> None:
        wait_s = 0.2
        while True:
            try:
                refusal = await self._keep(record, code)
            except ERRORS as error:
                metrics.ERRORS.labels("kubernetes").inc()
                warn("not kept yet", task=record.id, why=str(error))
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, 5)
            else:
                kept = replace(record, status=failed(refusal)) if refusal else record
                self._store(kept)
                self._report(kept)
                return

    async def _keep(self, record: Record, code: str) -> str:
        if not record.removed:
            return await self._keeping.keep(record, active=self._verdict(record) == RUN, code=code)
        await self._keeping.mark_removed(record)  # its pod serves until nobody tells it anything any more
        return ""

    async def _serve(self, record: Record) -> Record:
        """Of one that is to run: its state, and its subscriptions as soon as it can be told."""
        status = judge(self._observed.get("deployments", record.name), self._observed.of("pods", record.hash))
        if status.state != "running":
            return replace(record, status=status)
        if not is_reachable(self._observed.of("endpointslices", record.hash)):
            return replace(record, status=Status("pending", "its Service does not lead to it yet"))
        return await self._subscribed(record)

    async def _subscribed(self, record: Record) -> Record:
        try:
            held = await self._subscriptions.make(record)
        except Incomplete as error:
            self._store(replace(record, subscriptions=error.held))
            raise
        return replace(record, subscriptions=held, status=Status("running"))

    async def _rest(self, record: Record, wanted: Status) -> Record:
        """Of one that is to have no pod: nobody is to tell it anything, and its outputs are no news any more."""
        if record.subscriptions:
            await self._subscriptions.end(record)
        return replace(record, subscriptions={}, status=wanted)

    async def _settle(self, before: Record, after: Record) -> None:
        """Keep and tell what is new of a task, and whatever it is the first time."""
        first = after.id in self._untold
        self._untold.discard(after.id)
        if first or after.status.words != before.status.words:
            self._report(after)
        if after == before:
            return
        self._store(after)
        if after.status.state == "running" and (began := self._since.pop(after.id, None)) is not None:
            took_s = time.monotonic() - began
            metrics.LAUNCH_S.observe(took_s)
            say("launched", task=after.id, took_s=round(took_s, 2))
        elif after.status != before.status:
            say(after.status.state, task=after.id, reason=after.status.reason)

    async def _write(self, task_id: str) -> None:
        record = self.ledger.records.get(task_id)
        if record and not record.removed:
            await self._keeping.keep_status(record)

    async def _remove(self, record: Record) -> None:
        """End it: first nobody tells it anything any more, then its objects go."""
        await self._subscriptions.end(record)
        await self._keeping.delete(record)
        self.ledger.drop(record.id)
        self._ids.pop(record.hash, None)
        self._since.pop(record.id, None)
        self._untold.discard(record.id)
        self._replan()
        self._tell("TASK_UPDATE", task_update(record, "removed"))
        say("gone", task=record.id)

    async def _verify(self, task_id: str, listed: Listed) -> None:
        async with self._turns.of(task_id):
            record = self.ledger.records.get(task_id)  # as it is now: ends of others' subscriptions were waited for
            if record is None or record.removed:
                return
            found = await self._subscriptions.compare(record, listed)
            if found == dict(record.subscriptions):
                return
            lost = len(set(record.subscriptions) - set(found))
            metrics.RESUBSCRIBED.inc(lost)
            say("subscriptions differ at the broker", task=record.id, lost=lost)
            self._store(replace(record, subscriptions=found))
        self.line.add(task_id)

    def _store(self, record: Record) -> None:
        old = self.ledger.records.get(record.id)
        self.ledger.store(record)
        self._ids[record.hash] = record.id
        if old and (old.status, old.subscriptions) != (record.status, record.subscriptions):
            starts = old.status.state == record.status.state == "pending" and old.subscriptions == record.subscriptions
            self.writing.add(record.id, self._write_s * (START_TIMES if starts else 1))
        if old is None or claim(old) != claim(record):
            self._replan()

    def _replan(self) -> None:
        """Who may run changed: those for whom it did are looked at."""
        if self.ledger.has_room_for_all(self._capacity):
            waiting, self._plan = [k for k, v in self._plan.items() if v != RUN], {}
        else:
            old, self._plan = self._plan, plan(self.ledger.records, self._capacity)
            waiting = [k for k, v in self._plan.items() if old.get(k, RUN) != v]
        for task_id in waiting:
            self.line.add(task_id)

    def _verdict(self, record: Record) -> Status:
        if record.id in self._plan:
            return self._plan[record.id]
        return plan({record.id: record}, 1)[record.id]

    def _report(self, record: Record) -> None:
        if record.removed:
            return
        self._tell("TASK_UPDATE", task_update(record, record.status.words))
        if record.status.state == "running":
            self._tell("TASK_INFO", task_info(record, self._site.reference(record)))

    def _tell(self, kind: str, payload: Obj) -> None:
        if self.bus:
            self.bus.report(kind, payload)
