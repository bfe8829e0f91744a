"""The search for the capacity: the highest rate at which the objective holds, nothing fails and nothing is lost. Pure.

The rate grows by powers of two until a step does not hold (or shrinks until one holds); the interval is then halved until its
ends differ by 3 %. The search also ends when its time is over; the result is the highest rate that held.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from fogflow_k8s.model.bench.scenarios import MAX_RATE

PRECISION = 0.03
BUDGET_S = 180.0
STEP_S = 10.0
PAUSE_S = 1.5
"""Seconds between two steps, in which what a failed step left in queues is processed."""
MIN_RATE = 1.0


@dataclass
class Search:
    """The state of a search. `held` is the highest rate that held, `failed` the lowest that did not; None: not known yet."""

    first: float
    limit: float = MAX_RATE
    held: float | None = None
    failed: float | None = None
    tried: list[float] = field(default_factory=list)

    @property
    def next_rate(self) -> float | None:
        """The rate of the next step in requests per second; None when the search has ended."""
        if not self.tried:
            return min(max(self.first, MIN_RATE), self.limit)
        if self.held is None:
            lower = (self.failed or self.first) / 2
            return lower if lower >= MIN_RATE else None
        if self.failed is None:
            return min(self.held * 2, self.limit) if self.held < self.limit else None
        if self.failed / self.held <= 1 + PRECISION:
            return None
        return float(round(math.sqrt(self.held * self.failed), 1))

    def record(self, rate: float, *, holds: bool) -> None:
        """Note the result of a step. A lower rate that failed counts more than a higher one that held."""
        self.tried.append(rate)
        if holds:
            self.held = max(rate, self.held or 0.0)
        else:
            self.failed = min(rate, self.failed or math.inf)
            if self.held is not None and self.held >= self.failed:
                self.held = None


def time_is_left(elapsed_s: float, step_s: float = STEP_S) -> bool:
    """Whether one more step ends within the search's time."""
    return elapsed_s + step_s + PAUSE_S <= BUDGET_S
