"""The waiting loop: observe, test a condition, sleep, until the condition holds or the time is over.

Everything in the CLI that waits uses it, so that a deadline, a changed deadline and Ctrl-C work the same everywhere. Tests pass
a clock of their own and never sleep.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """The time that the loop uses; tests replace it."""

    def now(self) -> float:
        """Seconds of a monotonic clock."""

    def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""


class SystemClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep, letting Ctrl-C through."""
        time.sleep(seconds)


class WaitTimeout(Exception):
    """The deadline passed; `last` is the newest observation, or None when there was none."""

    def __init__(self, what: str, seconds: float, last: object = None) -> None:
        super().__init__(f"{what}: timed out after {seconds:g} s")
        self.last = last


def wait_for(
    what: str,
    observe: Callable[[], T],
    done: Callable[[T], bool],
    *,
    timeout_s: float | Callable[[T | None], float],
    every_s: float = 1.0,
    on_tick: Callable[[T], None] = lambda _: None,
    clock: Clock | None = None,
) -> T:
    """Call `observe` every `every_s` seconds and return the first observation for which `done` is true.

    `timeout_s` counts from the call. It may be a function of the last observation, so that a slow image pull can extend it.
    `on_tick` gets every observation. Errors of `observe` pass through: only the caller knows which of them are transient.
    Raises WaitTimeout with the last observation.
    """
    clock = clock or SystemClock()
    start = clock.now()
    while True:
        seen = observe()
        on_tick(seen)
        if done(seen):
            return seen
        limit = timeout_s(seen) if callable(timeout_s) else timeout_s
        left = start + limit - clock.now()
        if left <= 0:
            raise WaitTimeout(what, limit, seen)
        clock.sleep(min(every_s, left))
