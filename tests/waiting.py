"""The one loop in which tests wait."""

import time


def until(check, what, seconds=60, every=0.1):
    """The first true value of `check`; a hang guard, no measurement.

    A check that takes long (a run of kubectl) is made less often: it would take from the two cores what it waits for."""
    end = time.monotonic() + seconds
    while True:
        asked = time.monotonic()
        if value := check():
            return value
        now = time.monotonic()
        assert now < end, f"{what}: not within {seconds} s"
        time.sleep(max(every, min(2 * (now - asked), 1)))
