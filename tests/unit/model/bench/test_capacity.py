"""The search for the capacity, at a modelled server with a known limit."""

import pytest

from fogflow_k8s.model.bench import capacity
from fogflow_k8s.model.bench.evaluation import evaluate
from fogflow_k8s.model.bench.slo import parse
from fogflow_k8s.model.bench.step import Step
from tests.unit.model.bench.server import served

BUDGET_S = 10


def found(limit, first=50, slo="p99=100ms"):
    """The capacity, and the seconds that the search took."""
    search, elapsed_s = capacity.Search(first), 0.0
    while (rate := search.next_rate) and capacity.time_is_left(elapsed_s):
        step = Step(rate, capacity.STEP_S, evaluate(served(rate, capacity.STEP_S, limit), rate, capacity.STEP_S))
        search.record(rate, holds=not step.violations(parse(slo)))
        elapsed_s += capacity.STEP_S + capacity.PAUSE_S
    return search.held, elapsed_s


@pytest.mark.parametrize("limit", [20, 500, 1000, 2300])
def test_the_limit_of_a_server_is_found_within_five_percent_and_three_minutes(limit):
    held, elapsed_s = found(limit)
    assert held == pytest.approx(limit, rel=0.05)
    assert elapsed_s <= 180


def test_two_shards_carry_twice_as_much():
    assert found(1000)[0] / found(500)[0] == pytest.approx(2, rel=0.05)


def test_a_server_that_holds_no_rate_has_no_capacity():
    search = capacity.Search(8)
    while rate := search.next_rate:
        search.record(rate, holds=False)
    assert search.held is None
    assert search.tried == [8, 4, 2, 1]


def test_a_server_without_a_limit_is_tried_up_to_the_bound():
    search = capacity.Search(100, limit=350)
    while rate := search.next_rate:
        search.record(rate, holds=True)
    assert search.tried == [100, 200, 350]
    assert search.held == 350


def test_a_lower_rate_that_fails_overrules_a_higher_one_that_held():
    search = capacity.Search(100)
    search.record(100, holds=True)
    search.record(90, holds=False)
    assert search.held is None
    assert search.next_rate == 45
