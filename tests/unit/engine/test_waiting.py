"""The waiting loop, with a simulated clock."""

import pytest

from fogflow_k8s.engine.waiting import WaitTimeout, wait_for


class Clock:
    def __init__(self):
        self.time = 0.0

    def now(self):
        return self.time

    def sleep(self, seconds):
        assert seconds > 0
        self.time += seconds


def test_the_first_observation_that_satisfies_the_condition_is_returned():
    seen = iter(range(10))
    ticks = []
    assert wait_for("x", lambda: next(seen), lambda n: n == 3, timeout_s=60, on_tick=ticks.append, clock=Clock()) == 3
    assert ticks == [0, 1, 2, 3]


def test_the_deadline_carries_the_last_observation():
    clock = Clock()
    with pytest.raises(WaitTimeout) as caught:
        wait_for("x", clock.now, lambda _: False, timeout_s=2.5, every_s=1, clock=clock)
    assert caught.value.last == 2.5


def test_a_deadline_may_move():
    clock = Clock()
    with pytest.raises(WaitTimeout):
        wait_for("x", clock.now, lambda _: False, timeout_s=lambda seen: 5 if (seen or 0) < 4 else 8, clock=clock)
    assert clock.time == 8
