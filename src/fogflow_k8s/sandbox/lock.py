"""A lock file that lets one process at a time change a sandbox or build its programs."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fogflow_k8s.engine.reporter import Reporter
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import Busy


@contextmanager
def exclusive(path: Path, report: Reporter, waiting: str, timeout_s: float) -> Iterator[None]:
    """Hold a lock file for the time of the block; `waiting` is logged when another process holds it. Raises Busy.

    The kernel releases the lock when its holder ends, however that happens: a lock file that is left over blocks nobody.
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
