"""The ordered restart: how the keeper brings master, workers and designer back to a common state.

Facts about these programs, measured on the originals:

- A program is disconnected when its pod runs and its RabbitMQ queue has no consumer. It never reconnects by itself. While RabbitMQ
  is down, a restart does not help.
- The master's plans and the upstream worker's tasks are in memory. The designer publishes everything that it has stored once, when it
  starts: a replay. With the upstream worker a replay starts every task that still runs a second time.

So the recovery from the loss of any of them is the same: a master without plans, workers without tasks, then a new designer. With
several upstream workers all are replaced, because the master does not show whose tasks it still plans. A native worker is never
replaced: its tasks run without it, and a replay does not double them.

`advance` returns what follows for one round as a `Progress`; replay.py has the last step, the replay. `OrderedRestart.old` has the
identities that must be replaced; a member with another identity is new. `remember` notes what the next round has to know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import demand
import leaks
from action import Action
from memory import Cause, Condition, Memory, OrderedRestart, Timer
from replay import Progress, await_replay, is_disconnected, note_replay, order_replay
from snapshot import DESIGNER, KEPT, MASTER, WORKER, Pod, Snapshot

UNLISTED_S = 30.0
"""Without RabbitMQ's metrics: how long the master may not list a worker, which sends two heartbeats in this time."""
UNKNOWN_TASKS_S = 25.0
"""How long more tasks may run than the workers report; more than two heartbeats, with which they report it."""
DOUBLED_S = 8.0
"""How long a task may run more than once; longer than a worker takes to end one that another worker continues."""
LATE_S = 10.0
"""After a replay, a new master may have received a part of it for this long, before its new process was observed."""
HOPELESS_S = 20.0
"""After being disconnected for this long, a program gets a grace period of one second only."""
STUCK_S = 60.0
"""After the keeper wanted a pod deleted for this long, it gets a grace period of one second only."""


def remember(snapshot: Snapshot, memory: Memory, now: float) -> Memory:
    """The memory with who is disconnected, which tasks no worker knows, and how far a replay has come."""
    connected = dict(memory.connected) if snapshot.bus_up else {}  # RabbitMQ may have closed every connection
    disconnected = []
    for name in snapshot.interdependent:
        pod = snapshot.pod(name)
        if pod is not None and snapshot.consumes(name):
            connected[name] = snapshot.connection(pod)
        elif pod is not None and pod.started and snapshot.bus_up and snapshot.checks_consumers:
            disconnected.append(Timer(Condition.DISCONNECTED, name))
    memory = memory if connected == memory.connected else replace(memory, connected=connected)
    memory = memory.timed(now, disconnected, Condition.DISCONNECTED)
    if memory.restart:
        return replace(memory, restart=note_replay(snapshot, memory.restart, now))
    unlisted = not snapshot.checks_consumers and memory.order and snapshot.any_unlisted and snapshot.all_running
    memory = memory.with_timer(now, Timer(Condition.UNLISTED), holds=unlisted)
    return memory if snapshot.keeps_tasks else _remember_tasks(snapshot, memory, now)


def advance(snapshot: Snapshot, memory: Memory, now: float) -> Progress:
    """The next step of the ordered restart, or its beginning when something makes one necessary."""
    begun = Progress(memory.restart) if memory.restart else _begin(snapshot, memory, now)
    if begun.restart is None or not snapshot.bus_up:
        return begun
    order = memory.order if begun.order is None else begun.order
    progress = _continue(snapshot, replace(memory, order=order), begun.restart, now)
    return progress if progress.order is not None else replace(progress, order=begun.order)


# -- why one begins ------------------------------------------------------------------------------------------------------


def _begin(snapshot: Snapshot, memory: Memory, now: float) -> Progress:
    """The ordered restart that is necessary, if one is. Also learns the identities of a new installation."""
    members = snapshot.interdependent
    ids = {name: found for name, found in snapshot.identities.items() if found}
    if lost := [name for name in members if name in ids and is_disconnected(memory, name, now)]:
        why = f"{', '.join(lost)} {'is' if len(lost) == 1 else 'are'} disconnected from RabbitMQ"
        return Progress(OrderedRestart(why, now, ids))
    if memory.lasted(now, Condition.UNLISTED) >= UNLISTED_S:
        return Progress(OrderedRestart("the master does not list a worker, and RabbitMQ shows no metrics", now, ids))
    connected = all(name in ids and snapshot.settled(name) and snapshot.consumes(name) for name in members)
    if not snapshot.bus_up or not connected:
        return Progress()
    if not memory.order:
        return _begin_new(snapshot, now, ids)
    if removed := memory.order.keys() - ids.keys():
        why = f"{', '.join(sorted(removed))} was removed, and its tasks with it"
        return Progress(OrderedRestart(why, now, ids))
    # an additional native worker lacks nothing, where the others go on
    order = {**dict.fromkeys(snapshot.ordered, KEPT if snapshot.keeps_tasks else ""), **memory.order}
    changed = [name for name in snapshot.ordered if order[name] != ids[name]]
    if not changed:
        return Progress(_begin_for_tasks(snapshot, memory, ids, now), order=order)
    old = dict(ids)
    if changed == [MASTER] and now - memory.restarted_at > LATE_S:
        del old[MASTER]  # it is new and has no plans
    why = f"{', '.join(changed)} restarted, and must be given its plans or tasks again"
    return Progress(OrderedRestart(why, now, old), order=order)


def _begin_new(snapshot: Snapshot, now: float, ids: Mapping[str, str]) -> Progress:
    """Nothing is known of the time before: functions may be stored that were not replayed."""
    if not snapshot.all_listed or snapshot.expected is None:
        return Progress()
    if snapshot.expected <= 0:  # nothing is stored, or the designer does not show it: nothing is known to be missing
        return Progress(order=ids)
    return Progress(OrderedRestart("stored functions may not have been replayed", now, ids))


def _begin_for_tasks(snapshot: Snapshot, memory: Memory, ids: Mapping[str, str], now: float) -> OrderedRestart | None:
    """What makes one necessary although no member was lost."""
    if leaks.needs_restart(memory, now):
        why = f"RabbitMQ holds {snapshot.connections} connections that no program closes"
        return OrderedRestart(why, now, ids, Cause.CONNECTIONS)
    if memory.missed:
        return OrderedRestart("something was registered while no worker was listed, and has no task", now, ids)
    if demand.has_capacity_again(memory, now):
        why = f"{memory.dropped} tasks were dropped while all workers were full, and now a worker has free capacity"
        return OrderedRestart(why, now, ids)
    if demand.is_not_planned(memory, now):
        return OrderedRestart("the master has not planned all that the designer has stored", now, ids)
    if without_input := demand.tasks_without_input(snapshot, memory, now):
        why = f"{without_input} tasks were started while their broker was down, and get no input"
        return OrderedRestart(why, now, ids, Cause.WITHOUT_INPUT)
    if memory.lasted(now, Condition.DOUBLED_TASKS) >= DOUBLED_S:
        return OrderedRestart(f"{len(snapshot.doubled)} tasks run more than once", now, ids, thorough=True)
    if unknown := _unknown_tasks(snapshot, memory, now):
        # of a task that was started twice, the worker knows the last one only, and does not report which that is
        return OrderedRestart(f"{unknown} tasks run that no worker knows", now, ids, thorough=True)
    return None


def _remember_tasks(snapshot: Snapshot, memory: Memory, now: float) -> Memory:
    tasks = snapshot.tasks or ()
    more = tasks == memory.tasks and len(tasks) > snapshot.workload and snapshot.all_listed
    memory = memory if tasks == memory.tasks else replace(memory, tasks=tasks)
    memory = memory.with_timer(now, Timer(Condition.UNKNOWN_TASKS), holds=more)
    return memory.with_timer(now, Timer(Condition.DOUBLED_TASKS), holds=snapshot.doubled)


def _unknown_tasks(snapshot: Snapshot, memory: Memory, now: float) -> int:
    if snapshot.keeps_tasks or memory.lasted(now, Condition.UNKNOWN_TASKS) < UNKNOWN_TASKS_S:
        return 0
    return len(snapshot.tasks or ()) - snapshot.workload


# -- master and workers --------------------------------------------------------------------------------------------------


def _continue(snapshot: Snapshot, memory: Memory, restart: OrderedRestart, now: float) -> Progress:
    if restart.replaying:
        return await_replay(snapshot, memory, restart, now)
    restart, actions = _replace_members(snapshot, memory, _replace_more(snapshot, memory, restart, now), now)
    new = all(
        snapshot.settled(name) and snapshot.consumes(name) and snapshot.identity(name) != restart.old.get(name)
        for name in snapshot.before_replay
    )
    pod = snapshot.pod(DESIGNER)
    if actions or not new or snapshot.tasks is None:
        return Progress(restart, actions)
    if snapshot.expected != 0 and snapshot.identity(DESIGNER) != restart.old.get(DESIGNER):
        return Progress(_after_unexpected_replay(snapshot, memory, restart, now))
    if snapshot.tasks and not snapshot.keeps_tasks:  # of a worker that did not remove them when it ended
        why = f"{len(snapshot.tasks)} tasks that no worker knows"
        return Progress(restart, (Action("reap", WORKER, why, names=snapshot.tasks),))
    if pod is None or not _is_ready_for_replay(snapshot, memory):
        return Progress(restart)
    order = {name: snapshot.identity(name) for name in (MASTER, *snapshot.workers)}
    if snapshot.expected == 0 and snapshot.consumes(DESIGNER):
        return Progress(order={**order, DESIGNER: pod.identity}, finished=restart, not_replayed=memory.not_replayed)
    return order_replay(snapshot, restart, pod, order)


def _is_ready_for_replay(snapshot: Snapshot, memory: Memory) -> bool:
    alone = not snapshot.keeps_tasks or all(snapshot.consumes_alone(name) for name in snapshot.workers)
    restored = memory.all_complete(snapshot) and all(snapshot.held(name) is not None for name in snapshot.stateful)
    return snapshot.all_listed and alone and restored and not snapshot.left_behind(DESIGNER)


def _replace_more(snapshot: Snapshot, memory: Memory, restart: OrderedRestart, now: float) -> OrderedRestart:
    """Members that appeared after the restart began, and must be replaced as well."""
    old = dict(restart.old)
    for name in snapshot.before_replay:  # a new process that never consumes is no better than the old one
        consumes = name == MASTER or snapshot.consumes(MASTER)
        if consumes and is_disconnected(memory, name, now, HOPELESS_S):
            old[name] = snapshot.identity(name)
        elif len(snapshot.workers) > 1 and name != MASTER and old.get(name) == "":
            old[name] = snapshot.identity(name)  # it had no pod; its new one may have received a part of a lost replay
    return replace(restart, old=old)


def _replace_members(
    snapshot: Snapshot, memory: Memory, restart: OrderedRestart, now: float
) -> tuple[OrderedRestart, tuple[Action, ...]]:
    """Delete the old pods; a worker removes its tasks when it is asked to end."""
    old, deleted_at, actions = dict(restart.old), dict(restart.deleted_at), []
    for name in snapshot.before_replay:
        pod = snapshot.pod(name)
        if pod is None or pod.identity != old.get(name):
            continue
        idle = snapshot.tasks == () and snapshot.workload == 0 and snapshot.consumes(name)
        if name != MASTER and idle and not restart.thorough:
            del old[name]  # it has no task and is connected: as good as a new one
            continue
        since = deleted_at.setdefault(pod.identity, now)
        grace_s = 1 if _is_stuck(snapshot, memory, name, pod, now) or now - since > STUCK_S else None
        actions.append(Action("delete", name, restart.why, pod.name, grace_s=grace_s))
    return replace(restart, old=old, deleted_at=deleted_at), tuple(actions)


def _is_stuck(snapshot: Snapshot, memory: Memory, name: str, pod: Pod, now: float) -> bool:
    """Whether a process would use up its grace period.

    That is so when RabbitMQ is the same and has closed its connection, which means that the process does not answer.
    """
    disconnected_s = memory.lasted(now, Condition.DISCONNECTED, name)
    closed = memory.connected.get(name) == snapshot.connection(pod) != ""
    return disconnected_s >= HOPELESS_S or (disconnected_s >= 0 and closed)


def _after_unexpected_replay(snapshot: Snapshot, memory: Memory, restart: OrderedRestart, now: float) -> OrderedRestart:
    """The designer restarted by itself: what it replayed runs, is planned, or was lost. So everything is replaced again."""
    if snapshot.settled(DESIGNER) and snapshot.consumes(DESIGNER):
        return replace(restart, old=snapshot.identities, thorough=True)
    if is_disconnected(memory, DESIGNER, now):
        return replace(restart, old={**restart.old, DESIGNER: snapshot.identity(DESIGNER)})  # it has replayed nothing
    return restart
