"""The one loop in which tests wait."""

import time


def until(check, what, seconds=60, every=0.1):
    """The first true value of `check`; a hang guard, no measurement."""
    end = time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(every)
    return value
