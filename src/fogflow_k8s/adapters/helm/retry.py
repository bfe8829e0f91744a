"""Retry helm commands that only read, when their request broke on the way to the API server.

Helm itself does not retry. On a slow network, or with a busy API server, one TLS handshake of more than ten seconds
would otherwise end a deploy before it starts. Commands that change the cluster are never repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from fogflow_k8s.adapters.process import Child, Completed

MAX_TRIES = 3


class RetryingChild:
    """A child that is started again after a network failure, at most MAX_TRIES times in total."""

    def __init__(self, start: Callable[[], Child]) -> None:
        self._start, self._child, self._retries_left = start, start(), MAX_TRIES - 1

    def poll(self) -> Completed | None:
        """Return its result, or None while it runs."""
        done = self._child.poll()
        return None if done is not None and self._restarted(done) else done

    def wait(self, timeout_s: float) -> Completed | None:
        """Return its result, or None when it still runs after `timeout_s` seconds, all tries together."""
        end = time.monotonic() + timeout_s
        while True:
            done = self._child.wait(max(0.0, end - time.monotonic()))
            if done is None or not self._restarted(done):
                return done

    def stop(self) -> Completed:
        """Interrupt it; return its result."""
        return self._child.stop()

    def kill(self) -> None:
        """Kill it at once."""
        self._child.kill()

    def _restarted(self, done: Completed) -> bool:
        if not self._retries_left or done.code <= 0:
            return False
        from fogflow_k8s.adapters.helm.messages import parse_problem  # as in errors.classify

        found = parse_problem(done.stderr, done.stdout)
        if found is None or not found.interrupted:
            return False
        self._retries_left -= 1
        self._child = self._start()
        return True
