"""Files of this package that a sandbox uses: the Go modules of its programs, and programs of our own."""

from __future__ import annotations

from pathlib import Path

MODULES = Path(__file__).parent / "modules"
RUNTIME = Path(__file__).parent / "runtime"
