"""A run of the tests, and that nothing of it stays behind, whatever ended it.

What a run starts carries the run's folder in its environment, and every sandbox lies below that folder. So the end of a run, also by Ctrl-C or SIGTERM, finds all of it, and the next run finds what a killed one has left: the lock of a folder
is held as long as its run lives.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

WORK = Path(__file__).parents[1] / ".work"
RUNS = WORK / "runs"
VARIABLE = "FOGFLOW_TEST_RUN"
"""Not FOGFLOW_K8S_...: the tests take those out of the environment of the tool."""
_LOCK = ".lock"
_DOWN_S = 120
_ROUNDS, _QUIET = (
    40,
    3,
)  # one that is being ended may still start another, and a new one bears its environment a moment later


def folder() -> Path:
    """The folder of this run, in the controller and in its workers."""
    return Path(os.environ[VARIABLE])


@contextlib.contextmanager
def run() -> Iterator[Path]:
    """Clear away what killed runs have left, and begin one: its folder, which is gone afterwards, with all that was started.

    SIGTERM ends it as Ctrl-C does; while it is being cleared, neither interrupts.
    """
    RUNS.mkdir(parents=True, exist_ok=True)
    mine = RUNS / str(os.getpid())
    with (WORK / "runs.lock").open("w") as beginning:  # else another run could take ours for one that was killed
        fcntl.flock(beginning, fcntl.LOCK_EX)
        for left in RUNS.iterdir():
            if (lock := _lock(left)) is not None:
                with lock:
                    clear(left)
        lock = _lock(mine)
    assert lock is not None, f"{mine} is in use"
    os.environ[VARIABLE] = str(mine)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with lock:
        try:
            yield mine
        finally:
            before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
            try:
                clear(mine)
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)


def clear(run: Path) -> None:
    """Kill the processes of a run, take its sandboxes down, and remove its folder. What does not go is told, and kept for the next run."""
    quiet = 0
    for _ in range(_ROUNDS):
        pids = processes(run)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        quiet = 0 if pids else quiet + 1
        if quiet == _QUIET:
            break
        time.sleep(0.05)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("FOGFLOW_K8S_") or k == "FOGFLOW_K8S_CACHE"}
    left = [state for state in sandboxes(run) if not _taken_down(state, kept | {"KUBECONFIG": str(run / "kubeconfig")})]
    if left:
        print(f"sandboxes that could not be taken down, left for the next run: {left}", file=sys.stderr)
    else:
        shutil.rmtree(run, ignore_errors=True)


def _taken_down(state: Path, env: dict[str, str]) -> bool:
    argv = [sys.executable, "-m", "fogflow_k8s", "sandbox", "down", "--name", state.name]
    env = {**env, "FOGFLOW_K8S_STATE": str(state.parents[1])}
    try:
        return subprocess.run(argv, env=env, capture_output=True, timeout=_DOWN_S, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def processes(run: Path) -> list[int]:
    """The processes that were started for a run, this one left out."""
    mark, found = f"{VARIABLE}={run}".encode(), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def sandboxes(run: Path) -> Iterator[Path]:
    """The folder of each sandbox below a run's folder. Nodes' disks are large: they are not walked through."""
    for place, names, _ in os.walk(run):
        if Path(place).name == "sandboxes":
            yield from (Path(place) / name for name in names)
            names.clear()


def _lock(run: Path) -> contextlib.AbstractContextManager[object] | None:
    """The open lock of a run's folder, or None when the run lives."""
    with contextlib.suppress(OSError):
        run.mkdir(exist_ok=True)
        stream = (run / _LOCK).open("w")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            stream.close()
            return None
        return stream
    return None
