"""What a message of the master means for a task, given the messages before it. The caller passes the time.

RabbitMQ does not keep the order between an ADD_TASK and the messages that follow it, because the master sends ADD_TASK from
another goroutine, and it delivers a message again that was not acknowledged. Therefore the ledger remembers for a while what
arrives before its ADD_TASK:

- A REMOVE_TASK of an unknown task leaves a *tombstone*: the next ADD_TASK of that id, if it arrives soon, is dropped.
- An ADD_INPUT or REMOVE_INPUT of an unknown task is *parked*, and applied to the task when it arrives.

A second delivery has the same result as the first: a REMOVE_TASK of a task that was just removed leaves no tombstone, and an
ADD_TASK that a tombstone dropped is dropped again. A REMOVE_TASK that the master sends twice does not prolong a tombstone,
because the ADD_TASK that follows is more likely a new task than a late one.

A repeated ADD_TASK, as in a replay, changes nothing: its inputs are added to the existing ones, and an empty intent does not
replace the known one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from fogflow_k8s.model.task.fogflow_task import Task
from fogflow_k8s.model.task.record import STARTING, TaskRecord, object_name
from fogflow_k8s.worker.protocol import AddInput, AddTask, Message, Prefetch, RemoveInput, RemoveTask

Result = Literal["added", "changed", "unchanged", "removed", "overtaken", "parked", "ignored"]
"""What a message did to its task. `overtaken`: a tombstone dropped it; `parked`: the ledger remembers it for the task."""

TOMBSTONE_S = 10.0
"""How late an ADD_TASK can arrive after its REMOVE_TASK. A longer time would drop a task that is requested again."""
REPEATED_TOMBSTONE_S = 1.0
"""The same for a task that was removed before: the master sends its REMOVE_TASK twice, for the entity and for the intent."""
PARKED_S = 60.0
REMEMBERED_S = 3600.0
"""How long the ledger knows that a task was removed: its device can leave long before its function is deleted."""
_MAX_PARKED_TASKS = 10_000
_MAX_PARKED_INPUTS = 1_000
"""Inputs per task. Both limits exist so that invalid messages cannot fill the memory."""


@dataclass(frozen=True)
class Outcome:
    """The result of a message, the record to store (None when there is nothing to store), and the function's new code."""

    result: Result
    record: TaskRecord | None = None
    code: str = ""


@dataclass
class TaskLedger:
    """All tasks of one worker by id, and what was received before its task. Times are seconds of a monotonic clock."""

    worker: str
    records: dict[str, TaskRecord] = field(default_factory=dict)
    _tombstones: dict[str, float] = field(default_factory=dict)  # until when
    _removed: dict[str, float] = field(default_factory=dict)  # since when
    _overtaken: dict[str, float] = field(default_factory=dict)  # until when
    _parked: dict[str, dict[str, tuple[float, AddInput | RemoveInput]]] = field(
        default_factory=dict
    )  # by task and input, until when
    _exclusive: set[str] = field(default_factory=set)
    _expired_at_s: float = 0.0

    def apply(self, message: Message, now_s: float, order: int, *, redelivered: bool = False) -> Outcome:
        """Decide what a message changes. The caller stores the record of the outcome, in the cluster and with `store`.

        `order` is the time of arrival for a new record, in nanoseconds; `redelivered` messages may have been seen before.
        """
        self._expire(now_s)
        match message:
            case AddTask():
                return self._add(message, now_s, order, redelivered=redelivered)
            case RemoveTask():
                return self._remove(message, now_s, redelivered=redelivered)
            case AddInput() | RemoveInput():
                return self._change_input(message, now_s)
            case Prefetch():
                return Outcome("ignored")

    def store(self, record: TaskRecord) -> None:
        """Remember the current record of a task."""
        self.records[record.id] = record
        (self._exclusive.add if record.task.exclusive else self._exclusive.discard)(record.id)

    def drop(self, task_id: str) -> None:
        """Forget a task whose objects are deleted."""
        self.records.pop(task_id, None)
        self._exclusive.discard(task_id)

    def has_room_for_all(self, capacity: int) -> bool:
        """Whether every task may have a pod, so that no schedule is needed."""
        return not self._exclusive and len(self.records) <= capacity

    def _add(self, message: AddTask, now_s: float, order: int, *, redelivered: bool) -> Outcome:
        old = self.records.get(message.id)
        tombstone = self._tombstones.pop(message.id, now_s) > now_s
        if (tombstone or (redelivered and message.id in self._overtaken)) and (old is None or old.removed):
            self._overtaken[message.id] = now_s + PARKED_S
            self._parked.pop(message.id, None)
            return Outcome("overtaken")
        self._overtaken.pop(message.id, None)
        task = _merge(old.task, message.task) if old and not old.removed else message.task
        for _, parked in self._parked.pop(message.id, {}).values():
            task = _with_input(task, parked)
        if old is None:
            return Outcome("added", TaskRecord(object_name(self.worker, message.id), task, order), message.code)
        if task == old.task and not old.removed:
            return Outcome("unchanged", old)
        if old.removed:  # a new order, so that a mark for the removal of the old task does not count for the new one
            return Outcome(
                "changed", replace(old, task=task, order=order, removed=False, status=STARTING), message.code
            )
        return Outcome("changed", replace(old, task=task), message.code)

    def _remove(self, message: RemoveTask, now_s: float, *, redelivered: bool) -> Outcome:
        old = self.records.get(message.id)
        self._parked.pop(message.id, None)
        if old is not None and not old.removed:
            self._removed[message.id] = now_s
            return Outcome("removed", replace(old, removed=True))
        since_s = self._removed.get(message.id)
        if redelivered and since_s is not None and now_s - since_s < PARKED_S:
            return Outcome("ignored")
        if self._tombstones.get(message.id, now_s) <= now_s:
            self._tombstones[message.id] = now_s + (TOMBSTONE_S if since_s is None else REPEATED_TOMBSTONE_S)
        return Outcome("parked")

    def _change_input(self, message: AddInput | RemoveInput, now_s: float) -> Outcome:
        old = self.records.get(message.id)
        if old is None or old.removed:
            return Outcome("parked" if self._park(message, now_s) else "ignored")
        task = _with_input(old.task, message)
        return Outcome("unchanged", old) if task == old.task else Outcome("changed", replace(old, task=task))

    def _park(self, message: AddInput | RemoveInput, now_s: float) -> bool:
        """Remember the last message about each input of a task, within the limits; False when there is no room."""
        parked, key = self._parked.get(message.id, {}), message.input.key
        room = len(parked) < _MAX_PARKED_INPUTS if parked else len(self._parked) < _MAX_PARKED_TASKS
        if key not in parked and not room:
            return False
        parked.pop(key, None)  # the order is that of the last messages
        parked[key] = (now_s + PARKED_S, message)
        self._parked[message.id] = parked
        return True

    def _expire(self, now_s: float) -> None:
        """Forget what is too old, at most once a second."""
        if now_s - self._expired_at_s < 1:
            return
        self._expired_at_s = now_s
        self._tombstones = {k: end for k, end in self._tombstones.items() if end > now_s}
        self._removed = {k: since for k, since in self._removed.items() if now_s - since < REMEMBERED_S}
        self._overtaken = {k: end for k, end in self._overtaken.items() if end > now_s}
        for task_id in [k for k, parked in self._parked.items() if next(reversed(parked.values()))[0] <= now_s]:
            del self._parked[task_id]


def _merge(old: Task, new: Task) -> Task:
    """A task that is requested again. A replay has only the first inputs, and no intent."""
    inputs = old.inputs_by_key | new.inputs_by_key
    return replace(new, intent=new.intent or old.intent, inputs=tuple(inputs.values()))


def _with_input(task: Task, message: AddInput | RemoveInput) -> Task:
    inputs = task.inputs_by_key
    if isinstance(message, AddInput):
        inputs[message.input.key] = message.input
    else:
        inputs.pop(message.input.key, None)
    return replace(task, inputs=tuple(inputs.values()))
