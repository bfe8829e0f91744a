"""Connections to RabbitMQ that a program opens and never closes.

Some builds of FogFlow open a connection with each message or heartbeat and close none. Each one takes memory of RabbitMQ, which in
the end accepts no more. RabbitMQ does not show which program owns a connection. They are closed when that program's process ends, so
the keeper makes an ordered restart of FogFlow's programs before the limit is reached. The number comes from RabbitMQ's metrics.
"""

from __future__ import annotations

from memory import Condition, Memory, Timer
from snapshot import Snapshot

MANY, MOST = 500, 2000
"""Programs that close their connections have about a dozen together. From the first number on the health report warns; at the second
the keeper restarts them."""
SURE_S, PAUSE_S = 30.0, 3600.0
"""How long the number must stay above MOST, and the least time between two restarts for it: another program may own them."""


def remember(snapshot: Snapshot, memory: Memory, now: float) -> Memory:
    """The memory with the time since when there are too many."""
    if memory.restart:
        return memory
    above = snapshot.connections is not None and snapshot.connections >= MOST
    holds = above and now - memory.connections_restart_at >= PAUSE_S
    return memory.with_timer(now, Timer(Condition.CONNECTIONS), holds=holds)


def needs_restart(memory: Memory, now: float) -> bool:
    """Whether there have been too many connections for so long that FogFlow's programs must be restarted."""
    return memory.lasted(now, Condition.CONNECTIONS) >= SURE_S


def warning(snapshot: Snapshot) -> str:
    """A sentence about many connections for the health report; empty when there are few."""
    if snapshot.connections is None or snapshot.connections < MANY:
        return ""
    return (
        f"RabbitMQ holds {snapshot.connections} connections: a program opens connections and does not close them; "
        f"at {MOST} the keeper restarts FogFlow's programs"
    )
