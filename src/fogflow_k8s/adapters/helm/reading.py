"""Helm commands that only read: a request that broke on its way to the API server is made once more.

Helm does not repeat its requests. On a slow network, or beside a busy API server, one TLS handshake that takes more than ten
seconds would otherwise end a deploy before it has begun. Nothing is repeated that changes the cluster.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from fogflow_k8s.adapters.helm.words import problem
from fogflow_k8s.adapters.process import Child, Completed

TRIES = 3


class Reading:
    """A child that is started again, TRIES times in all, while its failures are of the network's."""

    def __init__(self, start: Callable[[], Child]) -> None:
        self._start, self._child, self._left = start, start(), TRIES - 1

    def poll(self) -> Completed | None:
        """What it left behind, or None while it runs."""
        done = self._child.poll()
        return None if done is not None and self._starts_again(done) else done

    def wait(self, timeout_s: float) -> Completed | None:
        """What it left behind, or None when it still runs after `timeout_s` seconds, all tries together."""
        end = time.monotonic() + timeout_s
        while True:
            done = self._child.wait(max(0.0, end - time.monotonic()))
            if done is None or not self._starts_again(done):
                return done

    def stop(self) -> Completed:
        """Interrupt it; what it left behind."""
        return self._child.stop()

    def kill(self) -> None:
        """End it at once."""
        self._child.kill()

    def _starts_again(self, done: Completed) -> bool:
        if not self._left or done.code <= 0:
            return False
        found = problem(done.stderr, done.stdout)
        if found is None or not found.interrupted:
            return False
        self._left -= 1
        self._child = self._start()
        return True
