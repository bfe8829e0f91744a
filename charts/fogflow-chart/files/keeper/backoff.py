"""How often the same action is repeated. Pure."""

from __future__ import annotations

from cell import Action, Memory

SOON_S, FREE, BACK_OFF_S, LONGEST_S = 5.0, 3, 15.0, 300.0
"""The same action again after 5 s; from the third time on after 15 s, 30 s, and so on up to 5 min."""


def may(action: Action, memory: Memory, now: float) -> bool:
    """Whether the back-off lets an action through; counts it when it does."""
    times, last = memory.tried.get(action.key, (0, 0.0))
    pause = SOON_S if times < FREE else BACK_OFF_S * 2 ** (times - FREE)
    if times and now - last < min(pause, LONGEST_S):
        return False
    memory.tried[action.key] = (times + 1, now)
    return True
