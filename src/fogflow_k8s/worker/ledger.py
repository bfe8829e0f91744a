"""What the master's messages come to. Pure but for its own memory; the clock is handed in.

The bus keeps no order between an ADD_TASK and what follows it (the master sends the former from elsewhere), and repeats
what was not acknowledged. So whatever overtakes an ADD_TASK is remembered for a while:

- REMOVE_TASK of a task that is not known leaves a tombstone, which one late ADD_TASK of that id falls to;
- ADD_INPUT and REMOVE_INPUT of a task that is not known are parked, and count when it comes.

What the bus delivers again comes to the same as the first time: a REMOVE_TASK of a task that was just removed leaves no
tombstone for the next ADD_TASK, and an ADD_TASK that fell to one falls once more. And what the master says twice makes a
tombstone last no longer: the second may be of a task that follows, but more likely that task is still to come, and to stay.

A repeated ADD_TASK changes nothing: inputs are added to those that are there, and what it leaves empty stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.task.record import STARTING, Record, Status, by_age, input_key, object_name
from fogflow_k8s.worker.protocol import AddInput, AddTask, Message, Prefetch, RemoveInput, RemoveTask

Note = Literal["new", "changed", "same", "removed", "overtaken", "parked", "ignored"]

TOMBSTONE_S = 10.0
"""How long an ADD_TASK may come after its REMOVE_TASK. Longer, and a task that is wanted again would fall to it."""
AGAIN_S = 1.0
"""The same for a REMOVE_TASK of what was removed before: the master says that twice, by the entity and by the intent."""
PARKED_S = 60.0
REMEMBERED_S = 3600.0
"""How long after its removal a task counts as removed before: a device may have left long before its function goes."""
RUN = Status("running")
PAUSED = Status("paused", "an exclusive task has the worker")
NO_IMAGE = Status("failed", "no image of the operator is for this worker's machine")
_TOO_MANY = 10_000
"""Tasks whose inputs are parked at once: garbage must not fill the memory."""
_TOO_MANY_INPUTS = 1_000
"""Inputs that are parked for one task at once."""


@dataclass(frozen=True)
class Outcome:
    """The record as it is to be kept (None: nothing to keep), what to call it, and new source of the function."""

    note: Note
    record: Record | None = None
    code: str = ""


@dataclass
class Ledger:
    """Every task that a worker knows, by id."""

    worker: str
    records: dict[str, Record] = field(default_factory=dict)
    _tombstones: dict[str, float] = field(default_factory=dict)
    _removed: dict[str, float] = field(default_factory=dict)  # since when; the others: until when
    _fallen: dict[str, float] = field(default_factory=dict)
    _parked: dict[str, dict[str, tuple[float, AddInput | RemoveInput]]] = field(
        default_factory=dict
    )  # by task and input
    _exclusive: set[str] = field(default_factory=set)
    _forgot_s: float = 0.0

    def outcome(self, message: Message, now_s: float, order: int, *, again: bool = False) -> Outcome:
        """What becomes of the task; the caller says `store`, and keeps it in the cluster. `again`: a second delivery."""
        self._forget(now_s)
        match message:
            case AddTask():
                return self._add(message, now_s, order, again=again)
            case RemoveTask():
                return self._remove(message, now_s, again=again)
            case AddInput() | RemoveInput():
                return self._input(message, now_s)
            case Prefetch():
                return Outcome("ignored")

    def store(self, record: Record) -> None:
        """It is kept."""
        self.records[record.id] = record
        (self._exclusive.add if record.task.get("IsExclusive") else self._exclusive.discard)(record.id)

    def drop(self, task_id: str) -> None:
        """It is gone."""
        self.records.pop(task_id, None)
        self._exclusive.discard(task_id)

    def has_room_for_all(self, capacity: int) -> bool:
        """Whether nobody has to wait for anybody: then no plan is needed to know who may run."""
        return not self._exclusive and len(self.records) <= capacity

    def _add(self, message: AddTask, now_s: float, order: int, *, again: bool) -> Outcome:
        old = self.records.get(message.id)
        falls = self._tombstones.pop(message.id, now_s) > now_s or (again and message.id in self._fallen)
        if falls and (old is None or old.removed):
            self._fallen[message.id] = now_s + PARKED_S
            self._parked.pop(message.id, None)
            return Outcome("overtaken")
        self._fallen.pop(message.id, None)
        task = _merge(old.task, message.task) if old and not old.removed else message.task
        for _, late in self._parked.pop(message.id, {}).values():
            task = _with_input(task, late)
        if old is None:
            return Outcome("new", Record(message.id, object_name(self.worker, message.id), task, order), message.code)
        if task == old.task and not old.removed:
            return Outcome("same", old)
        status = STARTING if old.removed else old.status
        came = order if old.removed else old.order  # one that is made anew is not the one that somebody noted is to go
        return Outcome("changed", replace(old, task=task, order=came, removed=False, status=status), message.code)

    def _remove(self, message: RemoveTask, now_s: float, *, again: bool) -> Outcome:
        old = self.records.get(message.id)
        self._parked.pop(message.id, None)
        if old is not None and not old.removed:
            self._removed[message.id] = now_s
            return Outcome("removed", replace(old, removed=True))
        since_s = self._removed.get(message.id)
        if again and since_s is not None and now_s - since_s < PARKED_S:
            return Outcome("ignored")
        if self._tombstones.get(message.id, now_s) <= now_s:
            self._tombstones[message.id] = now_s + (TOMBSTONE_S if since_s is None else AGAIN_S)
        return Outcome("parked")

    def _input(self, message: AddInput | RemoveInput, now_s: float) -> Outcome:
        old = self.records.get(message.id)
        if old is None or old.removed:
            return Outcome("parked" if self._park(message, now_s) else "ignored")
        task = _with_input(old.task, message)
        return Outcome("same", old) if task == old.task else Outcome("changed", replace(old, task=task))

    def _park(self, message: AddInput | RemoveInput, now_s: float) -> bool:
        """Remember the last word about each input of a task, within bounds; False when it is dropped."""
        late, key = self._parked.get(message.id, {}), input_key(message.entry)
        room = len(late) < _TOO_MANY_INPUTS if late else len(self._parked) < _TOO_MANY
        if key not in late and not room:
            return False
        late.pop(key, None)  # the order is that of the last words
        late[key] = (now_s + PARKED_S, message)
        self._parked[message.id] = late
        return True

    def _forget(self, now_s: float) -> None:
        """Drop what nobody came for."""
        if now_s - self._forgot_s < 1:
            return
        self._forgot_s = now_s
        self._tombstones = {k: end for k, end in self._tombstones.items() if end > now_s}
        self._removed = {k: since for k, since in self._removed.items() if now_s - since < REMEMBERED_S}
        self._fallen = {k: end for k, end in self._fallen.items() if end > now_s}
        for task_id in [k for k, late in self._parked.items() if next(reversed(late.values()))[0] <= now_s]:
            del self._parked[task_id]


def _merge(old: Obj, new: Obj) -> dict[str, Any]:
    """The task as told again. A replay comes with the first inputs only, and without the intent's id."""
    merged = {**old, **new}
    merged["ServiceIntentID"] = new.get("ServiceIntentID") or old.get("ServiceIntentID", "")
    inputs = {input_key(i): i for i in [*(old.get("Inputs") or ()), *(new.get("Inputs") or ())]}
    merged["Inputs"] = list(inputs.values())
    return merged


def _with_input(task: Obj, message: AddInput | RemoveInput) -> dict[str, Any]:
    inputs = {input_key(i): i for i in task.get("Inputs") or ()}
    if isinstance(message, AddInput):
        inputs[input_key(message.entry)] = message.entry
    else:
        inputs.pop(input_key(message.entry), None)
    return {**task, "Inputs": list(inputs.values())}


def plan(records: Mapping[str, Record], capacity: int) -> dict[str, Status]:
    """Who may run: `running` here means with a pod, `paused` for others' sake, `pending` for want of room.

    An exclusive task has the worker to itself: while there is one, those of the highest PriorityLevel run and all others
    are paused. What may run does so in the order in which it came, as far as `capacity` goes; the rest waits.
    """
    present = [r for r in records.values() if not r.removed]
    exclusive = [r for r in present if r.task.get("IsExclusive")]
    highest = max((_level(r) for r in exclusive), default=0)
    wanted = [r for r in exclusive if _level(r) == highest] if exclusive else present
    wanted = [r for r in wanted if r.task.get("DockerImage")]
    found = {r.id: PAUSED if r.task.get("DockerImage") else NO_IMAGE for r in present}
    full = Status("pending", f"the worker is full ({capacity})")
    return found | {r.id: full if place >= capacity else RUN for place, r in enumerate(by_age(wanted))}


def claim(record: Record) -> tuple[object, ...]:
    """What `plan` asks of a task: when it changes, so may everybody's turn."""
    task = record.task
    return record.removed, bool(task.get("IsExclusive")), _level(record), bool(task.get("DockerImage"))


def _level(record: Record) -> int:
    return int(record.task.get("PriorityLevel") or 0)
