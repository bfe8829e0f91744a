"""Go programs that tests need: each module is built once on a machine, and again when one of its source files changes.

A test that builds a program for itself waits for Go's linker every time, even when Go's cache has all compiled packages.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path

from fogflow_k8s.adapters.process import SystemRunner
from fogflow_k8s.adapters.state_dir import cache_home
from fogflow_k8s.sandbox.toolchain import find_toolchain

TOOLS = cache_home() / "test-tools"
_UNUSED_S = 14 * 86400  # of an older source; another checkout may still use it
_BUILD_LIMIT_S = 550
_GO_FILES = ("go.mod", "go.sum", "*.go")


def built(module: Path, *packages: str) -> Path:
    """The folder with the programs of `packages` (names as `go build` takes them) of the Go module in the folder `module`.

    The folder's name has a digest of go.mod, go.sum and all Go files of the module. The first process that needs it builds;
    others wait for it. Builds that nobody has used for two weeks are removed.
    """
    name, digest = "-".join(module.parts[-2:]), _digest(module, packages)
    TOOLS.mkdir(parents=True, exist_ok=True)
    with (TOOLS / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = TOOLS / f"{name}-{digest}"
        if not folder.exists():
            for old in TOOLS.glob(f"{name}-*"):
                if old.stat().st_mtime < time.time() - _UNUSED_S:
                    shutil.rmtree(old)
            unfinished = TOOLS / f".{name}"
            shutil.rmtree(unfinished, ignore_errors=True)
            _build(module, packages, unfinished)
            unfinished.rename(folder)
        os.utime(folder)
    return folder


def _build(module: Path, packages: tuple[str, ...], target: Path) -> None:
    toolchain = find_toolchain(SystemRunner(), (module / "go.mod").read_text(encoding="utf-8"))
    argv = [str(toolchain.go), "build", "-mod=readonly", "-trimpath", "-ldflags=-s -w", "-o", f"{target}/", *packages]
    env = {**os.environ, **toolchain.env, "CGO_ENABLED": "0", "GOWORK": "off"}
    done = subprocess.run(
        argv, cwd=module, env=env, capture_output=True, text=True, timeout=_BUILD_LIMIT_S, check=False
    )
    assert done.returncode == 0, f"cannot build {', '.join(packages)} of {module}:\n{done.stderr}"


def _digest(module: Path, packages: tuple[str, ...]) -> str:
    digest = hashlib.sha256("\0".join(packages).encode())
    for path in sorted(path for pattern in _GO_FILES for path in module.rglob(pattern)):
        digest.update(f"\0{path.relative_to(module)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
