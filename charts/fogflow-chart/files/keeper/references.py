"""Subscriptions that lead nowhere, and duplicates: the keeper finds them and ends them.

FogFlow's broker never gives up on a subscriber. It retries what it could not deliver in the same goroutine that sends its heartbeat,
and a connection to the address of a deleted Service takes 30 s to fail: a few such subscriptions delay every other retry, and
discovery drops the broker from its list. They remain after a worker that was killed, after a task that was started twice, and when a
subscription was restored under another id than its worker knows.

A task's subscription carries the task's id as its correlator. Its reference names the task's Service, or (with the upstream worker)
the Service's address with a port that the names of Service and Deployment end in. A task outside this cluster has such a reference,
too: where only the port identifies the task, it counts as deleted only if it was seen in this cluster before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import ngsi
from action import Action
from memory import Condition, Memory, Timer
from snapshot import DISCOVERY, TASK_PREFIX, Snapshot

UNREACHABLE_S = 120.0
"""How long a subscriber may be unreachable before it is reported. The keeper does not end a user's subscription."""
NOT_REMOVED_S = 30.0
"""How long after it was first suspected a subscription is reported; by then the keeper has tried to end it several times."""
SURE_S = 1.5
"""How long a subscription must be suspected before it is ended. When the keeper has nothing to do, its rounds are 2 s apart."""
_OF_TASKS = "Task."
_REFERENCES = 4096


def task_of(subscription: Any) -> str:
    """The Deployment that a task's subscription leads to; empty when the subscription is not a task's, or leads out of the cluster."""
    if not ngsi.correlator(subscription).startswith(_OF_TASKS):
        return ""
    return _deployment_of(str(subscription.get("reference") or ""))


@lru_cache(
    maxsize=_REFERENCES
)  # every round needs it of every subscription, several times, and parsing an address is slow
def _deployment_of(reference: str) -> str:
    try:
        parts = urlsplit(reference)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if (name := host.split(".")[0]).startswith(TASK_PREFIX):
        return name
    return f"{TASK_PREFIX}{port}" if port and _is_address(host) else ""


def tasks_of(held: Iterable[Mapping[str, Any] | None]) -> set[str]:
    """The Deployments that any subscription of these brokers leads to."""
    found = {task_of(one) for each in held for key, one in (each or {}).items() if key.startswith("s:")}
    return found - {""}


def is_dead(snapshot: Snapshot, memory: Memory, key: str, subscription: Any) -> bool:
    """Whether a broker's subscription belongs to a task that does not exist."""
    task = task_of(subscription) if key.startswith("s:") else ""
    if not task or snapshot.tasks is None or task in snapshot.tasks:
        return False
    return task in memory.known_tasks or _names(subscription, task)


def remember(snapshot: Snapshot, memory: Memory, now: float) -> Memory:
    """The memory with the tasks that were seen, the subscriptions that are suspected, and the subscribers that are not reached."""
    known_tasks = _known_tasks(snapshot, memory)
    memory = memory if known_tasks == memory.known_tasks else replace(memory, known_tasks=known_tasks)
    page = _page_entries(snapshot.designer or {})
    suspects = {shard: _suspects(snapshot, memory, shard, page, now) for shard in snapshot.shards}
    memory = memory.timed(now, _undelivered(snapshot, memory), Condition.UNREACHABLE)
    current = snapshot.discovery is not None and not memory.restart
    memory = replace(
        memory,
        suspects={**memory.suspects, **suspects},
        replaced=memory.replaced & memory.saved[DISCOVERY].keys() if current else memory.replaced,
        unreachable=_unreachable(memory, now),
    )
    not_removed = _not_removed(snapshot, memory, now)
    return memory if not_removed == memory.not_removed else replace(memory, not_removed=not_removed)


def clean(snapshot: Snapshot, memory: Memory, now: float) -> list[Action]:
    """End subscriptions of deleted tasks, duplicates, and subscriptions of replaced plans."""
    actions = [action for shard in snapshot.shards for action in _clean(snapshot, memory, shard, now)]
    return [*actions, *_clean_replaced(snapshot, memory)]


def _clean(snapshot: Snapshot, memory: Memory, shard: str, now: float) -> list[Action]:
    """Of one broker. A task's subscription is sometimes observed a moment before its Deployment."""
    held = snapshot.held(shard)
    suspects = memory.suspects.get(shard, {})
    ended = {sid for sid, since in suspects.items() if now - since >= SURE_S}
    if held is None or not ended:
        return []
    dead = ended & _dead_ids(snapshot, memory, held)
    return [Action("unsubscribe", shard, _why(len(dead), len(ended - dead)), names=tuple(sorted(ended)))]


def _clean_replaced(snapshot: Snapshot, memory: Memory) -> list[Action]:
    """At discovery: notifications about replaced plans are useless, and their subscriptions accumulate."""
    if snapshot.discovery is None or memory.restart:
        return []
    left = tuple(sorted(key.removeprefix("s:") for key in memory.replaced & snapshot.discovery.keys()))
    why = f"{len(left)} belong to replaced plans, or to subscriptions that a broker no longer has"
    return [Action("unsubscribe", DISCOVERY, why, names=left)] if left else []


def _known_tasks(snapshot: Snapshot, memory: Memory) -> frozenset[str]:
    """The tasks that were seen in this cluster, as long as a subscription leads to them."""
    if snapshot.tasks is None:
        return memory.known_tasks
    # a new process that is still being restored holds only a part
    held = [each for shard in snapshot.shards for each in (memory.saved.get(shard), snapshot.held(shard))]
    return frozenset((memory.known_tasks & tasks_of(held)) | set(snapshot.tasks))


def _suspects(
    snapshot: Snapshot, memory: Memory, shard: str, page: set[tuple[str, ...]], now: float
) -> Mapping[str, float]:
    """Ids of a broker's subscriptions that lead nowhere or are duplicates, and since when."""
    held, before = snapshot.held(shard), memory.suspects.get(shard, {})
    if held is None:
        return before
    duplicates = {
        sid
        for key, one in held.items()
        if key.startswith("s:") and (task_of(one) or _page_entry(one) in page)
        for sid in _ids(one)[1:]
    }
    return {sid: before.get(sid, now) for sid in _dead_ids(snapshot, memory, held) | duplicates}


def _dead_ids(snapshot: Snapshot, memory: Memory, held: Mapping[str, Any]) -> set[str]:
    return {sid for key, one in held.items() if is_dead(snapshot, memory, key, one) for sid in _ids(one)}


def _undelivered(snapshot: Snapshot, memory: Memory) -> set[Timer]:
    """Subscribers to which a broker could not deliver; what is known of a broker that does not answer stays."""
    found = {
        timer for timer in memory.since
        if timer.condition is Condition.UNREACHABLE and timer.subject in snapshot.shards and snapshot.held(timer.subject) is None
    }  # fmt: skip
    for shard in snapshot.shards:
        delivered: dict[str, bool] = {}
        for key, one in (snapshot.held(shard) or {}).items():
            if key.startswith("s:") and not is_dead(snapshot, memory, key, one):
                address = str(one.get("reference") or "")
                delivered[address] = delivered.get(address, False) or not ngsi.undelivered(one)
        found |= {Timer(Condition.UNREACHABLE, shard, address) for address, reached in delivered.items() if not reached}
    return found


def _unreachable(memory: Memory, now: float) -> dict[str, str]:
    timers = (timer for timer in memory.since if timer.condition is Condition.UNREACHABLE)
    late = (timer for timer in timers if now - memory.since[timer] >= UNREACHABLE_S)
    return {timer.detail: timer.subject for timer in late}


def _not_removed(snapshot: Snapshot, memory: Memory, now: float) -> dict[str, str]:
    found = {}
    for shard in snapshot.shards:
        late = {sid for sid, since in memory.suspects.get(shard, {}).items() if now - since >= NOT_REMOVED_S}
        for key, one in (snapshot.held(shard) or {}).items():
            if late.intersection(_ids(one)) and is_dead(snapshot, memory, key, one):
                found[str(one.get("reference"))] = shard
    return found


def _names(subscription: Any, task: str) -> bool:
    return str(subscription.get("reference")).split("//")[-1].startswith(task)


def _why(dead: int, duplicates: int) -> str:
    reasons = [f"{dead} subscriptions of deleted tasks"] if dead else []
    return " and ".join([*reasons, *([f"{duplicates} duplicate subscriptions"] if duplicates else [])])


def _ids(subscription: Any) -> list[str]:
    return list(subscription.get(ngsi.IDS) or []) if isinstance(subscription, Mapping) else []


def _page_entries(database: Mapping[str, Any]) -> set[tuple[str, ...]]:
    """The subscriptions of the dashboard's page: the designer makes all of them again at each of its starts."""
    entries = (database.get("subscriptions") or {}).values()
    return {
        (
            str(one.get("reference_url") or ""),
            str(one.get("entity_type") or ""),
            _protocol(str(one.get("destination_broker") or "")),
            str(one.get("tenant") or ""),
        )
        for one in entries
        if isinstance(one, Mapping)
    }


def _page_entry(subscription: Any) -> tuple[str, ...]:
    subscriber = subscription.get("Subscriber") or {}
    entities = subscription.get("entities") or [{}]
    return (
        str(subscription.get("reference") or ""),
        str(entities[0].get("type") or ""),
        _protocol(str(subscriber.get("DestinationType") or "")),
        str(subscriber.get("Tenant") or ""),
    )


def _protocol(name: str) -> str:
    return "" if name == "NGSIv1" else name


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
