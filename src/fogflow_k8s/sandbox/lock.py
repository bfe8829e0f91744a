"""A lock file that allows one process at a time to change a sandbox or to build its programs."""

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
    """Hold a lock file during the block; `waiting` is logged while another process holds it. Raises Busy.

    The kernel releases the lock when its holder ends for any reason, so a lock file that is left over blocks no process.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("a") as stream:
        if not _try_lock(stream.fileno()):
            report.log(waiting)
            try:
                wait_for(waiting, lambda: _try_lock(stream.fileno()), bool, timeout_s=timeout_s, every_s=0.2)
            except WaitTimeout as error:
                raise Busy(
                    f"{waiting}: it did not end", hint=f"see which process holds the lock: fuser -v {path}"
                ) from error
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
