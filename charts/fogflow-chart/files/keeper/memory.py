"""What the keeper remembers from one round to the next.

A `Memory` is immutable. `decide.remember` makes the next one out of a snapshot; `decide.record` adds what the actions of the round
change. Rules only read it.

Most rules wait until a condition has held for some seconds. `Memory.since` has the time when each such condition began to hold. Its
keys (`Timer`) name the condition and what it is about, such as the member and the identity of its pod.

A part of the memory is stored in a Secret and outlives the keeper's pod (stored_memory.py). Times are in seconds of a
monotonic clock and are not stored.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any

from action import ActionKey
from snapshot import STATEFUL, Snapshot

NOT_RESTORED = math.inf
"""In Memory.missing in place of a time: the key was not deleted, it could not be restored."""
_NEVER = float("-inf")
REMEMBERED = 20
"""Number of recoveries that are kept for the health report."""


class Condition(Enum):
    """What the keeper measures the duration of."""

    SILENT = auto()
    """A member's process runs and does not answer; about the member and its identity."""
    NO_HEARTBEAT = auto()
    """A worker has sent no heartbeat for too long; about the worker."""
    ENDING = auto()
    """A worker's pod is being deleted and has removed no task since; about the pod and the number of tasks."""
    LOST = auto()
    """A pod is being deleted and is not ready; about the pod."""
    OVERLAPPING = auto()
    """A new pod runs while the one before is still ending; about the member."""
    NOT_RESTORED = auto()
    """Something could not be restored; about the member."""
    DISCONNECTED = auto()
    """A member's pod runs and its queue has no consumer; about the member."""
    UNLISTED = auto()
    """The master does not list a worker, and RabbitMQ shows no metrics."""
    UNKNOWN_TASKS = auto()
    """More tasks run than the workers report, and always the same ones."""
    DOUBLED_TASKS = auto()  # a task runs more than once
    WORKERS_FULL = auto()
    """Tasks are missing and no worker has free capacity."""
    CAPACITY_FREE = auto()
    """Tasks were dropped and a worker has free capacity."""
    TOO_MANY_PLANS = auto()
    """The master has more subscriptions than the designer's database requires."""
    NOT_PLANNED = auto()
    """The master has fewer subscriptions than the designer's database requires."""
    WITHOUT_INPUT = auto()
    """Tasks run that have no subscription at a broker."""
    NOT_REQUESTED = auto()
    """Tasks run that no function or intent requests."""
    WITHOUT_DEPLOYMENT = auto()
    """A task's Service has no Deployment; about the Service."""
    CONNECTIONS = auto()
    """RabbitMQ has too many connections."""
    UNREACHABLE = auto()
    """A broker could not deliver a notification; about the broker and the subscriber's address."""
    CALM = auto()
    """The keeper has nothing to do."""

    @property
    def delays_calm(self) -> bool:
        """Whether the keeper is about to act when this lasts; the others may hold for hours."""
        return self in {
            Condition.SILENT, Condition.NO_HEARTBEAT, Condition.ENDING, Condition.LOST, Condition.OVERLAPPING,
            Condition.DISCONNECTED, Condition.UNLISTED, Condition.UNKNOWN_TASKS, Condition.DOUBLED_TASKS,
        }  # fmt: skip


@dataclass(frozen=True)
class Timer:
    """A key of Memory.since."""

    condition: Condition
    subject: str = ""
    """Member or pod."""
    detail: str = ""


class Cause(Enum):
    """Why an ordered restart begins, where the memory has to know it later."""

    OTHER = auto()
    CONNECTIONS = auto()
    WITHOUT_INPUT = auto()


@dataclass(frozen=True)
class OrderedRestart:
    """An ordered restart in progress: master and workers are replaced, then the designer, which replays (ordered_restart.py)."""

    why: str
    began: float
    old: Mapping[str, str]
    """The identity of each member that still has to be replaced."""
    cause: Cause = Cause.OTHER
    replaying: bool = False
    """Master and workers are replaced; the designer is being restarted."""
    subscribed: frozenset[str] = frozenset()
    """The master's subscriptions at discovery when the designer's restart began: a replay makes new ones."""
    replays: int = 0
    thorough: bool = False
    """A replay has already taken place: tasks may be on their way to a worker that has none yet."""
    designers: frozenset[str] = frozenset()
    """Identities of the designers that have connected to RabbitMQ since: each of them has replayed."""
    replayed_at: Mapping[str, float] = field(default_factory=dict)
    """When the result of a designer's replay could first be counted, by the designer's identity."""
    deleted_at: Mapping[str, float] = field(default_factory=dict)
    """When the keeper first wanted to delete a pod, by the identity of its process."""


@dataclass(frozen=True)
class Reading:
    """What was last read of discovery or a broker."""

    keys: frozenset[str] = frozenset()
    marks: frozenset[str] = frozenset()
    """Ids that only the process which was read has given (ngsi.marks)."""
    lacked: int = 0
    """Number of items that a new process still lacked at that time."""


@dataclass(frozen=True)
class Heartbeat:
    """What is known of a worker's heartbeats at the master."""

    processes: tuple[str, str] = ("", "")
    """Identities of master and worker."""
    last: str = ""
    changed_at: float = 0.0
    changes: int = 0


@dataclass(frozen=True)
class Memory:
    """See the module's docstring. Mappings are never changed in place."""

    # -- state of discovery, brokers and designer (restore.py)
    saved: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {name: {} for name in STATEFUL})
    """The keeper's copy of what each holds, by member and key."""
    complete: Mapping[str, str] = field(default_factory=dict)
    """Identity of the process that holds all of the copy, by member."""
    missing: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Since when a process lacks a key that it had; NOT_RESTORED for keys that it did not accept."""
    readings: Mapping[str, Reading] = field(default_factory=dict)
    broker_subscriptions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Keys of the subscriptions that a broker's process has at discovery, by broker."""
    owners: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Of each of these, the broker's own subscriptions that it may belong to (availability.py)."""
    # -- subscriptions that lead nowhere (references.py)
    replaced: frozenset[str] = frozenset()
    """Keys of subscriptions at discovery that belong to replaced plans, or to what a broker no longer has."""
    known_tasks: frozenset[str] = frozenset()
    """Task Deployments that run, and that ran as long as a subscription leads to one."""
    suspects: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By broker, ids of subscriptions that seem to lead nowhere or to be duplicates, and since when."""
    unreachable: Mapping[str, str] = field(default_factory=dict)
    """Subscribers that a broker has not reached for minutes: the broker by the subscriber's address."""
    not_removed: Mapping[str, str] = field(default_factory=dict)
    """Addresses of deleted tasks whose subscriptions a broker keeps although it was asked to end them: the broker by address."""
    # -- ordered restart (ordered_restart.py)
    order: Mapping[str, str] = field(default_factory=dict)
    """Identities of master, workers and designer when they last worked together."""
    restart: OrderedRestart | None = None
    restarted_at: float = _NEVER
    """When the last ordered restart was finished."""
    connected: Mapping[str, str] = field(default_factory=dict)
    """The connection (Snapshot.connection) over which a member last consumed; empty while RabbitMQ is down."""
    tasks: tuple[str, ...] = ()
    """The task Deployments of the last round without an ordered restart."""
    not_replayed: int = 0
    """Number of subscriptions that the last replay made fewer than expected, although it was repeated."""
    # -- demand for tasks (demand.py)
    stored_plans: int = 0
    """Number of subscriptions that the master makes of what the designer has stored, in the last round."""
    ended_plans: int = 0
    """Number of the master's subscriptions at discovery whose plans have ended: it could not remove them, and does not know them any more."""
    planned: frozenset[str] = frozenset()
    """Registrations and the master's subscriptions at discovery when the master last listed a worker."""
    unlisted: bool = False
    """Whether the master has listed no worker since then; native worker only."""
    missed: bool = False
    """Whether something was registered or subscribed meanwhile: the master dropped its tasks."""
    dropped: int = 0
    """Number of tasks that the master dropped because all workers were full."""
    dropped_reported: bool = False
    recognizes_input: bool = False
    """Whether a subscription of a task was ever recognized; otherwise this build of FogFlow uses another form."""
    input_restarts: int = 0
    """Number of ordered restarts in a row because of tasks without input."""
    requested: frozenset[str] = frozenset()
    """Topologies that are requested, and those that were requested while tasks of them run."""
    connections_restart_at: float = _NEVER
    """When an ordered restart last began because of RabbitMQ's connections (leaks.py)."""
    heartbeats: Mapping[str, Heartbeat] = field(default_factory=dict)
    """By worker (hung.py)."""
    since: Mapping[Timer, float] = field(default_factory=dict)
    attempts: Mapping[ActionKey, tuple[int, float]] = field(default_factory=dict)
    """How often an action was done in a row, and when last (backoff.py)."""
    recoveries: tuple[Mapping[str, Any], ...] = ()
    """What the keeper has done, newest last: for the health report."""

    def lasted(self, now: float, condition: Condition, subject: str = "", detail: str = "") -> float:
        """For how many seconds a condition has held without a break; -1 when it does not hold."""
        since = self.since.get(Timer(condition, subject, detail))
        return -1.0 if since is None else now - since

    def timed(self, now: float, holding: Iterable[Timer], *conditions: Condition) -> Memory:
        """The memory in which, of these conditions, exactly the timers in `holding` run; those that ran already go on."""
        since = {timer: at for timer, at in self.since.items() if timer.condition not in conditions}
        since.update({timer: self.since.get(timer, now) for timer in holding})
        return self if since == self.since else replace(self, since=since)

    def with_timer(self, now: float, timer: Timer, *, holds: object) -> Memory:
        """The memory in which this timer runs if its condition holds, and does not otherwise."""
        if not holds:
            return self.without_timer(timer)
        return self if timer in self.since else replace(self, since={**self.since, timer: now})

    def without_timer(self, timer: Timer) -> Memory:
        """The memory in which this timer does not run; it starts anew if its condition still holds."""
        if timer not in self.since:
            return self
        return replace(self, since={other: at for other, at in self.since.items() if other != timer})

    def without_attempts(self, key: ActionKey) -> Memory:
        """The memory in which this action has not been tried yet."""
        if key not in self.attempts:
            return self
        return replace(self, attempts={other: each for other, each in self.attempts.items() if other != key})

    def with_recovery(self, recovery: Mapping[str, Any], *, instead: Mapping[str, Any] | None = None) -> Memory:
        """The memory with one more thing that the keeper has done, in the place of another one if that is given."""
        others = tuple(one for one in self.recoveries if one is not instead)
        return replace(self, recoveries=(*others, recovery)[-REMEMBERED:])

    def is_complete(self, snapshot: Snapshot, name: str) -> bool:
        """Whether discovery, a broker or the designer holds what it held before its last restart."""
        pod = snapshot.pod(name)
        return pod is not None and self.complete.get(name) == pod.identity

    def all_complete(self, snapshot: Snapshot) -> bool:
        """Whether this is true of discovery and every broker."""
        return all(self.is_complete(snapshot, name) for name in snapshot.stateful)

    def unrestored(self, name: str) -> frozenset[str]:
        """Keys that discovery or a broker lost and did not accept back."""
        return frozenset(key for key, since in self.missing.get(name, {}).items() if since == NOT_RESTORED)
