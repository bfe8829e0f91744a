"""The figures of one step, from the hits of the generator. Pure.

Latency counts from the planned time of a request, not from the moment at which the generator sent it (no coordinated omission):
a server that stops for a second is late for every request that was planned in this second. The planned time of the request with
number n is begin + n/rate. `begin` is the earliest time that explains all hits, since no hit is sent before its planned time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fogflow_k8s.model.bench.slo import FIGURES

SHARES: dict[str, float] = dict(zip(FIGURES, (0.5, 0.9, 0.99, 0.999, 1.0), strict=True))
LATE_SHARE = 0.05
"""A step in which the generator sent more than this share of its requests late is invalid."""
LATE_MIN_S = 0.010
SENT_SHARE = 0.98
"""A step in which the generator sent less than this share of the planned requests is invalid."""
BUCKETS_PER_DECADE = 10
MAX_SECONDS = 600
"""Lines in the course of a step, so that the generator's result stays small enough for a log."""


class Hit(NamedTuple):
    """One request: number, seconds since 1970 at which it was sent, seconds until the answer, HTTP status (0: none), error.

    `ready_s` is when its content was ready: a generator that makes contents too slowly sends late although it reports to be on time.
    """

    sequence: int
    sent_s: float
    latency_s: float
    code: int
    error: str
    ready_s: float = 0.0


@dataclass(frozen=True)
class Second:
    """One second of a step, by planned time; percentiles in seconds, None without an answer."""

    second: int
    sent: int
    failed: int
    p50: float | None
    p99: float | None


@dataclass(frozen=True)
class Figures:
    """The figures of a step. Percentiles and buckets are of the requests that were answered without error, in seconds.

    `invalid` says why the figures mean nothing ("" = they are valid). `buckets` are the upper bound and the number of requests.
    """

    planned: int
    sent: int
    answered: int
    throughput: float
    percentiles: Mapping[str, float | None]
    errors: Mapping[str, int]
    buckets: Sequence[tuple[float, int]]
    seconds: Sequence[Second]
    late_share: float
    late_p99_s: float
    invalid: str
    begin_s: float
    answered_numbers: frozenset[int] = field(default=frozenset(), repr=False)


@dataclass(frozen=True)
class Notifications:
    """What arrived at the subscribers, of what was published without error. Percentiles in seconds since the planned update."""

    expected: int
    received: int
    lost: int
    doubled: int
    late: int
    percentiles: Mapping[str, float | None]
    seconds: Sequence[Second]


def at_rank(ranked: Sequence[float], share: float) -> float:
    """The percentile by nearest rank of sorted values, so that it is a value that was measured."""
    return ranked[max(math.ceil(share * len(ranked) - 1e-9), 1) - 1]


def percentiles(values: Iterable[float]) -> dict[str, float | None]:
    """p50 p90 p99 p99.9 and max; None for each without values."""
    ranked = sorted(values)
    return {name: at_rank(ranked, share) if ranked else None for name, share in SHARES.items()}


def evaluate(hits: Sequence[Hit], rate: float, duration_s: float) -> Figures:
    """The figures of a step of `duration_s` seconds at `rate` requests per second."""
    planned = round(rate * duration_s)
    begin_s = min((hit.sent_s - hit.sequence / rate for hit in hits), default=0.0)
    waits = {hit.sequence: hit.sent_s + hit.latency_s - begin_s - hit.sequence / rate for hit in hits}
    good = [hit for hit in hits if not failure(hit)]
    shares = percentiles(waits[hit.sequence] for hit in good)
    delays = sorted(max(hit.sent_s, hit.ready_s) - begin_s - hit.sequence / rate for hit in hits)
    bound_s = max(LATE_MIN_S, 0.1 * (shares["p99"] or 0.0))
    late = sum(delay > bound_s for delay in delays) / len(delays) if delays else 0.0
    end_s = max((hit.sent_s + hit.latency_s for hit in good), default=begin_s)
    return Figures(
        planned=planned,
        sent=len(hits),
        answered=len(good),
        throughput=len(good) / max(end_s - begin_s, duration_s) if good else 0.0,
        percentiles=shares,
        errors=dict(Counter(filter(None, map(failure, hits))).most_common()),
        buckets=histogram(waits[hit.sequence] for hit in good),
        seconds=_seconds(
            [(hit.sequence / rate, None if failure(hit) else waits[hit.sequence]) for hit in hits], duration_s
        ),
        late_share=late,
        late_p99_s=at_rank(delays, 0.99) if delays else 0.0,
        invalid=_why_invalid(len(hits), planned, late, bound_s),
        begin_s=begin_s,
        answered_numbers=frozenset(hit.sequence for hit in good),
    )


def failure(hit: Hit) -> str:
    """Why a request counts as failed, in few words ("" = it did not): the same words for all errors of one kind."""
    if 200 <= hit.code < 300:
        return ""
    if hit.code:
        return f"HTTP {hit.code}"
    for words, kind in _KINDS:
        if any(word in hit.error for word in words):
            return kind
    return "other"


_KINDS = (
    (("Client.Timeout", "deadline exceeded", "timeout"), "timeout"),
    (("connection refused",), "connection refused"),
    (("connection reset", "EOF", "broken pipe"), "connection closed"),
    (("no such host", "lookup "), "name not resolved"),
)


def _why_invalid(sent: int, planned: int, late: float, bound_s: float) -> str:
    if sent < SENT_SHARE * planned:
        return f"the generator sent {sent} of {planned} planned requests"
    if late > LATE_SHARE:
        return (
            f"the generator sent {late:.0%} of the requests more than {bound_s * 1000:.0f} ms after their planned time"
        )
    return ""


def histogram(values: Iterable[float]) -> list[tuple[float, int]]:
    """Numbers by upper bound in seconds; ten bounds per power of ten, so that each is 26 % above the one before."""
    counted = Counter(math.ceil(BUCKETS_PER_DECADE * math.log10(max(value, 1e-5)) - 1e-9) for value in values)
    return [(10 ** (step / BUCKETS_PER_DECADE), counted[step]) for step in sorted(counted)]


def _seconds(samples: Sequence[tuple[float, float | None]], duration_s: float) -> list[Second]:
    """The course of a step from planned times and waits (None: failed): one line per second, or per some seconds of a long step."""
    width = max(math.ceil(duration_s / MAX_SECONDS), 1)
    by_second: dict[int, list[float | None]] = {}
    for at_s, wait_s in samples:
        by_second.setdefault(int(at_s) // width * width, []).append(wait_s)
    found = []
    for second, waits in sorted(by_second.items()):
        ranked = sorted(wait for wait in waits if wait is not None)
        middle, high = (at_rank(ranked, 0.5), at_rank(ranked, 0.99)) if ranked else (None, None)
        found.append(Second(second, len(waits), len(waits) - len(ranked), middle, high))
    return found


def notifications(
    figures: Figures, rate: float, arrivals: Iterable[tuple[int, int, float]], *, subscribers: int, late_s: float
) -> Notifications:
    """What arrived: `arrivals` are subscriber, number of the update, and seconds since 1970.

    A pair of subscriber and update without an arrival is lost; a second arrival of a pair is doubled. Updates that failed count
    neither as published nor as lost.
    """
    first: dict[tuple[int, int], float] = {}
    doubled = 0
    for subscriber, number, at_s in arrivals:
        if number not in figures.answered_numbers:
            continue
        known = first.get((subscriber, number))
        doubled += known is not None
        first[subscriber, number] = at_s if known is None else min(known, at_s)
    waits = {pair: at_s - figures.begin_s - pair[1] / rate for pair, at_s in first.items()}
    pairs = [(each, number) for each in range(subscribers) for number in figures.answered_numbers]
    return Notifications(
        expected=len(pairs),
        received=len(first),
        lost=len(pairs) - len(first),
        doubled=doubled,
        late=sum(wait > late_s for wait in waits.values()),
        percentiles=percentiles(waits.values()),
        seconds=_seconds([(pair[1] / rate, waits.get(pair)) for pair in pairs], figures.planned / rate),
    )
