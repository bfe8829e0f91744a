"""The loop of a keeper, in the cloud and at an edge: it runs one round after another until SIGTERM, and writes the log."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable

from http_json import ERRORS
from serve import Shared


def stop_event() -> threading.Event:
    """An event that SIGTERM sets."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    return stop


def run_rounds(run_one: Callable[[], float], shared: Shared, stop: threading.Event, pause_s: float) -> None:
    """Run rounds until `stop` is set; each returns the pause in seconds before the next one.

    When the API server does not answer, the next round comes after `pause_s`.
    """
    while not stop.is_set():
        pause = pause_s
        try:
            pause = run_one()
        except ERRORS as error:
            log(f"the API server does not answer: {error}")
        shared.last_round = time.monotonic()
        stop.wait(pause)


def timestamp() -> str:
    """The time in UTC, in the form of health reports."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def log(line: str) -> None:
    """Write one line to the log; control characters are escaped."""
    print(f"keeper: {json.dumps(line)[1:-1]}", flush=True)
