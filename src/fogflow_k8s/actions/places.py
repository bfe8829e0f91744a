"""Where this program keeps what it knows between runs: the user's state folder."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder() -> Path:
    """$FOGFLOW_K8S_STATE, else the XDG state folder's fogflow-k8s; made if absent, readable by this user alone."""
    base = os.environ.get("FOGFLOW_K8S_STATE")
    folder = (
        Path(base) if base else Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "fogflow-k8s"
    )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
