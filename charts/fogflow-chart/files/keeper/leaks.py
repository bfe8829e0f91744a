"""Connections to RabbitMQ that are opened and never closed. Pure.

Some builds of FogFlow open one with each message or heartbeat and close none. RabbitMQ's memory goes with them, and in the end it
takes no more. It does not tell whose they are; they end with their process, so those that come back in order are restarted in time.
"""

from __future__ import annotations

from cell import Memory, Snapshot
from signs import lasted

MANY, MOST = 500, 2000
"""Programs that close what they open have about a dozen together. The first number is told, at the second they are restarted."""
SURE_S, PAUSE_S = 30.0, 3600.0
"""The number is above for so long; and so long after a restart for it there is no other, as it may be somebody else who leaks."""


def too_many(seen: Snapshot, memory: Memory, now: float) -> bool:
    """Whether it is time for a restart."""
    above = seen.connections is not None and seen.connections >= MOST and now - memory.relieved_at >= PAUSE_S
    if lasted(memory, "leak", above, now) < SURE_S:
        return False
    memory.since.pop("leak")
    memory.relieved_at = now
    return True


def leak(seen: Snapshot) -> str:
    """The sentence about it; empty when there is none."""
    if seen.connections is None or seen.connections < MANY:
        return ""
    return f"RabbitMQ holds {seen.connections} connections: a program opens them and does not close them; at {MOST} FogFlow's are restarted"
