"""What is known of a sandbox on disk, and the proof that a process is one of its own."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fogflow_k8s.adapters.kubernetes.client import KubeCluster
from fogflow_k8s.adapters.state_dir import state_home, write_private
from fogflow_k8s.engine.reporter import Reporter
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import FogflowError, UsageError
from fogflow_k8s.sandbox import cluster
from fogflow_k8s.sandbox.assets import RUNTIME
from fogflow_k8s.sandbox.controlplane import LOOPBACK, SIMULATED_SERVICES, Plane
from fogflow_k8s.sandbox.lock import exclusive
from fogflow_k8s.sandbox.network import Network

_LOCK_LIMIT_S = 1800.0
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_END_S = 15.0


@dataclass
class Daemon:
    """A program that we started: `started` is its start time in ticks since boot, which no later process repeats."""

    argv: list[str]
    pid: int = 0
    started: int = 0


@dataclass
class Entry:
    """What `up` put into the user's kubeconfig: enough to take exactly that out again."""

    path: str
    context: str
    server: str
    previous: str | None = None  # the current-context before ours; None when we left it alone
    created: bool = False  # the file was not there


@dataclass
class State:
    """One sandbox, as its state.json holds it."""

    name: str
    nodes: list[str]
    pods_per_node: int
    taints: dict[str, list[str]]
    boot: str = ""
    ports: dict[str, int] = field(default_factory=dict)
    daemons: dict[str, Daemon] = field(default_factory=dict)
    entry: Entry | None = None
    members: int = 1
    """Control planes."""
    real: bool = False
    network: int = 0
    """Which of the networks for real nodes."""
    ipv6: bool = False
    """Whether real nodes, their pods and Services have addresses of IPv6 only."""
    machines: dict[str, Daemon] = field(default_factory=dict)
    """PID 1 of each real node, and of the switch between them."""
    off: list[str] = field(default_factory=list)
    """Nodes whose power was cut by `sandbox node stop`."""

    @property
    def folder(self) -> Path:
        """Where everything of this sandbox lies."""
        return folder_of(self.name)

    @property
    def kubeconfig(self) -> Path:
        """Its own kubeconfig file."""
        return self.folder / "kubeconfig"

    @property
    def net(self) -> Network:
        """Its addresses, with real nodes."""
        return Network(self.network, self.ipv6)

    @property
    def plane(self) -> Plane:
        """Its control plane."""
        address, services = (self.net.host, self.net.services) if self.real else (LOOPBACK, SIMULATED_SERVICES)
        return Plane(self.folder, address, services, self.ports, self.members, self.real)

    @property
    def server(self) -> str:
        """The URL of its API server."""
        return self.plane.server

    @contextmanager
    def cluster(self) -> Iterator[KubeCluster]:
        """A connection to its API server, as its administrator."""
        connection = cluster.connect(self.folder / "pki", self.server, self.name)
        try:
            yield connection
        finally:
            connection.close()

    def save(self) -> None:
        """Write state.json in one step."""
        write_private(self.folder / "state.json", json.dumps(asdict(self), indent=1) + "\n")


def folder_of(name: str) -> Path:
    """The folder of a sandbox. Raises UsageError for a name that cannot be one."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a sandbox", hint="use lower-case letters, digits and inner dashes, at most 40"
        )
    return state_home() / "sandboxes" / name


def load(name: str) -> State | None:
    """The recorded state, or None when there is none or nobody can read it (it is then as good as absent)."""
    try:
        data = json.loads((folder_of(name) / "state.json").read_text())
        for kind in ("daemons", "machines"):
            data[kind] = {key: Daemon(**value) for key, value in data.get(kind, {}).items()}
        entry = data.pop("entry")
        return State(**data, entry=Entry(**entry) if entry else None)
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, KeyError, AttributeError):
        return None


def locked(name: str, report: Reporter) -> AbstractContextManager[None]:
    """Hold the sandbox of this name for the time of a block; another `up` or `down` of it waits."""
    lock = folder_of(name).parent / f".{name}.lock"
    return exclusive(lock, report, f"another command is at sandbox {name}; waiting for it", _LOCK_LIMIT_S)


def boot_id() -> str:
    """What tells this boot of the machine from every other; process ids mean something within one boot only."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def start_ticks(pid: int) -> int | None:
    """When a process started, in ticks since boot; None when it is gone, or dead and only not yet reaped."""
    try:
        # the second field is the program's name in parentheses and may hold anything: count from the last one
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def command_line(pid: int) -> list[str]:
    """The arguments of a process; empty when it is gone or not for us to see."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def is_ours(daemon: Daemon, boot: str, folder: Path) -> bool:
    """Whether the recorded process still runs and is the very one that we started.

    Process ids are reused: same boot, same start time and our folder in its arguments prove it together.
    """
    return (
        daemon.pid > 0
        and boot == boot_id()
        and start_ticks(daemon.pid) == daemon.started
        and mentions(command_line(daemon.pid), folder)
    )


def mentions(argv: Sequence[str], folder: Path) -> bool:
    """Whether a command line names a file within this folder."""
    return any(f"{folder}/" in argument for argument in argv[1:])


def orphan_processes(folder: Path, programs: Sequence[str]) -> list[int]:
    """Processes of ours that no record names: started in the instant before we were killed."""
    found = []
    for entry in Path("/proc").iterdir():
        argv = command_line(int(entry.name)) if entry.name.isdecimal() else []
        if argv and (Path(argv[0]).name in programs or _is_runtime(argv)) and mentions(argv, folder):
            with suppress(FileNotFoundError):  # it has ended meanwhile
                found += [int(entry.name)] if entry.stat().st_uid == os.getuid() else []
    return found


def _is_runtime(argv: Sequence[str]) -> bool:
    """Whether it is one of the programs of runtime/, or the `unshare` that started one."""
    return any(argument.startswith(f"{RUNTIME}/") for argument in argv)


def end(pids: Sequence[int]) -> None:
    """End these processes, at once: nothing they would still save is kept. Raises FogflowError when one stays."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    try:
        wait_for("the processes' end", lambda: alive(pids), lambda left: not left, timeout_s=_END_S, every_s=0.02)
    except WaitTimeout as error:
        hint = "are they stuck in the kernel? look at `ps`"
        raise FogflowError(f"processes do not end: {alive(pids)}", hint=hint) from error


def alive(pids: Sequence[int]) -> list[int]:
    """Those that still run; a child of this very process that has ended is reaped on the way."""
    for pid in pids:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    return [pid for pid in pids if start_ticks(pid) is not None]
