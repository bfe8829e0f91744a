"""The part of the memory that outlives the keeper's pod, as the JSON document that is stored in a Secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ngsi
from memory import NOT_RESTORED, Memory
from snapshot import STATEFUL


def to_stored(memory: Memory) -> dict[str, Any]:
    """The part of the memory that the next keeper needs, as JSON. Entities' values change all the time and are left out."""
    held = {name: ngsi.structure(each) for name, each in memory.saved.items()}
    return {
        "order": dict(memory.order),
        "known": dict(memory.complete),
        "replaced": sorted(memory.replaced),
        "made": {name: sorted(keys) for name, keys in memory.broker_subscriptions.items()},
        "owners": {key: sorted(found) for key, found in memory.owners.items()},
        "ran": sorted(memory.known_tasks),
        "short": memory.not_replayed,
        "ended": memory.ended_plans,
        "unrestored": {name: sorted(memory.unrestored(name) & each.keys()) for name, each in held.items()},
        "recoveries": list(memory.recoveries),
        "snapshot": held,
    }


def from_stored(stored: Mapping[str, Any], members: Iterable[str]) -> Memory:
    """The memory of the keeper before this one; an empty one for an empty document.

    The keys of the document are those of every version so far; a key that is absent counts as empty, an unknown one is ignored.
    `members` are the members that keep state: parts of the document about others are dropped.
    """
    names = tuple(dict.fromkeys((*STATEFUL, *members)))
    held, unrestored = stored.get("snapshot") or {}, stored.get("unrestored") or {}
    return Memory(
        order=dict(stored.get("order") or {}),
        complete=dict(stored.get("known") or {}),
        replaced=frozenset(stored.get("replaced") or ()),
        broker_subscriptions={name: frozenset(keys) for name, keys in (stored.get("made") or {}).items()},
        owners={key: frozenset(found) for key, found in (stored.get("owners") or {}).items()},
        known_tasks=frozenset(stored.get("ran") or ()),
        not_replayed=int(stored.get("short") or 0),
        ended_plans=int(stored.get("ended") or 0),
        missing={name: dict.fromkeys(unrestored.get(name) or (), NOT_RESTORED) for name in names},
        recoveries=tuple(stored.get("recoveries") or ()),
        saved={name: dict(held.get(name) or {}) for name in names},
    )
