"""Percentiles of durations, for the scenario `task` of `bench`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fogflow_k8s.model.bench.evaluation import at_rank


@dataclass(frozen=True)
class Percentiles:
    """The number of durations, and their median, 99th percentile and maximum in seconds (None without any duration)."""

    count: int
    p50: float | None
    p99: float | None
    maximum: float | None


def percentiles(durations: Sequence[float]) -> Percentiles:
    """The percentiles by nearest rank, so that each of them is a duration that was measured."""
    if not durations:
        return Percentiles(0, None, None, None)
    ranked = sorted(durations)
    return Percentiles(len(ranked), at_rank(ranked, 0.5), at_rank(ranked, 0.99), ranked[-1])
