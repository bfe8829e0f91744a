"""Service level objectives: `p99=100ms`, or several of them with commas between."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FIGURES = ("p50", "p90", "p99", "p99.9", "max")
"""The percentiles of a step that an objective can limit, which are also those that are shown."""
_UNITS = {"ms": 0.001, "s": 1.0}
_LIMIT = re.compile(r"(p50|p90|p99|p99\.9|max)=(\d+(?:\.\d+)?)(ms|s)")


@dataclass(frozen=True)
class Limit:
    """The largest value of a percentile, in seconds."""

    figure: str
    limit_s: float

    def __str__(self) -> str:
        return f"{self.figure}={self.limit_s * 1000:g}ms"


def parse(text: str) -> tuple[Limit, ...]:
    """The limits of an objective; none for "". Raises ValueError, which says what is allowed."""
    found = []
    for each in filter(None, (part.strip() for part in text.split(","))):
        match = _LIMIT.fullmatch(each)
        if not match:
            raise ValueError(f"{each!r} is not FIGURE=DURATION with one of {', '.join(FIGURES)} and ms or s")
        found.append(Limit(match[1], float(match[2]) * _UNITS[match[3]]))
    return tuple(found)


def exceeded(limits: Sequence[Limit], percentiles: Mapping[str, float | None]) -> list[str]:
    """One line for each limit that does not hold; a percentile that is missing does not hold, either."""
    lines = []
    for each in limits:
        value = percentiles.get(each.figure)
        if value is None:
            lines.append(f"{each.figure} was not measured")
        elif value > each.limit_s:
            lines.append(f"{each.figure} is {value * 1000:.1f} ms, the limit {each.limit_s * 1000:g} ms")
    return lines
