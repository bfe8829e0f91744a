"""The worker's log: one JSON object per line on stdout, with the id of the task that it is about.

Every line has `time`, `level` and `event`; the other keys depend on the event. A line never contains a password: addresses
are written without the user.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any


def log(event: str, *, level: str = "info", **fields: Any) -> None:
    """Write one line; fields that are None or empty are left out."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = {"time": now, "level": level, "event": event, **{k: v for k, v in fields.items() if v not in (None, "")}}
    sys.stdout.write(json.dumps(line, default=str, ensure_ascii=True) + "\n")
    sys.stdout.flush()


def warn(event: str, **fields: Any) -> None:
    """Write one line with level `warning`."""
    log(event, level="warning", **fields)
