"""Whether the figures of two sets of runs differ beyond the noise of the runs.

Each figure has samples on both sides: one per run where both sides have at least four runs, else one per second of the runs. A
figure has changed when a Mann-Whitney U test (of scipy) says so and the medians differ by more than the threshold: seconds of one
run are not independent of each other, so that the test alone would find differences between two equal runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from fogflow_k8s.errors import ToolMissing

Change = Literal["better", "worse", "unchanged", "unknown"]
MIN_RUNS = 4
MIN_SAMPLES = 4
P_VALUE = 0.01
EFFECT = 0.10
"""Share by which the medians must differ; below it, a difference is not reported."""
FLOOR_S = 0.0002
"""Seconds by which the medians of latencies must differ."""
LESS_IS_BETTER = {"p50": True, "p99": True, "throughput": False, "failed": True, "lost": True}
CAPACITY = "capacity"


@dataclass(frozen=True)
class Difference:
    """One figure of one scenario. Medians are in seconds, requests per second, or shares; `ratio` is after / before."""

    scenario: str
    figure: str
    before: float | None
    after: float | None
    ratio: float | None
    p_value: float | None
    samples: tuple[int, int]
    change: Change


def compare(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[Difference]:
    """The differences of all scenarios that both sets of documents (kind Bench) have. Raises ToolMissing without scipy."""
    runs = [_runs(before), _runs(after)]
    names = [name for name in runs[0] if name in runs[1]]
    found = [_difference(name, figure, runs[0][name], runs[1][name]) for name in names for figure in LESS_IS_BETTER]
    rates = [_capacities(before), _capacities(after)]
    return found + [judge(name, CAPACITY, rates[0][name], rates[1][name]) for name in rates[0] if name in rates[1]]


def _capacities(documents: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """The capacities that searches found, by scenario."""
    found: dict[str, list[float]] = {}
    for run in (run for document in documents for run in document.get("runs") or []):
        if run.get("capacity"):
            found.setdefault(str(run["scenario"]), []).append(float(run["capacity"]["rate"] or 0.0))
    return found


def _runs(documents: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The valid steps by scenario and rate. The steps of a search have rates of their own, so the capacity is compared."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for document in documents:
        for run in document.get("runs") or []:
            if run.get("capacity"):
                continue
            for step in run.get("rates") or []:
                if step.get("invalidReason") is None:
                    found.setdefault(f"{run['scenario']} at {step['rate']:g}/s", []).append(step)
    return found


def _difference(
    name: str, figure: str, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> Difference:
    if min(len(before), len(after)) >= MIN_RUNS or figure not in {"p50", "p99"}:
        samples = [[_of_run(run, figure) for run in runs] for runs in (before, after)]
    else:
        samples = [[value for run in runs for value in _per_second(run, figure)] for runs in (before, after)]
    return judge(name, figure, *([value for value in side if value is not None] for side in samples))


def judge(scenario: str, figure: str, before: Sequence[float], after: Sequence[float]) -> Difference:
    """The difference between two lists of samples of a figure."""
    if not before or not after:
        return Difference(scenario, figure, None, None, None, None, (len(before), len(after)), "unknown")
    old, new = median(before), median(after)
    ratio = new / old if old else None
    if min(len(before), len(after)) >= MIN_SAMPLES:
        p_value = _p_value(before, after)
        real = p_value < P_VALUE
    else:  # too few runs for a test: throughput, failures and losses of single runs are judged by their size alone
        p_value, real = None, True
    floor = FLOOR_S if figure in {"p50", "p99"} else 0.001
    if not real or abs(new - old) <= max(EFFECT * max(old, 0.0), floor):
        change: Change = "unchanged"
    else:
        change = "better" if (new < old) == LESS_IS_BETTER.get(figure, False) else "worse"
    return Difference(scenario, figure, old, new, ratio, p_value, (len(before), len(after)), change)


def _of_run(step: Mapping[str, Any], figure: str) -> float | None:
    if figure in {"p50", "p99"}:
        found = step["percentilesSeconds"].get(figure)
        return None if found is None else float(found)
    if figure == "throughput":
        return float(step["throughput"])
    if figure == "failed":
        return (step["sentCount"] - step["answeredCount"]) / step["sentCount"] if step["sentCount"] else None
    told = step.get("notifications")
    return told["lostCount"] / told["expectedCount"] if told and told["expectedCount"] else None


def _per_second(step: Mapping[str, Any], figure: str) -> list[float]:
    found = (each.get(f"{figure}Seconds") for each in step["course"])
    return [float(value) for value in found if value is not None]


def _p_value(before: Sequence[float], after: Sequence[float]) -> float:
    try:
        from scipy.stats import mannwhitneyu
    except ImportError as error:
        raise ToolMissing(
            "comparing runs needs scipy, which is not installed",
            hint="install the extra bench: pip install 'fogflow-k8s[bench]'",
        ) from error
    return float(mannwhitneyu(before, after).pvalue)
