"""What every keeper does between its looks: it goes round until it is told to stop, and says on its log what it did."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable

from http_json import ERRORS
from serve import Shared


def told_to_end() -> threading.Event:
    """Set when SIGTERM comes."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    return stop


def go_round(turn: Callable[[], float], shared: Shared, stop: threading.Event, calm_s: float) -> None:
    """Do turns until told to end, each after the pause that the one before asks for. An API server that is away is waited for."""
    while not stop.is_set():
        pause = calm_s
        try:
            pause = turn()
        except ERRORS as error:
            say(f"the API server does not answer: {error}")
        shared.beat = time.monotonic()
        stop.wait(pause)


def stamp() -> str:
    """The time as reports and mends have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def say(line: str) -> None:
    """One line on the log, whatever is in it."""
    print(f"keeper: {json.dumps(line)[1:-1]}", flush=True)
