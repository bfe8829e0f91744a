"""The cgroups of a sandbox's machines: one tree per sandbox, in every hierarchy that this machine has."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from fogflow_k8s.engine.waiting import WaitTimeout, wait_for

_ROOT = Path("/sys/fs/cgroup")
_REMOVAL_S = 10.0


def hierarchies() -> list[Path]:
    """The roots: /sys/fs/cgroup itself (version 2), or one folder for each controller (version 1 and hybrid)."""
    if (_ROOT / "cgroup.procs").exists():
        return [_ROOT]
    return [entry for entry in _ROOT.iterdir() if (entry / "cgroup.procs").exists()] if _ROOT.is_dir() else []


def make(path: str) -> None:
    """Make a cgroup and its parents, everywhere, with the controllers that a kubelet wants."""
    for root in hierarchies():
        parent = root
        for part in Path(path).parts:
            controllers = parent / "cgroup.controllers"
            if controllers.exists():  # version 2: children have what the parent hands down
                for name in controllers.read_text().split():
                    with suppress(OSError):
                        (parent / "cgroup.subtree_control").write_text(f"+{name}")
            folder = parent / part
            folder.mkdir(exist_ok=True)
            for file in ("cpuset.cpus", "cpuset.mems"):  # in version 1 a cpuset starts empty and unusable
                if (folder / file).exists() and not (folder / file).read_text().strip():
                    with suppress(OSError):
                        (folder / file).write_text((parent / file).read_text())
            parent = folder


def weigh(path: str, weight: int) -> None:
    """Its part of the CPU where there is too little of it; a cgroup has 100 otherwise, and so has a process beside it."""
    for root in hierarchies():
        for file, value in (("cpu.weight", weight), ("cpu.shares", weight * 1024 // 100)):  # version 2, version 1
            if (root / path / file).exists():
                with suppress(OSError):
                    (root / path / file).write_text(str(value))


def join(path: str, pid: int) -> None:
    """Put a process into a cgroup, everywhere."""
    for root in hierarchies():
        with suppress(OSError):  # one that has ended already is somebody else's news
            (root / path / "cgroup.procs").write_text(str(pid))


def remove(path: str) -> list[str]:
    """Remove a cgroup with all below it; what could not be removed within ten seconds."""
    try:
        wait_for(path, lambda: _remove(path), lambda left: not left, timeout_s=_REMOVAL_S, every_s=0.05)
    except WaitTimeout:
        return _remove(path)
    return []


def _remove(path: str) -> list[str]:
    left = []
    for top in (root / path for root in hierarchies()):
        for folder, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()  # a process that is not reaped yet keeps it for some milliseconds
        if top.exists():
            left.append(str(top))
    return left
