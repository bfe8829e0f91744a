"""Tasks that should run and do not, and tasks that run and should not.

The designer's database holds service intents and functions, which request topologies; discovery holds the devices' registrations.
Together they determine how many tasks should run (expected.py). Six things go wrong, and a replay by the designer (ordered_restart.py)
repairs all but the last two:

- The master gives a task to a worker with free capacity. When no worker has any, the master drops the task and does not log it.
- A native worker may be down when something is registered: the master drops its tasks, because it lists no worker.
- The master may be down when a function is stored, or unable to subscribe at discovery: it does not plan that function. When
  discovery was down while a plan ended, the plan's subscription is still there and must not be counted for another one.
- An upstream worker subscribes once for a task's input. A task that it starts while its broker is down never gets any input.
- A function may be deleted while the master is down. Its tasks remain at a native worker, which has to be asked to remove them.
- An upstream worker deletes a task's Deployment, then its Service. When it ends in between, the Service remains and no program knows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from action import Action
from expected import tasks, topologies
from memory import Condition, Memory, Timer
from references import tasks_of
from snapshot import DESIGNER, DISCOVERY, WORKER, Snapshot

FULL_S = 15.0
"""How long workers must be full. They report their number of tasks every 10 s, so a burst of devices is over by then."""
REST_S = 120.0
"""Least time between an ordered restart and the next one for free capacity or for tasks without input."""
ENDED_S = 15.0
"""Time for the master to end the subscriptions of a function that was deleted."""
NOT_PLANNED_S = 20.0
"""Time for the master to fetch the topology of what was just stored, and to subscribe."""
WITHOUT_INPUT_S = 25.0
"""Time for a task that has just started to subscribe."""
NOT_REQUESTED_S = 30.0
"""Time for tasks to be removed by the master after their function was deleted."""
LONE_S = 30.0
"""Time for a worker to delete a Service after its Deployment."""


def remember(snapshot: Snapshot, memory: Memory, now: float) -> Memory:
    """The memory with what was dropped, missed and requested, and since when something is missing."""
    if not memory.restart:
        memory = _remember_missed(snapshot, memory)
        memory = _remember_capacity(snapshot, memory, now)
        memory = _remember_planned(snapshot, memory, now)
        memory = _remember_input(snapshot, memory, now)
    lone = {Timer(Condition.WITHOUT_DEPLOYMENT, name) for name in snapshot.lone_services}
    memory = memory.timed(now, lone, Condition.WITHOUT_DEPLOYMENT)
    if memory.dropped_reported and not memory.dropped:
        memory = replace(memory, dropped_reported=False)
    return _remember_requested(snapshot, memory, now)


def demand(snapshot: Snapshot, memory: Memory, now: float) -> list[Action]:
    """Report dropped tasks once; remove tasks that nothing requests any more, and what is left of removed ones."""
    report = bool(memory.dropped) and not memory.dropped_reported
    actions = [Action("warn", WORKER, full_warning(memory))] if report else []
    return actions + _remove(snapshot, memory, now) + _reap_services(memory, now)


# -- free capacity -------------------------------------------------------------------------------------------------------


def missing_tasks(snapshot: Snapshot) -> int:
    """How many tasks are missing, as far as that can be counted."""
    if snapshot.designer is None or snapshot.discovery is None or snapshot.tasks is None:
        return 0
    return max(0, tasks(snapshot.designer, snapshot.discovery) - len(snapshot.tasks))


def _remember_capacity(snapshot: Snapshot, memory: Memory, now: float) -> Memory:
    missing = missing_tasks(snapshot)
    full = missing and snapshot.free_capacity == 0
    memory = memory.with_timer(now, Timer(Condition.WORKERS_FULL), holds=full)
    dropped = missing if memory.lasted(now, Condition.WORKERS_FULL) >= FULL_S else memory.dropped
    dropped = dropped if missing else 0
    memory = memory if dropped == memory.dropped else replace(memory, dropped=dropped)
    free = memory.dropped and snapshot.free_capacity and now - memory.restarted_at > REST_S
    return memory.with_timer(now, Timer(Condition.CAPACITY_FREE), holds=free)


def has_capacity_again(memory: Memory, now: float) -> bool:
    """Whether a worker has had free capacity for some time for tasks that were dropped because all workers were full."""
    return memory.lasted(now, Condition.CAPACITY_FREE) >= FULL_S


def full_warning(memory: Memory) -> str:
    """A sentence about dropped tasks for the health report; empty when there are none."""
    if not memory.dropped:
        return ""
    return (
        f"{memory.dropped} tasks were dropped by the master, as all workers were full: raise config.worker.capacity or add workers; "
        "the keeper has them planned again when a worker has free capacity"
    )


# -- what the master plans -----------------------------------------------------------------------------------------------


def _remember_missed(snapshot: Snapshot, memory: Memory) -> Memory:
    """Of native workers: whether something was registered or subscribed while the master listed none of them."""
    memory = replace(memory, missed=False) if memory.missed else memory
    if not snapshot.keeps_tasks or snapshot.discovery is None or snapshot.worker_heartbeat is None:
        return memory
    if not any(snapshot.heartbeat(name) for name in snapshot.workers):
        return replace(memory, unlisted=True)
    planned = snapshot.plans | {key for key in snapshot.discovery if key.startswith("r:")}
    return replace(memory, missed=memory.unlisted and bool(planned - memory.planned), planned=planned, unlisted=False)


def expected_plans(snapshot: Snapshot, memory: Memory) -> int:
    """How many subscriptions the master should make of a replay, without those that repeated replays did not bring."""
    if snapshot.expected is None or snapshot.expected < 0:
        return 1
    return max(0, snapshot.expected - memory.not_replayed)


def _remember_planned(snapshot: Snapshot, memory: Memory, now: float) -> Memory:
    known = snapshot.discovery is not None and memory.is_complete(snapshot, DISCOVERY)
    if not known or snapshot.expected is None or snapshot.expected < 0:
        return memory.without_timer(Timer(Condition.NOT_PLANNED)).without_timer(Timer(Condition.TOO_MANY_PLANS))
    plans = len(snapshot.plans - memory.replaced)
    if memory.not_replayed and plans >= snapshot.expected:
        memory = replace(memory, not_replayed=0)
    if memory.is_complete(snapshot, DESIGNER):  # a designer that lost its database stores less than users did
        memory = _remember_ended(snapshot.expected, plans, memory, now)
    lacks = plans < expected_plans(snapshot, memory) + memory.ended_plans
    return memory.with_timer(now, Timer(Condition.NOT_PLANNED), holds=snapshot.expected > 0 and lacks)


def _remember_ended(stored: int, plans: int, memory: Memory, now: float) -> Memory:
    """The memory with the number of subscriptions whose plans have ended.

    `stored` is how many subscriptions the master should have, `plans` how many it has. The number is counted anew whenever less is
    stored than before, because the master may have removed more than one subscription then.
    """
    ended = 0 if stored < memory.stored_plans else memory.ended_plans
    surplus = plans - stored - ended
    memory = memory.with_timer(now, Timer(Condition.TOO_MANY_PLANS), holds=surplus > 0)
    if memory.lasted(now, Condition.TOO_MANY_PLANS) >= ENDED_S:
        ended += surplus
    if (stored, ended) == (memory.stored_plans, memory.ended_plans):
        return memory
    return replace(memory, stored_plans=stored, ended_plans=ended)


def is_not_planned(memory: Memory, now: float) -> bool:
    """Whether the master lacks plans for something that the designer has stored."""
    return memory.lasted(now, Condition.NOT_PLANNED) >= NOT_PLANNED_S


# -- tasks without input -------------------------------------------------------------------------------------------------


def _tasks_with_input(snapshot: Snapshot, memory: Memory) -> set[str] | None:
    """Tasks that have a subscription at a broker; None where that is not known, or the worker sees to it itself."""
    complete = all(memory.is_complete(snapshot, shard) for shard in snapshot.shards)
    if snapshot.keeps_tasks or snapshot.tasks is None or not complete:
        return None
    return tasks_of(snapshot.held(shard) for shard in snapshot.shards)


def _remember_input(snapshot: Snapshot, memory: Memory, now: float) -> Memory:
    with_input = _tasks_with_input(snapshot, memory)
    if with_input is None or snapshot.tasks is None:
        return memory
    without = set(snapshot.tasks) - with_input
    recognizes = memory.recognizes_input or bool(with_input)
    restarts = memory.input_restarts if without else 0
    if (recognizes, restarts) != (memory.recognizes_input, memory.input_restarts):
        memory = replace(memory, recognizes_input=recognizes, input_restarts=restarts)
    # with the broker of an edge on discovery's list, the worker may use that one
    uses_ours = snapshot.brokers == len(snapshot.shards) or with_input & set(snapshot.tasks)
    all_read = all(snapshot.held(shard) is not None for shard in snapshot.shards)
    holds = all_read and recognizes and uses_ours and without
    return memory.with_timer(now, Timer(Condition.WITHOUT_INPUT), holds=holds)


def tasks_without_input(snapshot: Snapshot, memory: Memory, now: float) -> int:
    """How many tasks have had no input for so long that they must be started again; each restart in vain doubles the pause."""
    with_input = _tasks_with_input(snapshot, memory)
    if with_input is None or memory.lasted(now, Condition.WITHOUT_INPUT) < WITHOUT_INPUT_S:
        return 0
    if now - memory.restarted_at < REST_S * (2**memory.input_restarts - 1):
        return 0
    return len(set(snapshot.tasks or ()) - with_input)


# -- tasks that nothing requests -----------------------------------------------------------------------------------------


def _remember_requested(snapshot: Snapshot, memory: Memory, now: float) -> Memory:
    """Only what a complete database requested before counts: an empty database may have been lost."""
    if snapshot.designer is None or not memory.is_complete(snapshot, DESIGNER):
        return memory
    requested = topologies(snapshot.designer)
    before = memory.requested | topologies(memory.saved[DESIGNER])
    requested |= before & frozenset(snapshot.topologies.values())
    memory = memory if requested == memory.requested else replace(memory, requested=requested)
    holds = _not_requested(snapshot, snapshot.designer, memory) and not memory.restart
    return memory.with_timer(now, Timer(Condition.NOT_REQUESTED), holds=holds)


def _not_requested(snapshot: Snapshot, database: Mapping[str, Any], memory: Memory) -> set[str]:
    former = memory.requested - topologies(database)
    return {name for name, topology in snapshot.topologies.items() if topology in former}


def _remove(snapshot: Snapshot, memory: Memory, now: float) -> list[Action]:
    if snapshot.designer is None or not memory.is_complete(snapshot, DESIGNER):
        return []
    if memory.lasted(now, Condition.NOT_REQUESTED) < NOT_REQUESTED_S:
        return []
    names = tuple(sorted(_not_requested(snapshot, snapshot.designer, memory)))
    return [Action("remove", WORKER, f"no function or intent requests {len(names)} tasks any more", names=names)]


def _reap_services(memory: Memory, now: float) -> list[Action]:
    timers = (timer for timer in memory.since if timer.condition is Condition.WITHOUT_DEPLOYMENT)
    names = tuple(sorted(timer.subject for timer in timers if now - memory.since[timer] >= LONE_S))
    return [Action("reap", WORKER, f"{len(names)} Services of removed tasks are left", names=names)] if names else []
