"""Where this program keeps things on this machine, and how a file is replaced in one step."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_APP = "fogflow-k8s"
_NOWHERE = Path("/dev/null")  # nothing can be in it, and nobody can make it a folder


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
    return (Path(base) if Path(base).is_absolute() else home() / default) / _APP


def home() -> Path:
    """The user's own folder; for a user who has none one in which nothing can be found or written."""
    try:
        found = Path.home()
    except RuntimeError:  # neither $HOME nor an entry in passwd, as in many containers
        return _NOWHERE
    return found if found.is_absolute() and os.environ.get("HOME") != "" else _NOWHERE  # for "" Python says /


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
