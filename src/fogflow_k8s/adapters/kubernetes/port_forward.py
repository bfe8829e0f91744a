"""`kubectl port-forward` under way: the local port, and whether it still leads anywhere.

kubectl chooses one pod, for a Service too, and never changes to another one. When that pod goes, kubectl ends with `lost
connection to pod`, or it goes on listening and fails every connection with `error forwarding port`; while nothing connects it
says nothing at all. So this module reads its words, and connects from time to time.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException

from fogflow_k8s.adapters.lines import Lines
from fogflow_k8s.errors import ClusterError

TRY_EVERY_S = 5.0
_TRY_LIMIT_S = 5.0
_END_LIMIT_S = 1.0  # between kubectl's last word and its end
_LISTENS = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")
_ROUTINE = re.compile(r"(Forwarding from|Handling connection for) ")
_DEAD = re.compile(r"lost connection to pod|error forwarding port|error creating (error|forwarding) stream")
_SHOWN = 300  # characters of kubectl's words in an error


class ForwardFailed(ClusterError):
    """A port is not forwarded, or no longer; `code` is kubectl's exit status, 0 when kubectl had not ended."""

    def __init__(self, message: str, *, code: int = 0) -> None:
        super().__init__(message, hint="fogflow-k8s status")
        self.code = code


class Forward:
    """A forwarded port: `port` on this machine. Raises ForwardFailed when kubectl ends before it listens."""

    def __init__(self, target: str, lines: Lines) -> None:
        """`lines`: what `kubectl port-forward` to `target` prints on stdout and stderr."""
        self._target, self._lines = target, lines
        self._said: deque[str] = deque(maxlen=5)
        self.port = self._begin()

    def _begin(self) -> int:
        for line in self._lines:
            if found := _LISTENS.search(line):
                return int(found[1])
            self._said.append(line.strip())
        raise ForwardFailed(f"{self._target} cannot be reached: {self._words()}", code=self._lines.status())

    def broken(self, path: str, tell: Callable[[str], object]) -> ForwardFailed:
        """Wait until the forward leads nowhere any more; why. Meanwhile `tell` gets each line that kubectl says about it.

        `path` is asked for with HTTP every TRY_EVERY_S seconds while kubectl is silent; any answer will do.
        """
        while not self._lines.ended:
            line = self._lines.within(TRY_EVERY_S)
            if line is None:
                if not self._lines.ended and not self._answers(path):
                    return self._lost("its pod is gone, or closes every connection")
            elif self._is_news(line, tell) and _DEAD.search(line):
                self._await_end(tell)
                break
        return self._lost(self._words())

    def _await_end(self, tell: Callable[[str], object]) -> None:
        """Give a kubectl that has told of the loss the time to end by itself: its exit status counts then."""
        end = time.monotonic() + _END_LIMIT_S
        while (left := end - time.monotonic()) > 0 and (line := self._lines.within(left)) is not None:
            self._is_news(line, tell)

    def _is_news(self, line: str, tell: Callable[[str], object]) -> bool:
        if _ROUTINE.match(line):
            return False
        tell(line)
        self._said.append(line.strip())
        return True

    def _lost(self, why: str) -> ForwardFailed:
        code = self._lines.status() if self._lines.ended else 0
        return ForwardFailed(f"the connection to {self._target} is lost: {why}", code=code)

    def _answers(self, path: str) -> bool:
        """Whether the other end says anything; a connection that is closed without a word has no pod behind it."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=_TRY_LIMIT_S)
        try:
            connection.request("GET", path)
            connection.getresponse()
        except (TimeoutError, ConnectionRefusedError):
            return True  # slow, which is another trouble; a kubectl that listens no longer has ended, and its output says so
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
        return True

    def _words(self) -> str:
        return " ".join(self._said)[-_SHOWN:] or "kubectl does not say why"
