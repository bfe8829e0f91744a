"""Leases: stale only by the contender's clock."""

import pytest

from fogflow_k8s.model.release.lease import DURATION_S, Hold, Watch, manifest, read


def hold(renewed="t0"):
    made = manifest("l", "n", "ann@host 1", "fogflow-k8s deploy", "t0", 1)
    made["spec"]["renewTime"] = renewed
    return read(made)


def test_a_lease_that_is_renewed_never_goes_stale():
    watch = Watch(hold().token, 0)
    for second in range(0, 100, 5):
        watch = watch.after(hold(f"t{second}"), second)
        assert not watch.stale(second)


def test_a_lease_without_renewals_is_stale_after_its_duration():
    watch = Watch(hold().token, 100).after(hold(), 110)
    assert not watch.stale(100 + DURATION_S - 1)
    assert watch.stale(100 + DURATION_S)


def test_a_released_lease_has_no_holder():
    made = manifest("l", "n", "", "", "t0", 1)
    assert read(made) is None
    assert read({}) is None


@pytest.mark.parametrize(
    ("acquired", "began"),
    [
        ("2026-03-04T12:16:56.123456Z", "2026-03-04 12:16:56 UTC"),
        ("2026-03-04T12:16:56+00:00", "2026-03-04 12:16:56 UTC"),
        ("2026-03-04T12:16:56+02:00", "2026-03-04T12:16:56+02:00"),
        ("", ""),
    ],
)
def test_when_it_was_acquired_is_told_to_the_second(acquired, began):
    assert Hold("somebody", "fogflow-k8s deploy", acquired, "token").began == began
