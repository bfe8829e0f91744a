"""Up, down and status of a sandbox."""

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
from fogflow_k8s.sandbox.daemons import PortTaken, bring_up, dead, end_all, live, live_machines, of_node, settle
from fogflow_k8s.sandbox.lock import exclusive
from fogflow_k8s.sandbox.state import Daemon, State, boot_id, folder_of, load, locked

_SHAPE = ("nodes", "pods_per_node", "taints", "members", "real", "ipv6")
_ATTEMPTS = 3  # another program can take a port between our choice and our use of it


@dataclass(frozen=True)
class Status:
    """What is true of a sandbox now."""

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
    """Nodes without power, and the daemons that went with them."""


@dataclass(frozen=True)
class Shape:
    """The sandbox that `up` is to make."""

    nodes: Sequence[str]
    taints: Mapping[str, Sequence[str]]
    pods_per_node: int = 110
    members: int = 1
    """Control planes."""
    real: bool = False
    ipv6: bool = False
    """Real nodes with addresses of IPv6 only."""

    def state(self, name: str) -> State:
        """Of a sandbox that does not exist yet."""
        taints = {node: list(each) for node, each in self.taints.items()}
        return State(
            name, list(self.nodes), self.pods_per_node, taints, members=self.members, real=self.real, ipv6=self.ipv6
        )


def up(name: str, report: Reporter, shape: Shape, *, switch: bool = True) -> State:
    """The running sandbox, made, mended or found; its context is in the kubeconfig in force.

    Nothing stays behind when it fails or is interrupted. Raises UsageError, ConfigError, ToolMissing, FogflowError,
    Interrupted, Busy.
    """
    folder_of(name)
    target = kubeconfig.file_in_force()
    kubeconfig.check(target)
    if shape.real:
        node.check_machine()
    else:
        simulated.pod_network(len(shape.nodes) - 1, len(shape.nodes), shape.pods_per_node)
    try:
        paths = programs.ensure([*programs.PACKAGES, *(programs.NODE_PACKAGES if shape.real else ())], report)
    except KeyboardInterrupt as stop:
        raise Interrupted("interrupted while building; what was half built is gone") from stop
    wanted = shape.state(name)
    with locked(name, report):
        if state := _running(name, paths, report):
            if any(getattr(state, each) != getattr(wanted, each) for each in _SHAPE):
                report.warn(
                    f"its {len(state.nodes)} nodes stay as they were made; for others: fogflow-k8s sandbox down, then up"
                )
            _enter_context(state, target, switch=switch)
            return state
        with _cleared_on_failure(wanted, report):
            _start(wanted, paths, report)
            _enter_context(wanted, target, switch=switch)
        return wanted


def down(name: str, report: Reporter) -> bool:
    """End and remove a sandbox; whether there was one. Works on what a crash or a reboot left, and twice."""
    folder = folder_of(name)
    with locked(name, report):
        existed = folder.exists()
        if existed:
            _clear(name, load(name), report)
        return existed


def status(name: str) -> Status:
    """What is true of the sandbox now; an absent one is a status too."""
    state, context = load(name), controlplane.context_name(name)
    if state is None:
        return Status(name, "absent", {}, {}, "", context, "")
    running = {key: daemon in live(state).values() for key, daemon in state.daemons.items()}
    running |= {key: machine in live_machines(state) for key, machine in state.machines.items()}
    nodes = dict.fromkeys(state.nodes, False)
    with suppress(ClusterError, OSError), state.cluster() as cluster:
        nodes = ready_nodes(cluster)
    off = [*state.off, *(each for node in state.off for each in of_node(state, node))]
    if not any(running.values()):
        word = "stopped"
    else:
        word = "running" if all(running.values()) and nodes and all(nodes.values()) else "degraded"
    return Status(name, word, running, nodes, state.server, context, str(state.kubeconfig), not state.real, off)


def _running(name: str, paths: Mapping[str, Path], report: Reporter) -> State | None:
    """The sandbox when it runs or could be mended; None after clearing away what is beyond that."""
    state = load(name)
    if state is None or not live(state):
        if folder_of(name).exists():
            report.warn(f"sandbox {name} was not ended by `sandbox down`; clearing away what is left of it")
            _clear(name, state, report)
        return None
    if state.off:
        off = ", ".join(state.off)
        report.warn(f"{off}: the power is off; on again: fogflow-k8s sandbox node start {state.off[0]}")
    missing = dead(state)
    if not missing:
        report.step(f"sandbox {name} is up already")
        settle(state, paths, report)
        return state
    if len(missing) * 2 <= len(state.daemons) + len(state.machines):
        report.step(f"sandbox {name} is up, but {', '.join(missing)} died: starting again")
        try:
            settle(state, paths, report)
        except FogflowError as error:
            report.warn(f"it could not be mended: {error.message}")
        else:
            return state
    report.warn(f"most of sandbox {name} is dead; starting anew")
    _clear(name, state, report)
    return None


def _start(state: State, paths: Mapping[str, Path], report: Reporter) -> None:
    planes = "a control plane" if state.members == 1 else f"{state.members} control planes"
    kind = "real" if state.real else "simulated"
    report.step(f"starting sandbox {state.name}: {planes} and {len(state.nodes)} {kind} nodes")
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with exclusive(
                folder_of(state.name).parent / ".network.lock", report, "another sandbox is starting", 300.0
            ):
                _prepare(state, paths)
            bring_up(state, paths, report)
        except PortTaken:
            if attempt == _ATTEMPTS:
                raise
            report.log("another program took one of the ports; choosing others")
            _clear(state.name, state, report)
        else:
            return


def _prepare(state: State, paths: Mapping[str, Path]) -> None:
    """Everything a sandbox has before its control plane starts: its folder, and with real nodes its network."""
    folder = state.folder
    folder.mkdir(parents=True, mode=0o700)
    (folder / "log").mkdir()
    (folder / "etcd").mkdir(mode=0o700)
    state.boot, state.daemons, state.machines = boot_id(), {}, {}
    state.network = network.free(ipv6=state.ipv6).number if state.real else 0
    state.ports = controlplane.ports(state.members, real=state.real)
    state.save()
    plane = state.plane
    places = {name: state.net.node(place) for place, name in enumerate(state.nodes)} if state.real else None
    services = str(next(ipaddress.ip_network(plane.services).hosts()))
    pki.write_pki(folder / "pki", [plane.address, services], places)
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


def _enter_context(state: State, target: Path, *, switch: bool) -> None:
    context = controlplane.context_name(state.name)
    if state.entry and state.entry.path == str(target):
        known = state.entry
    else:
        known = None
        if state.entry:
            kubeconfig.remove(state.entry)  # it was brought up under another KUBECONFIG
    own = controlplane.kubeconfig(state.folder / "pki", state.server, "admin", context)
    entry = kubeconfig.add(target, context, own, switch=switch)
    if known:  # the oldest record knows what there was before us
        entry.created = known.created
        entry.previous = entry.previous or known.previous
    state.entry = entry
    state.save()


def _clear(name: str, state: State | None, report: Reporter) -> None:
    """End every process of this sandbox, take our context out, remove the folder: in this order."""
    end_all(name, state)
    if state and state.ports:
        with suppress(OSError):  # a sandbox of the same name is a new cluster, and `deploy` shall not refuse it
            known_clusters.forget_server(state.server)
    if state and state.entry:
        try:
            kubeconfig.remove(state.entry)
        except FogflowError as error:
            report.warn(f"the context {state.entry.context} is still in {state.entry.path}: {error.message}")
    if state and state.real and (left := real.clear(state)):
        report.warn(f"cgroups that could not be removed: {', '.join(left)}")
    shutil.rmtree(folder_of(name), ignore_errors=True)
    if folder_of(name).exists():
        raise FogflowError(f"{folder_of(name)} cannot be removed", hint="remove it by hand; no process uses it")


@contextmanager
def _cleared_on_failure(state: State, report: Reporter) -> Iterator[None]:
    """End what was started when the block fails; a Ctrl-C becomes Interrupted, which says so."""
    try:
        yield
    except KeyboardInterrupt as stop:
        _clear(state.name, state, report)
        raise Interrupted(f"interrupted; nothing of sandbox {state.name} is left running") from stop
    except BaseException:
        _clear(state.name, state, report)
        raise
