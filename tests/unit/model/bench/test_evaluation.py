"""The figures of a step, from hits with known delays and losses."""

import json
import random

import pytest

from fogflow_k8s.model.bench.evaluation import Hit, evaluate, failure, histogram, notifications, percentiles
from fogflow_k8s.model.bench.slo import parse
from fogflow_k8s.model.bench.step import Step, from_json, to_json
from tests.unit.model.bench.server import BEGIN, hits

BUDGET_S = 5


def test_a_known_delay_is_measured():
    figures = evaluate(hits(100, 6000, lambda n: 0.02 if n % 100 else 0.5), 100, 60)
    assert figures.percentiles["p50"] == pytest.approx(0.02, abs=1e-6)
    assert figures.percentiles["p99"] == pytest.approx(0.02, abs=1e-6), "the 60 slow ones are the last hundredth"
    assert figures.percentiles["p99.9"] == pytest.approx(0.5, abs=1e-6)
    assert figures.percentiles["max"] == pytest.approx(0.5, abs=1e-6)
    assert (figures.planned, figures.sent, figures.answered, figures.invalid) == (6000, 6000, 6000, "")
    assert figures.throughput == pytest.approx(100, rel=0.01)
    assert len(figures.seconds) == 60
    assert {second.sent for second in figures.seconds} == {100}


def test_a_stall_is_in_the_percentiles_of_all_requests_that_were_planned_in_it():
    def stalled(n):  # the first second of ten
        into_s = n / 100 % 10
        return max(1 - into_s, 0.02) if into_s < 1 else 0.02

    figures = evaluate(hits(100, 6000, stalled), 100, 60)
    assert figures.percentiles["p50"] == pytest.approx(0.02, abs=1e-6)
    assert figures.percentiles["p90"] > 0.02 - 1e-6
    assert figures.percentiles["p99"] > 0.85
    assert figures.percentiles["max"] == pytest.approx(1.0, abs=1e-5)


def test_a_generator_that_waits_for_answers_hides_nothing():
    """Coordinated omission: the generator sent nothing during the stall; the planned times still show it."""
    figures = evaluate(hits(100, 1000, lambda _: 0.02, late_s=lambda n: max(1 - n / 100, 0.0)), 100, 10)
    assert figures.percentiles["max"] == pytest.approx(1.02, abs=0.02)
    assert "after their planned time" in figures.invalid


def test_a_generator_that_is_too_slow_makes_the_step_invalid():
    assert evaluate(hits(100, 979), 100, 10).invalid == "the generator sent 979 of 1000 planned requests"
    assert evaluate(hits(100, 981), 100, 10).invalid == ""
    late = evaluate(hits(100, 1000, late_s=lambda n: 0.02 if n % 10 == 5 else 0.0), 100, 10)
    assert late.invalid == "the generator sent 10% of the requests more than 10 ms after their planned time"
    slow = evaluate(hits(100, 1000, lambda _: 0.5, late_s=lambda n: 0.02 if n % 10 == 5 else 0.0), 100, 10)
    assert slow.invalid == "", "20 ms are little beside a p99 of 500 ms"


def test_contents_that_were_ready_late_make_the_step_invalid():
    """vegeta waits for the content of a request after it has noted its begin: such a wait is not the server's."""
    ready = [hit._replace(ready_s=hit.sent_s + 0.1) for hit in hits(100, 1000, lambda _: 0.12)]
    assert "after their planned time" in evaluate(ready, 100, 10).invalid


def test_the_course_of_a_long_step_has_a_limited_number_of_lines():
    figures = evaluate(hits(1, 3600), 1, 3600)
    assert len(figures.seconds) == 600
    assert {second.sent for second in figures.seconds} == {6}
    assert len(json.dumps(to_json(Step(1, 3600, figures)))) < 100_000, "the generator prints it as one line"


def test_a_step_without_hits_is_invalid():
    figures = evaluate([], 10, 10)
    assert figures.invalid == "the generator sent 0 of 100 planned requests"
    assert figures.percentiles["p50"] is None


def test_failures_are_counted_by_kind_and_are_in_no_percentile():
    def code(n):
        return 503 if n % 100 == 0 else 0 if n % 100 == 1 else 200

    figures = evaluate(hits(100, 1000, lambda n: 9.0 if code(n) != 200 else 0.02, code=code, error=lambda n: "context deadline exceeded" if not code(n) else ""), 100, 10)  # fmt: skip
    assert figures.errors == {"HTTP 503": 10, "timeout": 10}
    assert figures.percentiles["max"] == pytest.approx(0.02, abs=1e-6)
    assert sum(second.failed for second in figures.seconds) == 20


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ('Post "http://b": dial tcp 10.0.0.1:80: connect: connection refused', "connection refused"),
        ('Post "http://b": EOF', "connection closed"),
        ('Post "http://b": dial tcp: lookup b: no such host', "name not resolved"),
        ("net/http: request canceled (Client.Timeout exceeded while awaiting headers)", "timeout"),
        ("something else", "other"),
    ],
)
def test_the_kind_of_an_error(error, kind):
    assert failure(Hit(0, 0.0, 0.0, 0, error)) == kind


def test_lost_doubled_and_late_notifications_are_counted_exactly():
    figures = evaluate(hits(50, 3000), 50, 60)
    arrivals = []
    for number in range(3000):
        at_s = BEGIN + number / 50 + (2.5 if number % 1000 == 7 else 0.03)
        arrivals += [(0, number, at_s)] * (0 if number % 100 == 0 else 2 if number % 500 == 1 else 1)
        arrivals.append((1, number, at_s))
    random.Random(1).shuffle(arrivals)
    told = notifications(figures, 50, arrivals, subscribers=2, late_s=1.0)
    assert (told.expected, told.received, told.lost, told.doubled, told.late) == (6000, 5970, 30, 6, 6)
    assert told.percentiles["p50"] == pytest.approx(0.03, abs=1e-6)


def test_an_update_that_failed_has_no_notification_to_lose():
    figures = evaluate(hits(10, 100, code=lambda n: 500 if n < 10 else 200), 10, 10)
    told = notifications(figures, 10, [(0, n, BEGIN + n / 10) for n in range(5, 100)], subscribers=1, late_s=1.0)
    assert (told.expected, told.lost, told.doubled) == (90, 0, 0)


def test_the_buckets_have_every_value_once_below_their_bound():
    values = [0.001, 0.00101, 0.02, 0.02, 7.0]
    found = histogram(values)
    assert sum(count for _, count in found) == 5
    assert found[0] == (pytest.approx(0.001), 1)
    assert all(any(bound / 1.2590 <= value <= bound * 1.000001 for bound, _ in found) for value in values)


def test_percentiles_are_values_that_were_measured():
    assert percentiles([3.0, 1.0, 2.0]) == {"p50": 2.0, "p90": 3.0, "p99": 3.0, "p99.9": 3.0, "max": 3.0}


def test_a_step_survives_its_json():
    figures = evaluate(hits(50, 100), 50, 2)
    told = notifications(figures, 50, [(0, 5, BEGIN + 0.2)], subscribers=1, late_s=1.0)
    again = from_json(to_json(Step(50, 2, figures, told)))
    assert again.notifications.lost == 99
    assert again.percentiles["p50"] == pytest.approx(told.percentiles["p50"], abs=1e-6)
    assert to_json(again) == to_json(Step(50, 2, figures, told))


def test_why_a_step_does_not_hold():
    good = Step(50, 2, evaluate(hits(50, 100), 50, 2))
    assert good.violations(parse("p99=100ms")) == []
    assert good.violations(parse("p99=10ms, max=1s")) == ["p99 is 20.0 ms, the limit 10 ms"]
    bad = Step(50, 2, evaluate(hits(50, 100, code=lambda n: 500 if n == 3 else 200), 50, 2))
    assert bad.violations(()) == ["1 requests failed: HTTP 500"]
    lost = Step(50, 2, good.figures, notifications(good.figures, 50, [], subscribers=1, late_s=1.0))
    assert lost.violations(()) == ["100 of 100 notifications were lost"]
    invalid = Step(50, 2, evaluate(hits(50, 10), 50, 2))
    assert invalid.violations(()) == ["invalid: the generator sent 10 of 100 planned requests"]


@pytest.mark.parametrize("text", ["p99", "p95=1s", "p99=100", "p99=-1s"])
def test_an_objective_that_cannot_be(text):
    with pytest.raises(ValueError, match=r"with one of p50, p90, p99, p99\.9, max and ms or s"):
        parse(text)
