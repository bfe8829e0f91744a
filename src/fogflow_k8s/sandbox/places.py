"""Where the sandbox keeps things: folders, locks, and files that only their owner can read."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fogflow_k8s.engine.reporter import Reporter
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import Busy

MODULES = Path(__file__).parent / "modules"
_APP = "fogflow-k8s"


def cache_home() -> Path:
    """The folder of what can be made again: $FOGFLOW_K8S_CACHE, else by the XDG rules."""
    return _home("FOGFLOW_K8S_CACHE", "XDG_CACHE_HOME", ".cache")


def state_home() -> Path:
    """The folder of what runs: $FOGFLOW_K8S_STATE, else by the XDG rules."""
    return _home("FOGFLOW_K8S_STATE", "XDG_STATE_HOME", ".local/state")


def _home(own: str, xdg: str, default: str) -> Path:
    if given := os.environ.get(own):
        return Path(given).absolute()
    base = os.environ.get(xdg, "")
    # the XDG rules say that a relative path is to be ignored
    return (Path(base) if Path(base).is_absolute() else Path.home() / default) / _APP


def write_private(path: Path, content: str | bytes, mode: int = 0o600) -> None:
    """Replace a file in one step: a reader (or a crash) meets the old or the new content, never a part."""
    data = content.encode() if isinstance(content, str) else content
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


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
