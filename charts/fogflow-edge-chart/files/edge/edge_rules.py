"""One round of the edge's keeper without its input and output: what to do about a snapshot of the edge. Pure.

An edge has a broker and a worker; discovery and RabbitMQ are at its cloud. The broker's state is restored by the rules of the
cloud's keeper (restore.py, references.py). The rules here are those that only an edge needs: entities that discovery does not know
after the link to the cloud was down, and an upstream worker that does not reconnect to RabbitMQ. See edge.py for the input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import references
from backoff import is_allowed
from decide import record
from memory import Memory
from report import references as listed_references
from report import state_warnings
from restore import remember_member, restore_member
from snapshot import Pod, Snapshot

BROKER, WORKER = "edge-broker", "edge-worker"
DISCONNECTED_S = 15.0
"""Longer than a worker takes to connect to RabbitMQ after its start."""
UNREGISTERED_S = 10.0
"""Longer than a registration takes to arrive."""
CALM_S = 20.0
"""After this long without anything to do at the broker, its next loss is a new one."""
REMEMBERED = 20
"""Number of repairs that are kept for the report."""


@dataclass(frozen=True)
class EdgeSnapshot:
    """The state of the edge at one moment. None means that it could not be read."""

    pods: Mapping[str, tuple[Pod, ...]] = field(default_factory=dict)
    answers: bool = False
    """Whether the broker answers."""
    listed: bool | None = None
    """Whether the cloud's discovery lists the broker; None when the cloud cannot be asked."""
    registered: frozenset[str] | None = None
    """The entities that the cloud's discovery knows."""
    held: Mapping[str, Any] | None = None
    """The broker's entities and subscriptions by key; see ngsi.py."""
    consumers: int | None = None
    """Number of consumers of the worker's queue; None when RabbitMQ cannot be asked."""
    implementation: str = "upstream"
    tasks: tuple[str, ...] | None = None
    """Names of the task Deployments."""

    @property
    def control_plane(self) -> Snapshot:
        """What the rules that the edge shares with the cloud read."""
        return Snapshot(pods=self.pods, shards=(BROKER,), more_brokers={BROKER: self.held}, tasks=self.tasks)

    def identity(self, name: str) -> str:
        """The identity of the one pod that runs; empty when no pod or several run."""
        alive = [pod for pod in self.pods.get(name, ()) if not pod.deleting]
        return alive[0].identity if len(alive) == 1 and alive[0].started else ""


@dataclass
class EdgeMemory:
    """What the edge's keeper remembers from one round to the next."""

    broker: Memory = field(default_factory=lambda: Memory(saved={BROKER: {}}))
    """Of the broker: what the cloud's keeper remembers of each of its own."""
    worked: bool = False
    """Whether broker and worker have worked at the same time."""
    since: dict[str, float] = field(default_factory=dict)
    """When each condition began to hold, by the condition and the pod that it is about."""
    repairs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def saved(self) -> Mapping[str, Any]:
        """What the broker held when it was last complete, and has learned since."""
        return self.broker.saved[BROKER]


EdgeAction = tuple[str, Any, str]
"""restart (a pod's name), restore or register (keys of what is saved), unsubscribe (ids at the broker); and why."""


def decide(seen: EdgeSnapshot, memory: EdgeMemory, now: float) -> list[EdgeAction]:
    """The actions of this round; updates `memory`."""
    return [*_broker(seen, memory, now), *_unregistered(seen, memory, now), *_worker(seen, memory, now)]


def _broker(seen: EdgeSnapshot, memory: EdgeMemory, now: float) -> list[EdgeAction]:
    """Restore what a new broker lacks, and end subscriptions that lead nowhere, by the rules of the cloud's keeper; one action a round."""
    snapshot = seen.control_plane
    known = references.remember(snapshot, remember_member(snapshot, memory.broker, BROKER, now), now)
    wanted = [*restore_member(snapshot, known, BROKER, now), *references.clean(snapshot, known, now)]
    if _lasted(memory, "calm", seen.held is not None and not wanted, now, CALM_S):
        known = replace(known, attempts={})
    first = next((one for one in wanted if is_allowed(one, known, now)), None)
    memory.broker = record(snapshot, known, [first] if first else [], now)
    return [(first.kind, list(first.names), first.why)] if first else []


def _unregistered(seen: EdgeSnapshot, memory: EdgeMemory, now: float) -> list[EdgeAction]:
    """Register the edge's entities that the cloud's discovery does not know, because it was down or has lost them."""
    if seen.registered is None or seen.held is None:
        memory.since.pop("unregistered", None)
        return []
    missing = sorted(key for key in seen.held if key.startswith("e:") and key[2:] not in seen.registered)
    if not _lasted(memory, "unregistered", missing, now, UNREGISTERED_S):
        return []
    saved = {**memory.saved, **seen.held}
    memory.broker = replace(memory.broker, saved={**memory.broker.saved, BROKER: saved})
    memory.since.pop("unregistered")
    return [("register", missing, f"the cloud's discovery does not know {len(missing)} entities of this edge")]


def _worker(seen: EdgeSnapshot, memory: EdgeMemory, now: float) -> list[EdgeAction]:
    """Restart an upstream worker that is disconnected from RabbitMQ. The native worker reconnects by itself and keeps its tasks."""
    identity = seen.identity(WORKER)
    disconnected = bool(identity) and seen.consumers == 0 and seen.implementation == "upstream"
    key = f"disconnected {identity}"
    for other in [one for one in memory.since if one.startswith("disconnected ") and one != key]:
        memory.since.pop(other)
    if not _lasted(memory, key, disconnected, now, DISCONNECTED_S):
        return []
    memory.since.pop(key)
    alive = [pod for pod in seen.pods.get(WORKER, ()) if not pod.deleting]
    return [("restart", alive[0].name, "RabbitMQ answers, and the worker is disconnected from it")]


def _lasted(memory: EdgeMemory, key: str, condition: object, now: float, seconds: float) -> bool:
    if not condition:
        memory.since.pop(key, None)
        return False
    return now - memory.since.setdefault(key, now) >= seconds


def report(seen: EdgeSnapshot, memory: EdgeMemory) -> dict[str, Any]:
    """The edge's state in one document, in the form of the cloud's; no secret is in it."""
    components = {
        BROKER: _state(*_of_broker(seen), {"answers": seen.answers, "registered": seen.listed}),
        WORKER: _state(*_of_worker(seen), {"consumers": seen.consumers}),
    }
    wrong = [f"{name}: {one['why']}" for name, one in components.items() if one["state"] != "ok"]
    why = [*wrong, *state_warnings(memory.broker, (BROKER,))]
    memory.worked = memory.worked or not wrong
    state = "working" if not wrong else "degraded" if memory.worked else "starting"
    return {
        "v": 1,
        "state": state,
        "why": "; ".join(why),
        "components": components,
        "repairs": memory.repairs[-10:],
        "snapshot": {
            "age_s": 0.0,
            "registrations": 0,
            "subscriptions": sum(key.startswith("s:") for key in memory.saved),
            "entities": sum(key.startswith("e:") for key in memory.saved),
            "unrestored": len(memory.broker.unrestored(BROKER)),
            "stored": False,
            "note": "kept in memory only",
        },
        "references": listed_references(memory.broker),
    }


def _state(state: str, why: str, signals: Mapping[str, Any]) -> dict[str, Any]:
    return {"state": state, "why": why, "signals": dict(signals)}


def _of_broker(seen: EdgeSnapshot) -> tuple[str, str]:
    if not seen.answers:
        return "down", "it does not answer"
    if seen.listed is None:
        return "cut off", "the cloud's discovery does not answer"
    return ("ok", "") if seen.listed else ("unregistered", "the cloud's discovery does not list it")


def _of_worker(seen: EdgeSnapshot) -> tuple[str, str]:
    if seen.consumers is None:
        return "cut off", "the cloud's RabbitMQ does not answer"
    return ("ok", "") if seen.consumers else ("disconnected", "its queue has no consumer")
