"""The folders that this program uses on this machine, and how it replaces a file in one step.

The cache holds what can be rebuilt, the state folder holds sandboxes and small records. Both follow the XDG base
directory rules, and a variable of this program overrides each.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_APP = "fogflow-k8s"
_NO_HOME = Path("/dev/null")  # not a folder, so that no file is found in it or written to it


def cache_home() -> Path:
    """Return the folder for files that can be rebuilt: $FOGFLOW_K8S_CACHE, or else by the XDG rules."""
    return _xdg_folder("FOGFLOW_K8S_CACHE", "XDG_CACHE_HOME", ".cache")


def state_home() -> Path:
    """Return the folder for state: $FOGFLOW_K8S_STATE, or else by the XDG rules."""
    return _xdg_folder("FOGFLOW_K8S_STATE", "XDG_STATE_HOME", ".local/state")


def _xdg_folder(own: str, xdg: str, default: str) -> Path:
    if given := os.environ.get(own):
        return Path(given).absolute()
    base = os.environ.get(xdg, "")
    # the XDG rules say to ignore a relative path
    return (Path(base) if Path(base).is_absolute() else home() / default) / _APP


def home() -> Path:
    """Return the user's home folder; for a user without one, a path in which no file can be found or written."""
    try:
        found = Path.home()
    except RuntimeError:  # neither $HOME nor an entry in passwd, as in many containers
        return _NO_HOME
    return found if found.is_absolute() and os.environ.get("HOME") != "" else _NO_HOME  # Python turns HOME="" into /


def write_private(path: Path, content: str | bytes, mode: int = 0o600) -> None:
    """Replace a file in one step: after a crash, a reader finds the old or the new content, never a part."""
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
