"""The cgroups of a sandbox with real nodes: one tree per sandbox, in every cgroup hierarchy of this machine.

Each node's kubelet manages the cgroups of its pods below the node's own one. With cgroup version 2 there is one
hierarchy; with version 1 there is one per controller, and every operation applies to all of them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from fogflow_k8s.engine.waiting import WaitTimeout, wait_for

_ROOT = Path("/sys/fs/cgroup")
_REMOVAL_S = 10.0


def hierarchies() -> list[Path]:
    """Return the roots: /sys/fs/cgroup itself (version 2), or one folder per controller (version 1 and hybrid)."""
    if (_ROOT / "cgroup.procs").exists():
        return [_ROOT]
    return [entry for entry in _ROOT.iterdir() if (entry / "cgroup.procs").exists()] if _ROOT.is_dir() else []


def create(path: str) -> None:
    """Create a cgroup and its parents in all hierarchies, with the controllers that a kubelet needs."""
    for root in hierarchies():
        parent = root
        for part in Path(path).parts:
            controllers = parent / "cgroup.controllers"
            if controllers.exists():  # version 2: the parent enables controllers for its children
                for name in controllers.read_text().split():
                    with suppress(OSError):
                        (parent / "cgroup.subtree_control").write_text(f"+{name}")
            folder = parent / part
            folder.mkdir(exist_ok=True)
            for file in (
                "cpuset.cpus",
                "cpuset.mems",
            ):  # in version 1 a new cpuset is empty, and no process can join it
                if (folder / file).exists() and not (folder / file).read_text().strip():
                    with suppress(OSError):
                        (folder / file).write_text((parent / file).read_text())
            parent = folder


def set_cpu_weight(path: str, weight: int) -> None:
    """Set the share of CPU time under contention; the default of a cgroup, and of a process next to it, is 100."""
    for root in hierarchies():
        for file, value in (("cpu.weight", weight), ("cpu.shares", weight * 1024 // 100)):  # version 2, version 1
            if (root / path / file).exists():
                with suppress(OSError):
                    (root / path / file).write_text(str(value))


def add_process(path: str, pid: int) -> None:
    """Move a process into a cgroup, in all hierarchies."""
    for root in hierarchies():
        with suppress(OSError):  # the caller notices a process that has ended
            (root / path / "cgroup.procs").write_text(str(pid))


def remove(path: str) -> list[str]:
    """Remove a cgroup and everything below it; return what is still there after ten seconds."""
    try:
        wait_for(path, lambda: _remove_once(path), lambda left: not left, timeout_s=_REMOVAL_S, every_s=0.05)
    except WaitTimeout:
        return _remove_once(path)
    return []


def _remove_once(path: str) -> list[str]:
    left = []
    for top in (root / path for root in hierarchies()):
        for folder, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()  # busy for some milliseconds, until its last process is reaped
        if top.exists():
            left.append(str(top))
    return left
