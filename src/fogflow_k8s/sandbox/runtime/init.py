"""PID 1 of a machine of the sandbox: it prepares a file system view, then starts daemons and restarts those that end.

It runs in new net, mount, pid, uts and ipc namespaces, created by util-linux's `unshare`. Killing it is like a power
failure: the kernel ends every process of the machine, and removes its mounts, network and links with the last one.

    python -I -S init.py SPEC.json

SPEC has: name, folder (of this machine), keep (a folder that stays visible), cgroup, sysctl, disks (whether it has its
own file system view), daemons (name, argv, after: a path that must exist first).
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

_BIND, _REC, _MOVE, _SHARED = 4096, 16384, 8192, 1 << 20
_LIBC = ctypes.CDLL(None, use_errno=True)
_CGROUPS = "/sys/fs/cgroup"
_MAX_RESTART_DELAY_S = 3.0
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount a file system with the system call of that name. Raises OSError."""
    words = [word.encode() if word else None for word in (source, target, kind)]
    if _LIBC.mount(*words, flags, data.encode() if data else None):
        raise OSError(ctypes.get_errno(), f"mount {source} {target}")


def make_disks(folder: Path, keep: Path) -> None:
    """Create the machine's file system view: /sys of its network, an empty /run, a /var that survives a stop."""
    kept = os.open(keep, os.O_PATH)
    for name in ("lib/kubelet", "lib/containerd", "lib/cni", "log/pods", "log/containers", "tmp"):
        (folder / "var" / name).mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        (folder / "var/run").symlink_to("/run")
    (folder / "resolv.conf").touch()
    os.chdir(folder)
    aside = folder / "cgroups"  # a new /sys hides the cgroup tree: move it away, and back
    aside.mkdir(exist_ok=True)
    mount(_CGROUPS, str(aside), flags=_BIND | _REC)
    mount("sysfs", "/sys", "sysfs")
    mount(str(aside), _CGROUPS, flags=_MOVE)
    mount(str(folder / "resolv.conf"), os.path.realpath("/etc/resolv.conf"), flags=_BIND)
    mount(str(folder / "var"), "/var", flags=_BIND)
    mount("tmpfs", "/run", "tmpfs", data="mode=755")
    for name in ("lock", "netns", "containerd"):
        Path("/run", name).mkdir()
    if not keep.exists():  # it is below /var or /run
        keep.mkdir(parents=True)
        mount(f"/proc/self/fd/{kept}", str(keep), flags=_BIND | _REC)
    mount("none", "/", flags=_SHARED | _REC)  # for volumes with mountPropagation
    os.close(kept)


def join_cgroup(path: str) -> None:
    """Move this process into the cgroup, in every hierarchy."""
    for entry in [Path(_CGROUPS), *Path(_CGROUPS).iterdir()]:
        with contextlib.suppress(OSError):
            (entry / path / "cgroup.procs").write_text("0")


def set_sysctls(values: "dict[str, str]") -> None:
    """Set the sysctls that this kernel has; a module that is not loaded has none."""
    for name, value in values.items():
        with contextlib.suppress(OSError):
            Path("/proc/sys", name).write_text(value)


def start(daemon: "dict[str, Any]", folder: Path, path: str) -> int:
    """Start a daemon with output to its log; return its process id."""
    argv = [str(word) for word in daemon["argv"]]
    log = os.open(folder / "log" / f"{daemon['name']}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    actions = [(os.POSIX_SPAWN_DUP2, nothing, 0), (os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
    try:
        env = {**os.environ, "PATH": path}
        return os.posix_spawn(argv[0], argv, env, file_actions=actions, setpgroup=0)
    finally:
        os.close(log)
        os.close(nothing)


def supervise(daemons: "list[dict[str, Any]]", folder: Path) -> None:
    """Keep the daemons running, and reap orphaned processes, until this process is killed."""
    path = ":".join(dict.fromkeys(str(Path(d["argv"][0]).parent) for d in daemons)) + f":{_PATH}"
    running: dict[int, dict[str, Any]] = {}
    due = [(0.0, daemon) for daemon in daemons]
    failures: dict[str, int] = {}
    while True:
        now, later = time.monotonic(), []
        for when, daemon in due:
            after = daemon.get("after")
            if when > now or (after and not Path(after).exists()):
                later.append((when, daemon))
            else:
                running[start(daemon, folder, path)] = daemon
        due = later
        with contextlib.suppress(ChildProcessError):
            while pid := os.waitpid(-1, os.WNOHANG)[0]:
                if ended := running.pop(pid, None):
                    name = str(ended["name"])
                    failures[name] = failures.get(name, 0) + 1
                    due.append((now + min(0.2 * failures[name], _MAX_RESTART_DELAY_S), ended))
        time.sleep(0.02 if due else 0.2)


def main(spec_file: str) -> None:
    """Become the machine that the file describes."""
    spec = json.loads(Path(spec_file).read_text())
    folder = Path(spec["folder"])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a machine ends by SIGKILL only
    join_cgroup(spec["cgroup"])
    socket.sethostname(spec["name"])
    if spec["disks"]:
        make_disks(folder, Path(spec["keep"]))
    set_sysctls(spec["sysctl"])
    (folder / "ready").touch()  # real.py connects the network now
    while not (folder / "go").exists():
        time.sleep(0.01)
    supervise(spec["daemons"], folder)


if __name__ == "__main__":
    main(sys.argv[1])
