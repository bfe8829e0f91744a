"""Many durations in a few figures. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """How many there are, and of those (seconds) the middle, the 99th percentile and the greatest; None without any."""

    count: int
    p50: float | None
    p99: float | None
    most: float | None


def spread(durations: Sequence[float]) -> Spread:
    """By the nearest rank: every figure is one that was measured."""
    if not durations:
        return Spread(0, None, None, None)
    ranked = sorted(durations)
    return Spread(len(ranked), _rank(ranked, 0.5), _rank(ranked, 0.99), ranked[-1])


def _rank(ranked: Sequence[float], share: float) -> float:
    return ranked[max(math.ceil(share * len(ranked)), 1) - 1]
