"""State that is lost with a process: the keeper learns what discovery, brokers and designer hold, and restores it.

These programs keep their state in memory. Each round the keeper reads it (ngsi.py) and keeps a copy (`Memory.saved`). A member whose
process is new is incomplete: the keeper sends it what it lacks of the copy, over its own API, until nothing is missing or nothing
helps any more. Then the member is complete (`Memory.complete`), and the copy follows what the member holds.

A difference between copy and process can also be a deletion by a user. The same process is recognized by the ids that it gave
(`ngsi.marks`): what it held in the last round and does not hold now was deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import ngsi
from action import Action, ActionKey
from memory import NOT_RESTORED, Condition, Memory, Reading, Timer
from references import is_dead
from snapshot import DESIGNER, DISCOVERY, Snapshot

EXIT_S = 4.0
"""A stateful process that is being deleted ends within this time, or is hung and does not answer."""
RESTORE_ATTEMPTS = 5
"""Number of attempts in a row without any progress; what is still missing then is tried again every RETRY_S."""
RETRY_S = 60.0
MISSING_S, SHRUNK_S = 6.0, 20.0
"""How long something must be missing from a process to count as deleted; the longer time holds when more than half is missing. The
kubelet reports a restart a second late, and devices that publish fill a new process before that."""


def remember(snapshot: Snapshot, memory: Memory, now: float) -> Memory:
    """The memory with what each member holds, and which of them are complete."""
    memory = _remember_database(snapshot, memory, now)
    memory = remember_member(snapshot, memory, DISCOVERY, now)
    for name in snapshot.shards:
        memory = remember_member(snapshot, memory, name, now, wait=not memory.is_complete(snapshot, DISCOVERY))
    return memory


def restore(snapshot: Snapshot, memory: Memory, now: float) -> list[Action]:
    """Restore what discovery and the brokers lack: discovery first, because a broker registers there what it gets."""
    actions = restore_member(snapshot, memory, DISCOVERY, now)
    for name in snapshot.shards:
        wait = not memory.is_complete(snapshot, DISCOVERY)
        actions += restore_member(snapshot, memory, name, now, wait=wait)
    return actions


def restore_member(snapshot: Snapshot, memory: Memory, name: str, now: float, *, wait: bool = False) -> list[Action]:
    """Restore what discovery or one broker (also an edge's) lacks; an incomplete one not yet, with `wait`."""
    pod, held = snapshot.pod(name), snapshot.held(name)
    if pod is None or held is None or not _is_current(snapshot, memory, name, now):
        return []
    if memory.is_complete(snapshot, name):
        if memory.lasted(now, Condition.NOT_RESTORED, name) < RETRY_S:
            return []
        left = _retried(snapshot, memory, name)
        return [Action("restore", name, f"{len(left)} items could not be restored before", names=tuple(sorted(left)))]
    missing = memory.saved[name].keys() - held.keys()
    if wait or not missing:
        return []
    why = f"its process is new and lacks {len(missing)} of {len(memory.saved[name])} items"
    return [Action("restore", name, why, names=tuple(sorted(missing)))]


def remember_member(snapshot: Snapshot, memory: Memory, name: str, now: float, *, wait: bool = False) -> Memory:
    """As `remember`, of discovery or one broker (also an edge's). With `wait`, an incomplete one is left for a later round."""
    memory = _time_overlap(snapshot, memory, name, now)
    pod, held = snapshot.pod(name), snapshot.held(name)
    if pod is None or held is None or not _is_current(snapshot, memory, name, now):
        return memory
    last = memory.readings.get(name, Reading())
    deleted = deleted_keys(last, held)
    if name == DISCOVERY:
        memory = _forget_entities(snapshot, memory, deleted)
    keep = _without(memory.saved.get(name, {}), deleted)
    if memory.complete.get(name) != pod.identity:
        return memory if wait else _remember_incomplete(snapshot, memory, name, keep, last.lacked)
    saved, missing = learned(keep, held, memory.missing.get(name, {}), now)
    made = memory.broker_subscriptions
    if name != DISCOVERY and last.marks & ngsi.marks(
        held
    ):  # otherwise the process may be new, and not reported as such yet
        made = {**made, name: snapshot.subscriptions_of(name)}
    memory = replace(
        memory,
        saved={**memory.saved, name: saved},
        missing={**memory.missing, name: missing},
        readings={**memory.readings, name: _reading(held)},
        broker_subscriptions=made,
    )
    left = _retried(snapshot, memory, name)
    return memory.with_timer(now, Timer(Condition.NOT_RESTORED, name), holds=left)


def _remember_incomplete(snapshot: Snapshot, memory: Memory, name: str, keep: Mapping[str, Any], lacked: int) -> Memory:
    """A new process may learn more while it is restored, and may be lost again."""
    held, key = snapshot.held(name) or {}, ActionKey("restore", name)
    keep = _without(keep, _unwanted(snapshot, memory, name, keep))
    missing = keep.keys() - held.keys()
    memory = replace(
        memory,
        saved={**memory.saved, name: {**keep, **held}},
        readings={**memory.readings, name: _reading(held, len(missing))},
    )
    if missing and len(missing) < lacked:
        memory = memory.without_attempts(key)  # there is progress, though it may take longer than one request
    if missing and memory.attempts.get(key, (0, 0.0))[0] < RESTORE_ATTEMPTS:
        return memory
    made = memory.broker_subscriptions.get(name, frozenset())  # a new process subscribes anew
    memory = replace(
        memory,
        complete={**memory.complete, name: snapshot.identity(name)},
        missing={**memory.missing, name: dict.fromkeys(missing, NOT_RESTORED)},
        replaced=memory.replaced | made,
        broker_subscriptions=_without(memory.broker_subscriptions, (name,)),
    )
    return memory.without_attempts(key).without_timer(Timer(Condition.NOT_RESTORED, name))


def _remember_database(snapshot: Snapshot, memory: Memory, now: float) -> Memory:
    """Without a volume, the designer's database is lost with its pod; its init container fetches it from the keeper."""
    memory = _time_overlap(snapshot, memory, DESIGNER, now)
    pod = snapshot.pod(DESIGNER)
    if pod is None or snapshot.designer is None or not _is_current(snapshot, memory, DESIGNER, now):
        return memory
    if not snapshot.designer and memory.complete.get(DESIGNER) != pod.identity and memory.saved[DESIGNER]:
        return memory
    if memory.saved[DESIGNER] == snapshot.designer and memory.complete.get(DESIGNER) == pod.identity:
        return memory
    return replace(
        memory,
        saved={**memory.saved, DESIGNER: dict(snapshot.designer)},
        complete={**memory.complete, DESIGNER: pod.identity},
    )


def _forget_entities(snapshot: Snapshot, memory: Memory, deregistered: frozenset[str]) -> Memory:
    """Deleting an entity deregisters it at discovery: a broker that was lost at that moment must not get it back."""
    entities = frozenset(f"e:{key[2:]}" for key in deregistered if key.startswith("r:"))
    if not entities:
        return memory
    saved = {
        shard: _without(memory.saved.get(shard, {}), entities - (snapshot.held(shard) or {}).keys())
        for shard in snapshot.shards
    }
    return replace(memory, saved={**memory.saved, **saved})


def deleted_keys(last: Reading, held: Mapping[str, Any]) -> frozenset[str]:
    """What was deleted since the last round: the same process held it then."""
    return last.keys - held.keys() if last.marks & ngsi.marks(held) else frozenset()


def learned(
    saved: Mapping[str, Any], held: Mapping[str, Any], missing: Mapping[str, float], now: float
) -> tuple[dict[str, Any], dict[str, float]]:
    """The copy of what a complete process holds, with what it seems to have lost a moment ago; and since when it lacks that."""
    absent = saved.keys() - held.keys()
    patience_s = SHRUNK_S if len(absent) * 2 > len(saved) else MISSING_S
    since = {key: missing.get(key, now) for key in absent}
    lately = {key: at for key, at in since.items() if now - at < patience_s}
    return {**{key: saved[key] for key in lately}, **held}, lately


def _retried(snapshot: Snapshot, memory: Memory, name: str) -> frozenset[str]:
    left = memory.unrestored(name)
    return left - _unwanted(snapshot, memory, name, {key: memory.saved[name][key] for key in left})


def _unwanted(snapshot: Snapshot, memory: Memory, name: str, saved: Mapping[str, Any]) -> frozenset[str]:
    """What must not be restored, because it leads nowhere."""
    if name == DISCOVERY:
        return frozenset(saved.keys() & memory.replaced)
    return frozenset(key for key, one in saved.items() if is_dead(snapshot, memory, key, one))


def _reading(held: Mapping[str, Any], lacked: int = 0) -> Reading:
    return Reading(frozenset(held), ngsi.marks(held), lacked)


def _without(mapping: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    drop = frozenset(keys)
    return {key: one for key, one in mapping.items() if key not in drop}


def _time_overlap(snapshot: Snapshot, memory: Memory, name: str, now: float) -> Memory:
    pod = snapshot.pod(name)
    overlaps = pod is not None and pod.started and not snapshot.settled(name)
    return memory.with_timer(now, Timer(Condition.OVERLAPPING, name), holds=overlaps)


def _is_current(snapshot: Snapshot, memory: Memory, name: str, now: float) -> bool:
    """Whether the state that was read is the new pod's: until the pod before has ended, that one answers with its own state."""
    return snapshot.settled(name) or memory.lasted(now, Condition.OVERLAPPING, name) >= EXIT_S
