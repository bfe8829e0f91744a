"""The only waiting loop. Everything that waits in this program waits here."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Time as the loop sees it; tests bring their own, so no test sleeps."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""


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
        super().__init__(f"{what}: not within {seconds:g} s")
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
    """The first observation for which `done` is true.

    `timeout_s` counts from the call; a function of the last observation may move the deadline (a slow pull does not
    eat it). `on_tick` sees every observation. Errors of `observe` are the caller's: it knows which are transient.
    Raises WaitTimeout, carrying the last observation.
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
