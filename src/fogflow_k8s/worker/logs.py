"""What the worker says of itself: one JSON object on a line, each about a task with its id."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any


def say(event: str, *, level: str = "info", **facts: Any) -> None:
    """Write one line to stdout. What is said never holds a password: addresses are given without the user."""
    when = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = {"time": when, "level": level, "event": event, **{k: v for k, v in facts.items() if v not in (None, "")}}
    sys.stdout.write(json.dumps(line, default=str, ensure_ascii=True) + "\n")
    sys.stdout.flush()


def warn(event: str, **facts: Any) -> None:
    """As `say`, for what somebody should look at."""
    say(event, level="warning", **facts)
