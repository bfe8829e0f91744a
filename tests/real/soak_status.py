"""What `status` says during a soak, beside what is true: for how long the two differed.

Both are samples: a question takes seconds on a busy machine, and the answer is of some instant in between. So a stretch of equal
answers begins when the first of them had come, and ends when the last of them was asked for. What is counted this way is never more
than the time for which `status` was wrong.
"""

import json
import threading
import time
from typing import NamedTuple

EVERY_S = 2.0
GAP_S = 6.0
"""Longer between two samples, and nobody knows what was in between."""


class Sample(NamedTuple):
    """One answer: asked for and come at (monotonic, in seconds), and whether it was yes."""

    asked: float
    answered: float
    yes: bool
    what: str = ""
    """The state and its reason, or the error."""


def stretches(samples, *, yes):
    """The longest times of equal answers, each as (begin, end)."""
    found, last = [], None
    for one in samples:
        if one.yes == yes and last and last.yes == yes and one.asked - last.answered <= GAP_S:
            found[-1] = (found[-1][0], one.asked)
        elif one.yes == yes:
            found.append((one.answered, one.asked))  # of no length
        last = one
    return found


def wrong_s(said, true):
    """For how long `said` was yes while `true` was no, at least; the longest time."""
    pairs = [(a, b) for a in stretches(said, yes=True) for b in stretches(true, yes=False)]
    return max((min(a[1], b[1]) - max(a[0], b[0]) for a, b in pairs), default=0.0)


class StatusWatch:
    """Asks `status` every few seconds, as a user's monitoring does; the test tells it what is true."""

    def __init__(self, box, namespace):
        self.box, self.namespace = box, namespace
        self.said, self.true = [], []
        self._stop, self._thread = threading.Event(), threading.Thread(target=self._ask_again)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def note(self, asked, works):
        """Tell it what was found out just now; the question began at `asked`."""
        self.true.append(Sample(asked, time.monotonic(), works))

    def wrong_s(self):
        """For how long it said "working" of a FogFlow that did not work, at least; the longest time."""
        return wrong_s(list(self.said), list(self.true))

    def agrees(self, since, patience_s, story):
        """Whether it has said "working" of a FogFlow that works since then. It may say otherwise for `patience_s`."""
        asked = [one for one in list(self.said) if one.asked >= since]
        late = [one for one in asked if not one.yes and one.asked - since > patience_s]
        seconds = [f"{one.asked - since:.0f} s: {one.what}" for one in late]
        assert not late, f"status does not say working after everything works: {seconds}; after {story}"
        return any(one.yes for one in asked)

    def _ask_again(self):
        while not self._stop.wait(EVERY_S):
            asked = time.monotonic()
            try:
                told = json.loads(self.box.tool("status", "-n", self.namespace, "-o", "json", code=None, timeout=60))
                yes, what = told["state"] == "working", f"{told['state']}, {(told.get('health') or {}).get('reason')}"
            except Exception as error:  # noqa: BLE001 - whatever it was, it did not say so; the thread must live
                yes, what = False, f"{type(error).__name__}: {error}"
            self.said.append(Sample(asked, time.monotonic(), yes, what))
