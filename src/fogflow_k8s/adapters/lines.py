"""Lines of a program that still runs: one after another, or with a limit to the time that the next one may take."""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Callable
from typing import Self

_CHUNK = 65_536


class Lines:
    """What a program prints, line by line with its line end; iterating ends once the program closes its output."""

    def __init__(self, descriptor: int, wait: Callable[[], int]) -> None:
        """`descriptor`: where to read. `wait`: waits for the program's end and returns its exit status."""
        self._descriptor, self._wait = descriptor, wait
        self._ready: deque[bytes] = deque()
        self._rest = b""
        self._closed = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self.within(None)
        if line is None:
            raise StopIteration
        return line

    def within(self, timeout_s: float | None) -> str | None:
        """The next line; None when there is none within `timeout_s` seconds (None: without limit) or no more will come."""
        while not self._ready and not self._closed:
            if not select.select([self._descriptor], [], [], timeout_s)[0]:
                return None
            self._take(os.read(self._descriptor, _CHUNK))
        return self._ready.popleft().decode(errors="replace") if self._ready else None

    @property
    def ended(self) -> bool:
        """Whether the program has closed its output and every line of it was taken."""
        return self._closed and not self._ready

    def status(self) -> int:
        """The program's exit status once it has ended, as a shell counts it: 128 and the signal's number when one ended it."""
        code = self._wait()
        return code if code >= 0 else 128 - code

    def _take(self, chunk: bytes) -> None:
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        self._ready.extend(line + b"\n" for line in lines)
        if not chunk:
            self._closed = True
            if self._rest:
                self._ready.append(self._rest)
