"""Subscriptions of brokers at discovery that outlive the broker's own subscription.

For each subscription that a broker accepts, it subscribes at discovery to the same entities, and unsubscribes there when its own ends.
That request is lost when discovery does not answer at the moment, and a discovery that is restored has what it had before. Neither
program shows which subscription belongs to which. So the keeper notes, when one appears at discovery, the broker's subscriptions to
the same entities (`Memory.owners`): when none of them is left in the same process, it is useless, and is ended like those
of replaced plans.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

import ngsi
from memory import Memory, Reading
from snapshot import DISCOVERY, Snapshot, keys_with_reference_to

_GONE: frozenset[str] = frozenset()
"""The owners of a subscription of which the last round found none; it is ended when this round finds none either."""


def remember(snapshot: Snapshot, memory: Memory, now: float) -> Memory:
    """The memory with the owners of the brokers' subscriptions at discovery; those without an owner count as replaced."""
    del now
    known = {**memory.saved[DISCOVERY], **(snapshot.discovery or {})}
    seen = memory.readings.get(DISCOVERY, Reading()).keys  # what is new may be older than the reading of its broker
    owners: dict[str, frozenset[str]] = {}
    for name in snapshot.shards:
        keys = keys_with_reference_to(name, known) - memory.replaced
        held = snapshot.held(name) if memory.is_complete(snapshot, name) else None
        if held is None:
            owners |= {key: memory.owners[key] for key in keys & memory.owners.keys()}
            continue
        alive = {_digest(key): one for key, one in held.items() if key.startswith("s:")}
        for key in keys & memory.owners.keys():
            before = memory.owners[key]
            owners[key] = before if before & alive.keys() else _GONE
        new = (keys & seen) - memory.owners.keys()
        owners |= _candidates(alive, {key: known[key] for key in new})
    ended = frozenset(key for key, found in owners.items() if found == memory.owners.get(key) == _GONE)
    if owners == memory.owners and not ended:
        return memory
    return replace(memory, owners=owners, replaced=memory.replaced | ended)


def _candidates(alive: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """The owners of each new subscription at discovery, without those that have none. In most rounds nothing is new."""
    if not new:
        return {}
    asking: dict[frozenset[tuple[str, str]], set[str]] = {}
    for owner, one in alive.items():
        asking.setdefault(ngsi.requested_entities(one), set()).add(owner)
    wanted = {key: ngsi.requested_entities(one) for key, one in new.items()}
    return {key: frozenset(asking[each]) for key, each in wanted.items() if each and each in asking}


def _digest(key: str) -> str:
    """A short name: the key of a broker's subscription is its whole text."""
    return sha256(key.encode()).hexdigest()[:12]
