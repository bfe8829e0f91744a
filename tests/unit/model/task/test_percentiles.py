"""Durations in a few figures."""

from hypothesis import given
from hypothesis import strategies as st

from fogflow_k8s.model.task.percentiles import Spread, spread


def test_the_nearest_rank():
    assert spread([]) == Spread(0, None, None, None)
    assert spread([3.0]) == Spread(1, 3.0, 3.0, 3.0)
    assert spread([float(n) for n in range(100, 0, -1)]) == Spread(100, 50.0, 99.0, 100.0)


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_every_figure_was_measured_and_they_do_not_fall(durations):
    found = spread(durations)
    assert {found.p50, found.p99, found.most} <= set(durations)
    assert found.p50 <= found.p99 <= found.most
    assert sum(d <= found.p99 for d in durations) >= 0.99 * len(durations)
