"""The record of a sandbox on disk, and the proof that a running process belongs to it.

`sandbox down` kills processes by id, and ids are reused. A process belongs to a sandbox only when the boot, the start
time and the command line match the record.
"""

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
from fogflow_k8s.sandbox.controlplane import LOOPBACK, SIMULATED_SERVICES, ControlPlane
from fogflow_k8s.sandbox.lock import exclusive
from fogflow_k8s.sandbox.network import Network

_LOCK_LIMIT_S = 1800.0
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_END_S = 15.0


@dataclass
class Daemon:
    """A started program. `started` is its start time in ticks since boot, which no later process repeats."""

    argv: list[str]
    pid: int = 0
    started: int = 0


@dataclass
class KubeconfigEntry:
    """What `up` added to the user's kubeconfig: enough to remove exactly that."""

    path: str
    context: str
    server: str
    previous: str | None = None  # the current-context before; None when `up` did not change it
    created: bool = False  # `up` created the file


@dataclass
class SandboxState:
    """One sandbox; state.json has these fields."""

    name: str
    nodes: list[str]
    pods_per_node: int
    taints: dict[str, list[str]]
    boot: str = ""
    ports: dict[str, int] = field(default_factory=dict)
    daemons: dict[str, Daemon] = field(default_factory=dict)
    entry: KubeconfigEntry | None = None
    members: int = 1
    """Control planes."""
    real: bool = False
    network: int = 0
    """The number of its network, with real nodes."""
    ipv6: bool = False
    """Whether real nodes, their pods and Services have IPv6 addresses only."""
    machines: dict[str, Daemon] = field(default_factory=dict)
    """PID 1 of each real node, and of the switch between them."""
    off: list[str] = field(default_factory=list)
    """Nodes that were stopped by `sandbox node stop`."""

    @property
    def folder(self) -> Path:
        """The folder with everything of this sandbox."""
        return folder_of(self.name)

    @property
    def kubeconfig(self) -> Path:
        """The path of its own kubeconfig."""
        return self.folder / "kubeconfig"

    @property
    def net(self) -> Network:
        """Its network, with real nodes."""
        return Network(self.network, self.ipv6)

    @property
    def control_plane(self) -> ControlPlane:
        """Its control plane."""
        address, services = (self.net.host, self.net.services) if self.real else (LOOPBACK, SIMULATED_SERVICES)
        return ControlPlane(self.folder, address, services, self.ports, self.members, self.real)

    @property
    def server(self) -> str:
        """The URL of its API server."""
        return self.control_plane.server

    @contextmanager
    def cluster(self) -> Iterator[KubeCluster]:
        """Yield a client of its API server, as its administrator."""
        connection = cluster.connect(self.folder / "pki", self.server, self.name)
        try:
            yield connection
        finally:
            connection.close()

    def save(self) -> None:
        """Write state.json in one step."""
        write_private(self.folder / "state.json", json.dumps(asdict(self), indent=1) + "\n")


def folder_of(name: str) -> Path:
    """Return the folder of a sandbox. Raises UsageError for an invalid name."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a valid name of a sandbox",
            hint="use at most 40 lower-case letters, digits and dashes; a dash not at the start or end",
        )
    return state_home() / "sandboxes" / name


def load_state(name: str) -> SandboxState | None:
    """Return the recorded state; None when there is no readable record, which is treated like an absent sandbox."""
    try:
        data = json.loads((folder_of(name) / "state.json").read_text())
        for kind in ("daemons", "machines"):
            data[kind] = {key: Daemon(**value) for key, value in data.get(kind, {}).items()}
        entry = data.pop("entry")
        return SandboxState(**data, entry=KubeconfigEntry(**entry) if entry else None)
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, KeyError, AttributeError):
        return None


def other_names(name: str) -> list[str]:
    """The other sandboxes that there are, started or not."""
    return sorted({found.parent.name for found in folder_of(name).parent.glob("*/state.json")} - {name})


def absence_hint(name: str, *, real: bool = False) -> str:
    """The next command where there is no sandbox of that name: another name, or one that starts it."""
    up = f"fogflow-k8s sandbox up{' --real' * real}{'' if name == 'default' else f' --name {name}'}"
    others = other_names(name)
    return f"choose one that exists ({', '.join(others)}), or start it: {up}" if others else up


def sandbox_lock(name: str, report: Reporter) -> AbstractContextManager[None]:
    """Lock the sandbox of this name during a block; another `up` or `down` of it waits."""
    lock = folder_of(name).parent / f".{name}.lock"
    return exclusive(lock, report, f"another command changes sandbox {name}; waiting for it", _LOCK_LIMIT_S)


def boot_id() -> str:
    """Return the id of this boot; process ids are meaningful within one boot only."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def start_ticks(pid: int) -> int | None:
    """Return a process's start time in ticks since boot; None when it does not exist or is a zombie."""
    try:
        # the second field is the program's name in parentheses and may contain anything: split at the last parenthesis
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def command_line(pid: int) -> list[str]:
    """Return the arguments of a process; empty when it does not exist or belongs to another user."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def is_ours(daemon: Daemon, boot: str, folder: Path) -> bool:
    """Whether the recorded process still runs and is the one that was started.

    Process ids are reused: the same boot, the same start time and the sandbox's folder in its arguments prove it together.
    """
    return (
        daemon.pid > 0
        and boot == boot_id()
        and start_ticks(daemon.pid) == daemon.started
        and names_file_in(command_line(daemon.pid), folder)
    )


def names_file_in(argv: Sequence[str], folder: Path) -> bool:
    """Whether a command line contains a path in this folder."""
    return any(f"{folder}/" in argument for argument in argv[1:])


def orphan_processes(folder: Path, programs: Sequence[str]) -> list[int]:
    """Return processes of the sandbox that are not recorded: this program was killed between starting and recording them."""
    found = []
    for entry in Path("/proc").iterdir():
        argv = command_line(int(entry.name)) if entry.name.isdecimal() else []
        if argv and (Path(argv[0]).name in programs or _is_runtime(argv)) and names_file_in(argv, folder):
            with suppress(FileNotFoundError):  # it ended in between
                found += [int(entry.name)] if entry.stat().st_uid == os.getuid() else []
    return found


def _is_runtime(argv: Sequence[str]) -> bool:
    """Whether the process is a program of runtime/, or the `unshare` that started one."""
    return any(argument.startswith(f"{RUNTIME}/") for argument in argv)


def kill(pids: Sequence[int]) -> None:
    """Kill these processes with SIGKILL; nothing that they could still save is needed. Raises FogflowError when one stays."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    try:
        wait_for(
            "the processes' end", lambda: still_running(pids), lambda left: not left, timeout_s=_END_S, every_s=0.02
        )
    except WaitTimeout as error:
        hint = "see what they wait for: ps -o pid,stat,wchan,args"
        raise FogflowError(f"processes do not end: {still_running(pids)}", hint=hint) from error


def still_running(pids: Sequence[int]) -> list[int]:
    """Return those that still run; an ended child of this process is reaped on the way."""
    for pid in pids:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    return [pid for pid in pids if start_ticks(pid) is not None]
