"""Percentiles of durations."""

from hypothesis import given
from hypothesis import strategies as st

from fogflow_k8s.model.task.percentiles import Percentiles, percentiles


def test_the_nearest_rank():
    assert percentiles([]) == Percentiles(0, None, None, None)
    assert percentiles([3.0]) == Percentiles(1, 3.0, 3.0, 3.0)
    assert percentiles([float(n) for n in range(100, 0, -1)]) == Percentiles(100, 50.0, 99.0, 100.0)


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_every_figure_was_measured_and_they_do_not_fall(durations):
    found = percentiles(durations)
    assert {found.p50, found.p99, found.maximum} <= set(durations)
    assert found.p50 <= found.p99 <= found.maximum
    assert sum(d <= found.p99 for d in durations) >= 0.99 * len(durations)
