"""Read the output of a running program line by line, optionally with a time limit for the next line.

`kubectl logs` and `kubectl port-forward` run for a long time; their callers need each line when it appears, and must
notice when none appears.
"""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Callable
from typing import Self

_CHUNK = 65_536


class Lines:
    """The lines that a program prints, each with its line end. Iteration ends when the program closes its output."""

    def __init__(self, descriptor: int, wait: Callable[[], int]) -> None:
        """`descriptor` is the pipe to read. `wait` blocks until the program ends and returns its exit status."""
        self._descriptor, self._wait = descriptor, wait
        self._ready: deque[bytes] = deque()
        self._partial = b""
        self._closed = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self.read_line(None)
        if line is None:
            raise StopIteration
        return line

    def read_line(self, timeout_s: float | None) -> str | None:
        """Return the next line; None after `timeout_s` seconds without one (None: no limit), or when no more will come."""
        while not self._ready and not self._closed:
            if not select.select([self._descriptor], [], [], timeout_s)[0]:
                return None
            self._feed(os.read(self._descriptor, _CHUNK))
        return self._ready.popleft().decode(errors="replace") if self._ready else None

    @property
    def ended(self) -> bool:
        """Whether the program closed its output and every line was read."""
        return self._closed and not self._ready

    def status(self) -> int:
        """Return the exit status after the program ended, like a shell: 128 plus the signal's number when a signal ended it."""
        code = self._wait()
        return code if code >= 0 else 128 - code

    def _feed(self, chunk: bytes) -> None:
        lines = (self._partial + chunk).split(b"\n")
        self._partial = lines.pop()
        self._ready.extend(line + b"\n" for line in lines)
        if not chunk:
            self._closed = True
            if self._partial:
                self._ready.append(self._partial)
