"""Subscriptions that lead nowhere, and those that are there twice: they are found here, and ended. Pure.

FogFlow's broker never gives a subscriber up. What it cannot deliver it tries again from the one goroutine that also sends its
heartbeat, and a connection to the address of a Service that is gone takes 30 s to fail: a few such subscriptions delay every
other retry, and discovery forgets the broker. They are left behind by a worker that was killed, by a task that was started twice,
and by a subscription that was restored under another id than its worker knows.

A task's subscription carries the task's id as its correlator. Its reference names the task's Service, or (of upstream's worker)
the Service's address with the port that the names of Service and Deployment end in. A task outside this cluster has such a
reference, too: by its port alone, only a task that has been seen here is told to be gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import ngsi
from cell import DISCOVERY, TASK_PREFIX, Action, Memory, Snapshot
from signs import lasted

UNREACHABLE_S = 120.0
"""So long without a delivery, a subscriber of somebody else is reported; ending its subscription is its owner's business."""
UNENDED_S = 30.0
"""So long after it was suspected, a subscription that is still there is reported: within this it was ended several times in vain."""
SURE_S = 1.5
"""What is suspected is ended when it still is after so long; two looks at a calm cell are 2 s apart."""
_OF_TASKS = "Task."
_REFERENCES = 4096


def task_of(subscription: Any) -> str:
    """The Deployment that a task's subscription leads to; empty when it is not a task's, or leads out of the cluster."""
    if not ngsi.correlator(subscription).startswith(_OF_TASKS):
        return ""
    return _led_to(str(subscription.get("reference") or ""))


@lru_cache(maxsize=_REFERENCES)  # each look asks of every subscription, several times; taking an address apart is slow
def _led_to(reference: str) -> str:
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


def dead(seen: Snapshot, memory: Memory, key: str, subscription: Any) -> bool:
    """Whether a broker's subscription is of a task that does not exist."""
    task = task_of(subscription) if key.startswith("s:") else ""
    if not task or seen.tasks is None or task in seen.tasks:
        return False
    return task in memory.ran or _names(subscription, task)


def clean(seen: Snapshot, memory: Memory, now: float) -> list[Action]:
    """What to end: subscriptions of tasks that are gone, those that are there twice, and those of plans that were replaced."""
    _remember(seen, memory)
    page = _of_the_page(seen.designer or {})
    actions = [action for shard in seen.shards for action in _clean(seen, memory, shard, page, now)]
    memory.unreachable = _unreachable(seen, memory, now)
    memory.unended = _unended(seen, memory, now)
    return [*actions, *_replaced(seen, memory)]


def _clean(seen: Snapshot, memory: Memory, shard: str, page: set[tuple[str, ...]], now: float) -> list[Action]:
    """Of one broker. What a task has subscribed is sometimes seen a moment before its Deployment."""
    held = seen.held(shard)
    if held is None:
        return []
    gone = {sid for key, one in held.items() if dead(seen, memory, key, one) for sid in _ids(one)}
    twice = {
        sid
        for key, one in held.items()
        if key.startswith("s:") and (task_of(one) or _page_entry(one) in page)
        for sid in _ids(one)[1:]
    }
    before = memory.suspects.get(shard, {})
    suspects = memory.suspects[shard] = {sid: before.get(sid, now) for sid in gone | twice}
    ended = tuple(sorted(sid for sid, since in suspects.items() if now - since >= SURE_S))
    if not ended:
        return []
    return [Action("unsubscribe", shard, _why(len(gone.intersection(ended)), len(set(ended) - gone)), names=ended)]


def _replaced(seen: Snapshot, memory: Memory) -> list[Action]:
    """Of a master's earlier plans and of a broker's earlier process, at discovery: they are told for nothing, and pile up."""
    if seen.discovery is None or memory.mend:
        return []
    memory.replaced &= memory.snapshot[DISCOVERY].keys()
    still = tuple(sorted(key.removeprefix("s:") for key in memory.replaced & seen.discovery.keys()))
    return (
        [Action("unsubscribe", DISCOVERY, f"{len(still)} are of a master or a broker of before", names=still)]
        if still
        else []
    )


def _remember(seen: Snapshot, memory: Memory) -> None:
    """The tasks that were seen here, as long as anything leads to them."""
    if seen.tasks is None:
        return
    # a new process holds a little already while its restore has still to come
    held = [each for shard in seen.shards for each in (memory.snapshot.get(shard), seen.held(shard))]
    memory.ran = frozenset((memory.ran & tasks_of(held)) | set(seen.tasks))


def _unreachable(seen: Snapshot, memory: Memory, now: float) -> dict[str, str]:
    """Addresses that a broker could not deliver to for minutes, by the broker; tasks that have just begun are not among them."""
    found = {}
    for shard in seen.shards:
        for key, one in (seen.held(shard) or {}).items():
            if key.startswith("s:") and not dead(seen, memory, key, one):
                address = str(one.get("reference") or "")
                about = f"unreachable {shard} {address}"
                if lasted(memory, about, ngsi.undelivered(one), now) >= UNREACHABLE_S:
                    found[address] = shard
    for key in [one for one in memory.since if one.startswith("unreachable ") and not _is_held(seen, one)]:
        del memory.since[key]
    return found


def _unended(seen: Snapshot, memory: Memory, now: float) -> dict[str, str]:
    """Addresses of tasks that are gone, of which a broker still has subscriptions after all that was tried; each with its broker."""
    found = {}
    for shard in seen.shards:
        late = {sid for sid, since in memory.suspects.get(shard, {}).items() if now - since >= UNENDED_S}
        for key, one in (seen.held(shard) or {}).items():
            if late.intersection(_ids(one)) and dead(seen, memory, key, one):
                found[str(one.get("reference"))] = shard
    return found


def _names(subscription: Any, task: str) -> bool:
    return str(subscription.get("reference")).split("//")[-1].startswith(task)


def _is_held(seen: Snapshot, about: str) -> bool:
    _, shard, address = about.split(" ", 2)
    held = seen.held(shard)
    return held is None or any(key.startswith("s:") and one.get("reference") == address for key, one in held.items())


def _why(gone: int, twice: int) -> str:
    said = [f"{gone} subscriptions of tasks that are gone"] if gone else []
    return " and ".join([*said, *([f"{twice} that are there twice"] if twice else [])])


def _ids(subscription: Any) -> list[str]:
    return list(subscription.get(ngsi.IDS) or []) if isinstance(subscription, Mapping) else []


def _of_the_page(database: Mapping[str, Any]) -> set[tuple[str, ...]]:
    """What is subscribed on the dashboard's page: the designer subscribes all of it again at each of its starts."""
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
