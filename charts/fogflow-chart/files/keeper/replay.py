"""The last step of an ordered restart: the designer is restarted, and replays what it has stored.

The designer publishes its service intents and functions once, when it starts. The master subscribes at discovery for each input
stream that it plans tasks for, so the number of its new subscriptions shows whether it received the whole replay (expected.py has
the number that it should make). A replay that was received in part, or during which a component was lost, is repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import demand
from action import Action
from memory import Condition, Memory, OrderedRestart
from snapshot import DESIGNER, MASTER, Pod, Snapshot

DISCONNECTED_S = 4.0
"""How long a queue may have no consumer; a program needs less between its start and its first message."""
REPLAY_S, REPLAYS = 7.0, 3
"""Time for the master to subscribe to what was replayed (the designer tries RabbitMQ every 5 s), and the number of replays."""


@dataclass(frozen=True)
class Progress:
    """What follows from one round."""

    restart: OrderedRestart | None = None
    """The ordered restart as it goes on; None when there is none (any more)."""
    actions: tuple[Action, ...] = ()
    order: Mapping[str, str] | None = None
    """Identities of members that now work together; None when that does not change."""
    finished: OrderedRestart | None = None
    """The ordered restart that is over."""
    not_replayed: int = 0
    """Of a finished one: number of subscriptions that its replay made fewer than expected."""


def is_disconnected(memory: Memory, name: str, now: float, seconds: float = DISCONNECTED_S) -> bool:
    """Whether a member's pod has run for this long without a consumer of its queue."""
    return memory.lasted(now, Condition.DISCONNECTED, name) >= seconds


def order_replay(
    snapshot: Snapshot, restart: OrderedRestart, pod: Pod, order: Mapping[str, str] | None = None
) -> Progress:
    """Restart the designer: it replays when it starts."""
    old, replays = {**restart.old, DESIGNER: pod.identity}, restart.replays + 1
    restart = replace(
        restart, old=old, replays=replays, replaying=True, subscribed=snapshot.plans, designers=frozenset()
    )
    return Progress(restart, (_delete_designer(restart, pod),), order=order)


def _delete_designer(restart: OrderedRestart, pod: Pod) -> Action:
    why = "it replays what it has stored when it starts"
    return Action("replay", DESIGNER, why, pod.name, grace_s=1, names=(str(restart.replays),))


def note_replay(snapshot: Snapshot, restart: OrderedRestart, now: float) -> OrderedRestart:
    """The designers that have replayed, and since when the result can be counted."""
    pod = snapshot.pod(DESIGNER)
    if not restart.replaying or pod is None or not snapshot.bus_up:
        return restart
    old, designers, replayed_at = restart.old.get(DESIGNER), restart.designers, restart.replayed_at
    if snapshot.consumes(DESIGNER):
        designers |= {one.identity for one in snapshot.pods[DESIGNER] if one.started and one.identity != old}
    if pod.identity != old and _can_be_counted(snapshot):
        replayed_at = {pod.identity: now, **replayed_at}
    return replace(restart, designers=designers, replayed_at=replayed_at)


def _can_be_counted(snapshot: Snapshot) -> bool:
    known = snapshot.discovery is not None and snapshot.expected is not None
    return known and snapshot.settled(DESIGNER) and snapshot.consumes(DESIGNER)


def _is_disturbed(snapshot: Snapshot, memory: Memory, restart: OrderedRestart) -> bool:
    """Whether what was replayed was received twice, or in part, or not at all.

    The master drops what it has for a native worker that it does not list, so the replay does not count then.
    """
    lost = any(snapshot.identity(name) != memory.order.get(name) for name in (MASTER, *snapshot.workers))
    silent = any(snapshot.held(name) is None for name in snapshot.stateful)  # requests to it meanwhile were lost
    dropped = snapshot.keeps_tasks and snapshot.any_unlisted
    return len(restart.designers) > 1 or lost or silent or dropped or not memory.all_complete(snapshot)


def await_replay(snapshot: Snapshot, memory: Memory, restart: OrderedRestart, now: float) -> Progress:
    """What follows while the designer restarts and the master takes up what it replays."""
    pod = snapshot.pod(DESIGNER)
    if pod is None:
        return Progress(restart)
    if _is_disturbed(snapshot, memory, restart):
        return Progress(_again(snapshot, restart, "a component was lost during the replay", replays=0))
    if pod.identity == restart.old.get(DESIGNER):
        return Progress(restart, (_delete_designer(restart, pod),))
    if snapshot.settled(DESIGNER) and snapshot.consumes(DESIGNER):
        return _count_replay(snapshot, memory, restart, pod, now)
    if is_disconnected(memory, DESIGNER, now):
        restart = replace(restart, old={**restart.old, DESIGNER: pod.identity})
    return Progress(restart)


def _count_replay(snapshot: Snapshot, memory: Memory, restart: OrderedRestart, pod: Pod, now: float) -> Progress:
    """Compare the master's new subscriptions with what the designer has stored; too few mean another replay."""
    if snapshot.discovery is None or snapshot.expected is None:
        return Progress(restart)
    made, expected = len(snapshot.plans - restart.subscribed), demand.expected_plans(snapshot, memory)
    if made < expected and now - restart.replayed_at.get(pod.identity, now) < REPLAY_S:
        return Progress(restart)
    if made < expected and restart.replays < REPLAYS:  # the master drops an intent whose topology it cannot fetch
        if made == 0 and (snapshot.keeps_tasks or not snapshot.tasks):
            return order_replay(snapshot, restart, pod)
        # another replay would double what was received, so everything is replaced again
        return Progress(_again(snapshot, restart, "a part of the functions was not replayed", replays=restart.replays))
    order = {**memory.order, DESIGNER: pod.identity}
    return Progress(order=order, finished=restart, not_replayed=max(0, snapshot.expected - made))


def _again(snapshot: Snapshot, restart: OrderedRestart, why: str, *, replays: int) -> OrderedRestart:
    return OrderedRestart(why, restart.began, snapshot.identities, replays=replays, thorough=True)
