"""Paths of files in this package: the Go modules of the sandbox's programs, and Python programs that it runs."""

from __future__ import annotations

from pathlib import Path

MODULES = Path(__file__).parent / "modules"
RUNTIME = Path(__file__).parent / "runtime"
