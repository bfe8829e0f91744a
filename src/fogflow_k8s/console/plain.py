"""Progress as plain lines: one per change, a heartbeat every 30 s. No cursor moves, no colour."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TextIO

from fogflow_k8s.model.diagnosis.catalogue import Cause
from fogflow_k8s.model.diagnosis.readiness import Verdict

HEARTBEAT_S = 30.0


class PlainReporter:
    """Writes to a stream (stderr), which may be a pipe, a file or a terminal."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._last: dict[str, str] = {}
        self._causes: set[str] = set()
        self._last_output = time.monotonic()
        self._percent = -1

    def step(self, text: str) -> None:
        """A new stage begins."""
        self._print(f"==> {text}")
        self._percent = -1

    def log(self, text: str) -> None:
        """A fact inside the stage."""
        self._print(f"    {text}")

    def warn(self, text: str) -> None:
        """A warning; printed even with --quiet."""
        self._print(f"  ! {text}", always=True)

    def progress(self, text: str, done: int, total: int) -> None:
        """A line for every 10 % that are done."""
        percent = min(100, 100 * done // max(total, 1)) // 10 * 10
        if percent != self._percent:
            self._percent = percent
            self._print(f"    {text}: {done} of about {total}")

    def verdicts(self, now: Mapping[str, Verdict], causes: Sequence[Cause] = ()) -> None:
        """A line for each component whose state changed, and for each new cause."""
        for name, verdict in now.items():
            line = (
                f"{name}: {'ready' if verdict.state == 'ready' else verdict.reason} ({verdict.ready}/{verdict.desired})"
            )
            if self._last.get(name) != line:
                self._last[name] = line
                self._print(f"    {line}")
        for cause in causes:
            if cause.summary not in self._causes and cause.kind != "blocked":
                self._causes.add(cause.summary)
                # in a normal start there are several that pass by themselves: such a line is no error
                passes = cause.kind == "transient"
                self._print(f"    {cause.summary} ({cause.id})" if passes else f"    {cause.id} {cause.summary}")
        if time.monotonic() - self._last_output >= HEARTBEAT_S:
            waiting = [n for n, v in now.items() if v.state != "ready"]
            self._print(f"    still waiting for {', '.join(waiting)}")

    def close(self) -> None:
        """Does nothing: a stream of lines has no display to restore."""

    def _print(self, text: str, *, always: bool = False) -> None:
        if self._quiet and not always:
            return
        self._last_output = time.monotonic()
        print(text, file=self._stream, flush=True)
