"""The comparison of two sets of runs, with seeded synthetic runs whose noise drifts within and between the runs."""

import random

import pytest

from fogflow_k8s.model.bench.comparison import compare, judge

BUDGET_S = 30


def document(seed, factor=1.0, *, runs=1, lost=0):
    """A result: latencies of 20 ms times a factor, with noise by the second, a slow drift, and 2 % between runs."""
    noise = random.Random(seed)
    return {"runs": [_scenario(noise, factor, lost) for _ in range(runs)]}


def _scenario(noise, factor, lost):
    level, drift, seconds = 0.02 * factor * noise.gauss(1, 0.02), 0.0, []
    for second in range(60):
        drift = 0.9 * drift + noise.gauss(0, 0.015)
        p50 = level * (1 + drift) * noise.gauss(1, 0.02)
        seconds.append({"second": second, "p50Seconds": p50, "p99Seconds": p50 * abs(noise.gauss(2, 0.15))})
    ranked = sorted(each["p50Seconds"] for each in seconds)
    shares = {"p50": ranked[30], "p99": max(each["p99Seconds"] for each in seconds)}
    step = {
        "rate": 50, "invalidReason": None, "course": seconds, "percentilesSeconds": shares, "throughput": noise.gauss(50, 0.1),
        "sentCount": 3000, "answeredCount": 3000, "notifications": {"lostCount": lost, "expectedCount": 3000},
    }  # fmt: skip
    return {"scenario": "update", "capacity": None, "rates": [step]}


def changed(before, after):
    """Figure -> change, without those that did not change."""
    return {each.figure: each.change for each in compare([before], [after]) if each.change != "unchanged"}


@pytest.mark.parametrize("runs", [1, 5])
def test_twenty_pairs_of_equal_runs_raise_at_most_one_false_alarm(runs):
    alarms = [seed for seed in range(20) if changed(document(2 * seed, runs=runs), document(2 * seed + 1, runs=runs))]
    assert len(alarms) <= 1, alarms


@pytest.mark.parametrize("runs", [1, 5])
def test_a_build_that_is_a_fifth_slower_is_named(runs):
    found = [changed(document(2 * seed, runs=runs), document(2 * seed + 1, 1.2, runs=runs)) for seed in range(20)]
    assert sum(each.get("p50") == "worse" for each in found) >= 19
    faster = [changed(document(2 * seed, runs=runs), document(2 * seed + 1, 0.8, runs=runs)) for seed in range(20)]
    assert sum(each.get("p50") == "better" for each in faster) >= 19


def test_losses_that_are_new_are_named():
    assert changed(document(1), document(2, lost=30)) == {"lost": "worse"}


def test_runs_at_different_rates_are_not_compared():
    other = document(2)
    other["runs"][0]["rates"][0]["rate"] = 51
    assert compare([document(1)], [other]) == []


def test_an_invalid_step_counts_for_nothing():
    other = document(2, 9.0)
    other["runs"][0]["rates"][0]["invalidReason"] = "the generator was too slow"
    assert compare([document(1)], [other]) == []


def test_a_figure_that_one_side_does_not_have_is_unknown():
    assert judge("notify at 20/s", "lost", [0.1], []).change == "unknown"
