"""A running `kubectl port-forward`: its local port, and whether it still reaches the pod.

kubectl chooses one pod, also for a Service, and never switches to another one. When that pod is deleted, kubectl either
exits with `lost connection to pod`, or keeps listening and fails every connection with `error forwarding port`. Without
connections it prints nothing at all. So this module reads kubectl's output, and opens a test connection at intervals.
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
_TRY_TIMEOUT_S = 5.0
_EXIT_GRACE_S = 1.0  # from kubectl's last message to its exit
_LISTENING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")
_ROUTINE = re.compile(r"(Forwarding from|Handling connection for) ")
_CONNECTION_LOST = re.compile(r"lost connection to pod|error forwarding port|error creating (error|forwarding) stream")
_PORT_IN_USE = "address already in use"
_MAX_OUTPUT_CHARS = 300  # characters of kubectl's words in an error


class ForwardFailed(ClusterError):
    """A port is not forwarded, or no longer; `code` is kubectl's exit status, 0 while kubectl was still running."""

    def __init__(self, message: str, *, code: int = 0, hint: str = "fogflow-k8s status") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class Forward:
    """A forwarded port: `port` on this machine. Raises ForwardFailed when kubectl exits before it listens."""

    def __init__(self, target: str, lines: Lines) -> None:
        """`lines` is the output of `kubectl port-forward` to `target`, stdout and stderr."""
        self._target, self._lines = target, lines
        self._output: deque[str] = deque(maxlen=5)
        self.port = self._wait_until_listening()

    def _wait_until_listening(self) -> int:
        for line in self._lines:
            if found := _LISTENING.search(line):
                return int(found[1])
            self._output.append(line.strip())
        said, code = self._last_output(), self._lines.status()
        if _PORT_IN_USE in said:
            hint = "another program listens on that port of this machine: name another one, or --port 0 for a free one"
            raise ForwardFailed(f"{self._target} is not forwarded: {said}", code=code, hint=hint)
        raise ForwardFailed(f"{self._target} cannot be reached: {said}", code=code)

    def wait_until_lost(self, path: str, on_line: Callable[[str], object]) -> ForwardFailed:
        """Wait until the connection is lost, and return the reason. Until then, `on_line` gets each message of kubectl.

        While kubectl prints nothing, `path` is requested over HTTP every TRY_EVERY_S seconds; any answer counts.
        """
        while not self._lines.ended:
            line = self._lines.read_line(TRY_EVERY_S)
            if line is None:
                if not self._lines.ended and not self._answers(path):
                    return self._lost("its pod is gone, or closes every connection")
            elif self._record(line, on_line) and _CONNECTION_LOST.search(line):
                self._drain_output(on_line)
                break
        return self._lost(self._last_output())

    def _drain_output(self, on_line: Callable[[str], object]) -> None:
        """After kubectl reported the loss, give it time to exit, so that its exit status is known."""
        end = time.monotonic() + _EXIT_GRACE_S
        while (left := end - time.monotonic()) > 0 and (line := self._lines.read_line(left)) is not None:
            self._record(line, on_line)

    def _record(self, line: str, on_line: Callable[[str], object]) -> bool:
        if _ROUTINE.match(line):
            return False
        on_line(line)
        self._output.append(line.strip())
        return True

    def _lost(self, why: str) -> ForwardFailed:
        code = self._lines.status() if self._lines.ended else 0
        return ForwardFailed(f"the connection to {self._target} is lost: {why}", code=code)

    def _answers(self, path: str) -> bool:
        """Whether the pod answers; a connection that is closed without an answer has no pod behind it."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=_TRY_TIMEOUT_S)
        try:
            connection.request("GET", path)
            connection.getresponse()
        except (TimeoutError, ConnectionRefusedError):
            return True  # slow is not lost; a kubectl that does not listen has exited, which its output shows
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
        return True

    def _last_output(self) -> str:
        return " ".join(self._output)[-_MAX_OUTPUT_CHARS:] or "kubectl gave no reason"
