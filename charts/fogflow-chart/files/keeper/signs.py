"""What can be told from one look and what is remembered. Pure."""

from __future__ import annotations

import json

from cell import KEPT, MASTER, RABBITMQ, Memory, Pod, Snapshot


def bus_up(seen: Snapshot) -> bool:
    """Whether the bus can be believed to work."""
    return seen.consumers is not None if seen.checks_consumers else True


def consumes(seen: Snapshot, name: str) -> bool:
    """Whether a member of the trio hears the bus, as far as anybody can tell."""
    if not seen.checks_consumers:
        return name not in seen.workers or bool(seen.beat(name))
    return seen.consumers is not None and seen.consumers.get(name, 0) > 0


def connection(seen: Snapshot, pod: Pod) -> str:
    """Which process would be connected to which RabbitMQ; empty where RabbitMQ is somebody else's, and its restarts are not seen."""
    bus = seen.pod(RABBITMQ)
    return f"{pod.identity} {bus.identity}" if bus else ""


def hears_alone(seen: Snapshot, name: str) -> bool:
    """Whether a worker that keeps its tasks hears, and nobody ends beside it who would take tasks along: upstream's at a change."""
    ending = any(pod.deleting and pod.ready for pod in seen.pods.get(name, ()))
    return consumes(seen, name) and not ending


def all_listed(seen: Snapshot) -> bool:
    """Whether the master hears of every worker."""
    return all(seen.beat(name) for name in seen.workers)


def complete(seen: Snapshot, memory: Memory, name: str) -> bool:
    """Whether discovery or a broker holds what it held before its last restart."""
    pod = seen.pod(name)
    return pod is not None and memory.known.get(name) == pod.identity


def of_master(seen: Snapshot) -> frozenset[str]:
    """The master's subscriptions at discovery."""
    return subscribed_by(seen, MASTER)


def subscribed_by(seen: Snapshot, name: str) -> frozenset[str]:
    """The subscriptions at discovery of a master or a broker: by their reference, which begins with its Service's name."""
    held = seen.discovery or {}
    return frozenset(key for key, one in held.items() if key.startswith("s:") and f"//{name}." in json.dumps(one))


def lasted(memory: Memory, key: str, condition: object, now: float) -> float:
    """For how many seconds a condition has held without a break; -1 when it does not."""
    if not condition:
        memory.since.pop(key, None)
        return -1.0
    return now - memory.since.setdefault(key, now)


def identity(seen: Snapshot, name: str) -> str:
    """Of the one pod that counts; empty when there is none. Of a worker that keeps its tasks it is always the same."""
    if seen.keeps_tasks and name in seen.workers:
        return KEPT
    pod = seen.pod(name)
    return pod.identity if pod else ""


def identities(seen: Snapshot) -> dict[str, str]:
    """Of all of the trio."""
    return {name: identity(seen, name) for name in seen.trio}


def all_run(seen: Snapshot) -> bool:
    """Whether the trio is there; of a worker that keeps its tasks there may be two, while one follows the other."""
    others = seen.workers if seen.keeps_tasks else ()
    return all(map(seen.settled, seen.chain)) and all(any(p.ready for p in seen.pods.get(n, ())) for n in others)


def overlooked(seen: Snapshot, memory: Memory) -> bool:
    """Whether something came while the master had nobody to give its task to: it drops such a task for good."""
    if not seen.keeps_tasks or seen.discovery is None or seen.worker_beat is None:
        return False
    if not any(seen.beat(name) for name in seen.workers):
        memory.unheard = True
        return False
    known = of_master(seen) | {key for key in seen.discovery if key.startswith("r:")}
    came, memory.heard = memory.unheard and bool(known - memory.heard), known
    memory.unheard = False
    return came


ORPHAN_S = 25.0
"""More than two heartbeats of the worker, each of which tells how many tasks it has."""


def orphaned(seen: Snapshot, memory: Memory, now: float) -> int:
    """How many tasks run that no worker knows of: their number stays above all that the workers tell, with the same tasks."""
    tasks = seen.tasks or ()
    same, memory.tasks = memory.tasks == tasks, tasks
    more = len(tasks) - seen.workload
    return more if lasted(memory, "orphans", same and more > 0 and all_listed(seen), now) >= ORPHAN_S else 0
