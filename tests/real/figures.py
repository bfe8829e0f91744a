"""Figures that the tests measure on their way; docs/reliability.md is made of them."""

import json
import os
from pathlib import Path

FILE = Path(__file__).parents[2] / ".work" / "reliability.jsonl"


def record(table, *columns):
    """Add one row to a table of this run."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    row = {"run": os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid())), "table": table, "row": [
        round(column, 1) if isinstance(column, float) else column for column in columns
    ]}  # fmt: skip
    with FILE.open("a") as stream:
        stream.write(json.dumps(row) + "\n")
