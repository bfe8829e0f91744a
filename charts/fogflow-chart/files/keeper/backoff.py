"""How often the keeper repeats the same action.

An action that does not help is repeated after 5 s, from the third time on after 15 s, 30 s, and so on up to 5 min. The count starts
anew when the keeper has had nothing to do for some time (decide.py).
"""

from __future__ import annotations

from action import Action
from memory import Memory

FIRST_PAUSE_S, FREE_ATTEMPTS, PAUSE_S, LONGEST_PAUSE_S = 5.0, 3, 15.0, 300.0


def is_allowed(action: Action, memory: Memory, now: float) -> bool:
    """Whether the pause since the last attempt is over."""
    attempts, last = memory.attempts.get(action.key, (0, 0.0))
    pause = FIRST_PAUSE_S if attempts < FREE_ATTEMPTS else PAUSE_S * 2 ** (attempts - FREE_ATTEMPTS)
    return not attempts or now - last >= min(pause, LONGEST_PAUSE_S)
