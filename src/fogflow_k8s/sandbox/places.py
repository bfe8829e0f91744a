"""What the sandbox brings along, and the lock that lets one process at a time at it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fogflow_k8s.engine.reporter import Reporter
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import Busy

MODULES = Path(__file__).parent / "modules"
INSIDE = Path(__file__).parent / "inside"
"""Programs that run as processes of their own."""


@contextmanager
def exclusive(path: Path, report: Reporter, waiting: str, timeout_s: float) -> Iterator[None]:
    """Hold a lock file for the time of the block; `waiting` is said when another process holds it. Raises Busy.

    The kernel gives the lock back however its holder ends, so a lock file that lies about means nothing.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("a") as stream:
        if not _try_lock(stream.fileno()):
            report.log(waiting)
            try:
                wait_for(waiting, lambda: _try_lock(stream.fileno()), bool, timeout_s=timeout_s, every_s=0.2)
            except WaitTimeout as error:
                raise Busy(f"{waiting}: it did not end", hint=f"is a process stuck? the lock is {path}") from error
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
