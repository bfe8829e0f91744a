"""Create, repair, show and remove a sandbox: `sandbox up`, `sandbox status` and `sandbox down`.

`up` has three outcomes: a running sandbox is kept, one with few dead processes is repaired, anything else is removed
and created again. A sandbox that could not be started completely is removed.
"""

from __future__ import annotations

import ipaddress
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from fogflow_k8s.adapters import known_clusters
from fogflow_k8s.engine.reporter import Reporter
from fogflow_k8s.errors import ClusterError, FogflowError, Interrupted
from fogflow_k8s.sandbox import controlplane, kubeconfig, network, node, pki, programs, real, simulated
from fogflow_k8s.sandbox.cluster import ready_nodes
from fogflow_k8s.sandbox.daemons import (
    PortTaken,
    daemons_of_node,
    kill_all,
    missing_processes,
    repair,
    running_daemons,
    running_machines,
    start_all,
)
from fogflow_k8s.sandbox.lock import exclusive
from fogflow_k8s.sandbox.state import Daemon, SandboxState, boot_id, folder_of, load_state, sandbox_lock

_SPEC_FIELDS = ("nodes", "pods_per_node", "taints", "members", "real", "ipv6")
_MAX_ATTEMPTS = 3  # another program can take a port after it was chosen


@dataclass(frozen=True)
class Status:
    """The current state of a sandbox."""

    name: str
    state: str
    """absent | running | degraded (something is dead or not ready) | stopped (recorded, but nothing runs)."""
    daemons: dict[str, bool]
    nodes: dict[str, bool]
    server: str
    context: str
    kubeconfig: str
    simulated: bool = True
    off: list[str] = field(default_factory=list)
    """Nodes that were stopped, and the daemons that were stopped with them."""


@dataclass(frozen=True)
class SandboxSpec:
    """The sandbox that `up` should create."""

    nodes: Sequence[str]
    taints: Mapping[str, Sequence[str]]
    pods_per_node: int = 110
    members: int = 1
    """Control planes."""
    real: bool = False
    ipv6: bool = False
    """Whether real nodes have IPv6 addresses only."""

    def state(self, name: str) -> SandboxState:
        """Return the record of a sandbox that does not exist yet."""
        taints = {node: list(each) for node, each in self.taints.items()}
        return SandboxState(
            name, list(self.nodes), self.pods_per_node, taints, members=self.members, real=self.real, ipv6=self.ipv6
        )


def up(name: str, report: Reporter, shape: SandboxSpec, *, switch: bool = True) -> SandboxState:
    """Create or repair a sandbox, or keep a running one, and add its context to the user's kubeconfig.

    After a failure or an interruption nothing is left behind. Raises UsageError, ConfigError, ToolMissing, FogflowError,
    Interrupted, Busy.
    """
    folder_of(name)
    target = kubeconfig.current_file()
    kubeconfig.check(target)
    if shape.real:
        node.check_machine()
    else:
        simulated.pod_network(len(shape.nodes) - 1, len(shape.nodes), shape.pods_per_node)
    try:
        paths = programs.ensure([*programs.PACKAGES, *(programs.NODE_PACKAGES if shape.real else ())], report)
    except KeyboardInterrupt as stop:
        raise Interrupted("interrupted while building; the incomplete build was removed") from stop
    wanted = shape.state(name)
    with sandbox_lock(name, report):
        if state := _reuse_running(name, paths, report):
            if any(getattr(state, each) != getattr(wanted, each) for each in _SPEC_FIELDS):
                report.warn(
                    f"its {len(state.nodes)} nodes are kept; for different nodes: fogflow-k8s sandbox down, then up"
                )
            _write_context(state, target, switch=switch)
            return state
        with _removed_on_failure(wanted, report):
            _start(wanted, paths, report)
            _write_context(wanted, target, switch=switch)
        return wanted


def down(name: str, report: Reporter) -> bool:
    """End and remove a sandbox; return whether it existed. It also removes what a crash or a reboot left behind."""
    folder = folder_of(name)
    with sandbox_lock(name, report):
        existed = folder.exists()
        if existed:
            _remove(name, load_state(name), report)
        return existed


def status(name: str) -> Status:
    """Return the current state of a sandbox, also of an absent one."""
    state, context = load_state(name), controlplane.context_name(name)
    if state is None:
        return Status(name, "absent", {}, {}, "", context, "")
    running = {key: daemon in running_daemons(state).values() for key, daemon in state.daemons.items()}
    running |= {key: machine in running_machines(state) for key, machine in state.machines.items()}
    nodes = dict.fromkeys(state.nodes, False)
    with suppress(ClusterError, OSError), state.cluster() as cluster:
        nodes = ready_nodes(cluster)
    off = [*state.off, *(each for node in state.off for each in daemons_of_node(state, node))]
    if not any(running.values()):
        state_name = "stopped"
    else:
        state_name = "running" if all(running.values()) and nodes and all(nodes.values()) else "degraded"
    return Status(name, state_name, running, nodes, state.server, context, str(state.kubeconfig), not state.real, off)


def _reuse_running(name: str, paths: Mapping[str, Path], report: Reporter) -> SandboxState | None:
    """Return the sandbox if it runs or could be repaired; otherwise remove it and return None."""
    state = load_state(name)
    if state is None or not running_daemons(state):
        if folder_of(name).exists():
            report.warn(f"sandbox {name} was not ended by `sandbox down`; removing what is left of it")
            _remove(name, state, report)
        return None
    if state.off:
        off = ", ".join(state.off)
        report.warn(f"{off}: stopped; to start it: fogflow-k8s sandbox node start {state.off[0]}")
    missing = missing_processes(state)
    if not missing:
        report.step(f"sandbox {name} is already running")
        repair(state, paths, report)
        return state
    if len(missing) * 2 <= len(state.daemons) + len(state.machines):
        report.step(f"sandbox {name} is running, but {', '.join(missing)} died: starting again")
        try:
            repair(state, paths, report)
        except FogflowError as error:
            report.warn(f"it could not be repaired: {error.message}")
        else:
            return state
    report.warn(f"most processes of sandbox {name} are dead; creating it again")
    _remove(name, state, report)
    return None


def _start(state: SandboxState, paths: Mapping[str, Path], report: Reporter) -> None:
    planes = "a control plane" if state.members == 1 else f"{state.members} control planes"
    kind = "real" if state.real else "simulated"
    nodes = f"{len(state.nodes)} {kind} node{'' if len(state.nodes) == 1 else 's'}"
    report.step(f"starting sandbox {state.name}: {planes} and {nodes}")
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        try:
            with exclusive(
                folder_of(state.name).parent / ".network.lock", report, "another sandbox is starting", 300.0
            ):
                _prepare(state, paths)
            start_all(state, paths, report)
        except PortTaken:
            if attempt == _MAX_ATTEMPTS:
                raise
            report.log("another program took one of the ports; choosing others")
            _remove(state.name, state, report)
        else:
            return


def _prepare(state: SandboxState, paths: Mapping[str, Path]) -> None:
    """Prepare what must exist before the control plane starts: the folder, and the network of real nodes."""
    folder = state.folder
    folder.mkdir(parents=True, mode=0o700)
    (folder / "log").mkdir()
    (folder / "etcd").mkdir(mode=0o700)
    state.boot, state.daemons, state.machines = boot_id(), {}, {}
    state.network = network.find_free(ipv6=state.ipv6).number if state.real else 0
    state.ports = controlplane.choose_ports(state.members, real=state.real)
    state.save()
    plane = state.control_plane
    node_addresses = {name: state.net.node(index) for index, name in enumerate(state.nodes)} if state.real else None
    services = str(next(ipaddress.ip_network(plane.services).hosts()))
    pki.write_pki(folder / "pki", [plane.address, services], node_addresses)
    controlplane.write_kubeconfigs(plane)
    if state.members > 1:
        controlplane.write_load_balancer(plane)
    if state.real:
        real.prepare(state, paths)
        real.make_network(state)
    else:
        simulated.write_stages(folder)
    state.daemons = {name: Daemon(argv) for name, argv in controlplane.command_lines(plane, paths).items()}
    state.save()


def _write_context(state: SandboxState, target: Path, *, switch: bool) -> None:
    context = controlplane.context_name(state.name)
    if state.entry and state.entry.path == str(target):
        known = state.entry
    else:
        known = None
        if state.entry:
            kubeconfig.remove(state.entry)  # it was started with another KUBECONFIG
    own = controlplane.kubeconfig(state.folder / "pki", state.server, "admin", context)
    entry = kubeconfig.add(target, context, own, switch=switch)
    if known:  # the first record has the state before the sandbox
        entry.created = known.created
        entry.previous = entry.previous or known.previous
    state.entry = entry
    state.save()


def _remove(name: str, state: SandboxState | None, report: Reporter) -> None:
    """End every process of the sandbox, remove its context, then its folder."""
    kill_all(name, state)
    if state and state.ports:
        with suppress(OSError):  # the next sandbox of this name is a new cluster, which `deploy` must not refuse
            known_clusters.forget_server(state.server)
    if state and state.entry:
        try:
            kubeconfig.remove(state.entry)
        except FogflowError as error:
            report.warn(f"the context {state.entry.context} is still in {state.entry.path}: {error.message}")
    if state and state.real and (left := real.remove_leftovers(state)):
        report.warn(f"these cgroups could not be removed: {', '.join(left)}")
    shutil.rmtree(folder_of(name), ignore_errors=True)
    if folder_of(name).exists():
        raise FogflowError(
            f"{folder_of(name)} cannot be removed", hint="no process uses it; remove it: rm -r {folder_of(name)}"
        )


@contextmanager
def _removed_on_failure(state: SandboxState, report: Reporter) -> Iterator[None]:
    """Remove the sandbox when the block fails; Ctrl-C becomes Interrupted."""
    try:
        yield
    except KeyboardInterrupt as stop:
        _remove(state.name, state, report)
        raise Interrupted(f"interrupted; nothing of sandbox {state.name} is left running") from stop
    except BaseException:
        _remove(state.name, state, report)
        raise
