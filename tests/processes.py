"""Processes with all that is below them: what a crash, the OOM killer or an impatient user ends."""

import contextlib
import os
import signal
from pathlib import Path


def kill_tree(pid):
    """SIGKILL to a process and everything below it, also what has a session of its own."""
    stopped: list[int] = []
    while new := [each for each in (pid, *descendants(pid)) if each not in stopped]:
        signal_all(new, signal.SIGSTOP)  # so that none begins another between the look and its end
        stopped += new
    kill_all(stopped)


def kill_all(pids):
    """SIGKILL to each process that still is."""
    signal_all(pids, signal.SIGKILL)


def signal_all(pids, number):
    """A signal to each process that still is."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def descendants(pid):
    """Every process below that one."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found
