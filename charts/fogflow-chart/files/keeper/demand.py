"""Tasks that should run and do not, as all workers were full, and tasks that run and that nobody asks for any more. Pure.

The master gives a task to a worker that has room. When none has, it drops the task for good and says nothing, and a place that
becomes free changes nothing: only a replay brings the task. And a function that is deleted while the master is away leaves its
tasks to a worker that keeps them, which nobody ever tells to remove them.

A task that upstream's worker starts while its broker is away is never told of its input: it subscribes once, and does not try again.
"""

from __future__ import annotations

from cell import DESIGNER, DISCOVERY, WORKER, Action, Memory, Snapshot
from expected import tasks, topologies
from references import tasks_of
from signs import complete, lasted, of_master

FULL_S = 15.0
"""Workers tell every 10 s how many tasks they have: a burst of devices is not what remains after so long."""
REST_S = 120.0
"""Between a mend and a replay because there is room again."""
UNTAKEN_S = 20.0
"""For the master to fetch the topology of what was just stored, and to subscribe."""
UNFED_S = 25.0
"""For a task that has just begun to subscribe."""
UNASKED_S = 30.0
"""For whoever has deleted a function to see its tasks go by themselves."""


def without_task(seen: Snapshot) -> int:
    """How many tasks too few run, as far as that can be counted."""
    if seen.designer is None or seen.discovery is None or seen.tasks is None:
        return 0
    return max(0, tasks(seen.designer, seen.discovery) - len(seen.tasks))


def room_again(seen: Snapshot, memory: Memory, now: float) -> bool:
    """Whether a worker has had room for some time for what was dropped because all were full."""
    missing = without_task(seen)
    if lasted(memory, "full", missing and seen.room == 0, now) >= FULL_S:
        memory.dropped = missing
    if not missing:
        memory.dropped = 0
    waits = memory.dropped and seen.room and now - memory.mended_at > REST_S
    return lasted(memory, "room", waits, now) >= FULL_S


def due(seen: Snapshot, memory: Memory) -> int:
    """How many subscriptions of the master a replay should make; without those that did not come when it was repeated."""
    if seen.expected is None or seen.expected < 0:
        return 1
    return max(0, seen.expected - memory.short)


def not_taken_up(seen: Snapshot, memory: Memory, now: float) -> bool:
    """Whether the master lacks something that is stored: it was away, or could not subscribe as discovery was, and nobody tries again."""
    known = (
        seen.discovery is not None
        and seen.expected is not None
        and seen.expected > 0
        and complete(seen, memory, DISCOVERY)
    )
    have = len(of_master(seen) - memory.replaced)
    if known and have >= (seen.expected or 0):
        memory.short = 0
    return lasted(memory, "untaken", known and have < due(seen, memory), now) >= UNTAKEN_S


def unfed(seen: Snapshot, memory: Memory, now: float) -> int:
    """How many tasks run that no broker tells anything, once it is time to do something about it; of a worker that does not do so itself.

    What is done about it for nothing is done more and more rarely.
    """
    held = [seen.held(shard) for shard in seen.shards]
    if seen.keeps_tasks or seen.tasks is None or not all(complete(seen, memory, shard) for shard in seen.shards):
        return 0
    fed = tasks_of(held)
    alone = frozenset(seen.tasks) - fed
    memory.feeds |= bool(fed)
    ours = seen.brokers == len(seen.shards) or fed & set(seen.tasks)  # else the worker may use the broker of an edge
    waits = None not in held and memory.feeds and ours and alone
    if not alone:
        memory.fed = 0
    if lasted(memory, "unfed", waits, now) < UNFED_S or now - memory.mended_at < REST_S * (2**memory.fed - 1):
        return 0
    memory.fed += 1
    return len(alone)


def demand(seen: Snapshot, memory: Memory, now: float) -> list[Action]:
    """Say once that devices are without a task; have tasks removed that nobody asks for."""
    return [*_say(memory), *_remove(seen, memory, now)]


def too_full(memory: Memory) -> str:
    """The sentence about devices without a task; empty when there is none."""
    if not memory.dropped:
        return ""
    return (
        f"{memory.dropped} tasks were dropped by the master, as all workers were full: raise config.worker.capacity or add workers; "
        "the keeper has them planned again when there is room"
    )


def _say(memory: Memory) -> list[Action]:
    new, memory.told_full = bool(memory.dropped) and not memory.told_full, bool(memory.dropped)
    return [Action("tell", WORKER, too_full(memory))] if new else []


def _remove(seen: Snapshot, memory: Memory, now: float) -> list[Action]:
    """Only what was asked for before, by a database that is known to be whole: an empty one may have been lost."""
    if seen.designer is None or not complete(seen, memory, DESIGNER):
        return []
    asked = topologies(seen.designer)
    before = memory.asked | topologies(memory.snapshot[DESIGNER])
    memory.asked = asked | (before & frozenset(seen.topologies.values()))
    unasked = {name for name, topology in seen.topologies.items() if topology in memory.asked - asked}
    if lasted(memory, "unasked", unasked and not memory.mend, now) < UNASKED_S:
        return []
    memory.since.pop("unasked")
    return [
        Action(
            "remove",
            WORKER,
            f"no function or intent asks for {len(unasked)} tasks any more",
            names=tuple(sorted(unasked)),
        )
    ]
