"""One round of the keeper without its input and output: what to do about a snapshot, and what to remember of it.

`decide` is a pure function of a snapshot (snapshot.py), the memory (memory.py) and the time. It has three parts:

1. `remember` makes the memory of this round out of the one before and the snapshot. It calls `remember` of each module below.
2. The rules read the snapshot and that memory, and return the actions that they want. Each kind of loss has a module with its rule
   and the constants that it depends on:

       hung.py             processes that do not answer, pods of lost nodes
       restore.py          state that discovery, a broker or the designer lost with its process
       ordered_restart.py  master, workers and designer, which lose RabbitMQ, plans and tasks (replay.py: its last step)
       demand.py           tasks that are missing, or that nothing requests any more
       leaks.py            connections to RabbitMQ that are never closed
       references.py       subscriptions that lead nowhere

3. `record` adds what acting changes, such as the number of attempts (backoff.py); `record_progress` adds how far an ordered restart is.

A pod that looks healthy does not prove that its program works, so no rule depends on the readiness of a pod alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import availability
import demand
import hung
import leaks
import ordered_restart
import references
import restore
from action import Action
from backoff import is_allowed
from memory import Cause, Condition, Memory, Timer
from replay import Progress
from snapshot import Snapshot

CALM_S = 20.0
"""After this long without anything to do, the attempts so far have helped, and the next loss is a new one."""


def decide(snapshot: Snapshot, memory: Memory, now: float) -> tuple[list[Action], Memory]:
    """The actions of this round, at most one for each member, and the memory for the next round."""
    memory = remember(snapshot, memory, now)
    wanted = [*hung.end_hung(snapshot, memory, now), *restore.restore(snapshot, memory, now)]
    progress = ordered_restart.advance(snapshot, memory, now)
    # before the other rules: a finished replay has replaced plans whose subscriptions are ended in the same round
    memory = record_progress(snapshot, memory, progress, now)
    wanted += [
        *progress.actions,
        *references.clean(snapshot, memory, now),
        *demand.demand(snapshot, memory, now),
    ]
    actions: list[Action] = []
    for action in wanted:
        taken = {one.component for one in actions}
        if action.component not in taken and is_allowed(action, memory, now):
            actions.append(action)
    memory = record(snapshot, memory, actions, now)
    return actions, _record_calm(snapshot, memory, now, busy=wanted)


def remember(snapshot: Snapshot, memory: Memory, now: float) -> Memory:
    """The memory with everything that this snapshot shows. The order counts: later modules read what earlier ones remember."""
    for module in (availability, hung, restore, leaks, ordered_restart, demand, references):
        memory = module.remember(snapshot, memory, now)
    return memory


def record(snapshot: Snapshot, memory: Memory, actions: Iterable[Action], now: float) -> Memory:
    """The memory after these actions are carried out."""
    for action in actions:
        attempts, _ = memory.attempts.get(action.key, (0, 0.0))
        memory = replace(memory, attempts={**memory.attempts, action.key: (attempts + 1, now)})
        if action.kind == "restore" and memory.is_complete(snapshot, action.component):  # once more, after RETRY_S
            memory = memory.without_attempts(action.key)
            memory = memory.without_timer(Timer(Condition.NOT_RESTORED, action.component))
        elif action.kind == "remove":
            memory = memory.without_timer(Timer(Condition.NOT_REQUESTED))
        elif action.kind == "warn":
            memory = replace(memory, dropped_reported=True)
    return memory


def record_progress(snapshot: Snapshot, memory: Memory, progress: Progress, now: float) -> Memory:
    """The memory after this step of an ordered restart."""
    begun = None if memory.restart else progress.restart or progress.finished
    if memory.restart is not progress.restart:
        memory = replace(memory, restart=progress.restart)
    if begun and begun.cause is Cause.CONNECTIONS:
        memory = replace(memory, connections_restart_at=now).without_timer(Timer(Condition.CONNECTIONS))
    if begun and begun.cause is Cause.WITHOUT_INPUT:
        memory = replace(memory, input_restarts=memory.input_restarts + 1)
    if progress.order is not None and progress.order != memory.order:
        memory = replace(memory, order=progress.order)
    if progress.finished is None:
        return memory
    memory = replace(
        memory,
        restarted_at=now,
        unlisted=False,  # the replay included all that was registered meanwhile
        not_replayed=progress.not_replayed,
        ended_plans=0,
        replaced=memory.replaced | progress.finished.subscribed,  # a replay replaces all plans
    )
    return memory.with_recovery(_finished(snapshot, progress.finished.why, now - progress.finished.began))


def _finished(snapshot: Snapshot, why: str, seconds: float) -> dict[str, Any]:
    members = "master and designer" if snapshot.keeps_tasks else "master, worker and designer"
    return {"what": f"ordered restart of {members}", "why": why, "seconds": round(seconds, 1)}


def _record_calm(snapshot: Snapshot, memory: Memory, now: float, *, busy: object) -> Memory:
    waiting = any(timer.condition.delays_calm for timer in memory.since)
    calm = snapshot.bus_up and not (busy or waiting or memory.restart)
    memory = memory.with_timer(now, Timer(Condition.CALM), holds=calm)
    helped = memory.attempts and memory.lasted(now, Condition.CALM) >= CALM_S
    return replace(memory, attempts={}) if helped else memory
