"""State that goes with a process: what discovery, brokers and designer hold is learned, and put back into a new one. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import ngsi
from cell import DESIGNER, DISCOVERY, Action, Look, Memory, Snapshot
from references import dead
from signs import complete, lasted, subscribed_by

EXIT_S = 4.0
"""Those that keep state end well within this, or are wedged and silent."""
RESTORE_TRIES = 5
"""So often in a row without getting any further; the rest is tried again every AGAIN_S, and never forgotten."""
AGAIN_S = 60.0
GONE_S, SHRUNK_S = 6.0, 20.0
"""What is gone from a process is believed to be deleted after so long; where more than half is gone, after the longer time.
A kubelet tells of a restart a second late, and devices that publish fill a new process before that."""
NEVER = math.inf
"""In place of a time: it was not deleted, it could not be restored."""


def restored(seen: Snapshot, memory: Memory) -> bool:
    """Whether discovery and every broker hold what they held before their last restart."""
    return all(complete(seen, memory, name) for name in (DISCOVERY, *seen.shards))


def restore(seen: Snapshot, memory: Memory, now: float) -> list[Action]:
    """Learn what each holds; what a new process lacks is put back."""
    _keep_database(seen, memory, now)
    actions = restore_one(seen, memory, DISCOVERY, now)
    for name in seen.shards:  # a broker registers what it gets back at discovery
        actions += restore_one(seen, memory, name, now, wait=not complete(seen, memory, DISCOVERY))
    return actions


def restore_one(seen: Snapshot, memory: Memory, name: str, now: float, *, wait: bool = False) -> list[Action]:
    """Of discovery or of one broker, a cell's or an edge's. With `wait`, nothing is put back yet."""
    pod, held = seen.pod(name), seen.held(name)
    if pod is None or held is None or not _speaks(seen, memory, name, now):
        return []
    last = memory.looks.get(name, Look())
    ended = deleted(last, held)
    if name == DISCOVERY:
        _forget_entities(seen, memory, ended)
    keep = _without(memory.snapshot[name], ended)
    if memory.known.get(name) != pod.identity:
        return [] if wait else _put_back(seen, memory, name, keep, last.lacked, pod.identity)
    memory.snapshot[name], memory.gone[name] = learned(keep, held, memory.gone[name], now)
    if name != DISCOVERY and last.marks & ngsi.marks(held):  # else it may be a new process that is not told of yet
        memory.made[name] = subscribed_by(seen, name)
    memory.looks[name] = look(held)
    return _try_again(seen, memory, name, now)


def _forget_entities(seen: Snapshot, memory: Memory, deregistered: frozenset[str]) -> None:
    """Who deletes an entity has it deregistered: a broker that was lost just then must not get it back."""
    entities = frozenset(f"e:{key[2:]}" for key in deregistered if key.startswith("r:"))
    for shard in seen.shards:
        memory.snapshot[shard] = _without(memory.snapshot[shard], entities - (seen.held(shard) or {}).keys())


def look(held: Mapping[str, Any], lacked: int = 0) -> Look:
    """What to remember of a reading."""
    return Look(frozenset(held), ngsi.marks(held), lacked)


def deleted(last: Look, held: Mapping[str, Any]) -> frozenset[str]:
    """What somebody has deleted since the last look: the same process held it then."""
    return last.keys - held.keys() if last.marks & ngsi.marks(held) else frozenset()


def learned(
    snapshot: Mapping[str, Any], held: Mapping[str, Any], gone: Mapping[str, float], now: float
) -> tuple[dict[str, Any], dict[str, float]]:
    """What a process holds, with what it seems to have lost a moment ago; and since when it lacks that."""
    missing = snapshot.keys() - held.keys()
    patience = SHRUNK_S if len(missing) * 2 > len(snapshot) else GONE_S
    since = {key: gone.get(key, now) for key in missing}
    lately = {key: at for key, at in since.items() if now - at < patience}
    return {**{key: snapshot[key] for key in lately}, **held}, lately


def _put_back(
    seen: Snapshot, memory: Memory, name: str, keep: Mapping[str, Any], lacked: int, identity: str
) -> list[Action]:
    """Into a new process, until nothing is missing or nothing helps; meanwhile it may learn more, and be lost again."""
    held = seen.held(name) or {}
    keep = _without(keep, _unwanted(seen, memory, name, keep))
    memory.snapshot[name] = {**keep, **held}
    missing = keep.keys() - held.keys()
    memory.looks[name] = look(held, len(missing))
    if missing and len(missing) < lacked:
        memory.tried.pop(f"restore {name}", None)  # it gets on, though it may take more than one request's time
    if missing and memory.tried.get(f"restore {name}", (0, 0.0))[0] < RESTORE_TRIES:
        why = f"its process is new and lacks {len(missing)} of {len(keep)}"
        return [Action("restore", name, why, names=tuple(sorted(missing)))]
    memory.known[name], memory.gone[name] = identity, dict.fromkeys(missing, NEVER)
    memory.tried.pop(f"restore {name}", None)
    memory.since.pop(f"again {name}", None)
    memory.replaced |= memory.made.pop(name, frozenset())  # a new process subscribes anew
    return []


def _try_again(seen: Snapshot, memory: Memory, name: str, now: float) -> list[Action]:
    """What could not be restored, once more."""
    left = unrestored(memory, name)
    left -= _unwanted(seen, memory, name, {key: memory.snapshot[name][key] for key in left})
    if lasted(memory, f"again {name}", left, now) < AGAIN_S:
        return []
    memory.since.pop(f"again {name}")
    memory.tried.pop(f"restore {name}", None)
    return [Action("restore", name, f"{len(left)} could not be restored before", names=tuple(sorted(left)))]


def unrestored(memory: Memory, name: str) -> frozenset[str]:
    """What discovery or a broker has lost, and did not take back."""
    return frozenset(key for key, since in memory.gone.get(name, {}).items() if since == NEVER)


def _unwanted(seen: Snapshot, memory: Memory, name: str, snapshot: Mapping[str, Any]) -> frozenset[str]:
    """What must not come back, as it leads nowhere."""
    if name == DISCOVERY:
        return frozenset(snapshot.keys() & memory.replaced)
    return frozenset(key for key, one in snapshot.items() if dead(seen, memory, key, one))


def _without(snapshot: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    drop = frozenset(keys)
    return {key: one for key, one in snapshot.items() if key not in drop}


def _speaks(seen: Snapshot, memory: Memory, name: str, now: float) -> bool:
    """Whether what was heard is of the new pod: the one of before answers, with its own state, until it has ended."""
    pod = seen.pod(name)
    ending = pod is not None and pod.started and not seen.settled(name)
    overlaps_s = lasted(memory, f"overlap {name}", ending, now)
    return seen.settled(name) or overlaps_s >= EXIT_S


def _keep_database(seen: Snapshot, memory: Memory, now: float) -> None:
    """The designer's database goes with its pod, where it has no volume; its gate fetches it from us at the next start."""
    pod = seen.pod(DESIGNER)
    if pod is None or seen.designer is None or not _speaks(seen, memory, DESIGNER, now):
        return
    if seen.designer or memory.known.get(DESIGNER) == pod.identity or not memory.snapshot[DESIGNER]:
        memory.snapshot[DESIGNER] = dict(seen.designer)
        memory.known[DESIGNER] = pod.identity
