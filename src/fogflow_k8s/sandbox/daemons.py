"""Start a sandbox's daemons, wait until the cluster is usable, and end exactly these processes.

A daemon that exits during the start is started again a few times, because several depend on the API server. Processes
are ended only when state.py proves that they belong to the sandbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fogflow_k8s.adapters.kubernetes.client import KubeCluster
from fogflow_k8s.adapters.kubernetes.paths import path_of
from fogflow_k8s.adapters.process import spawn_daemon
from fogflow_k8s.engine.reporter import Reporter
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import ClusterError, FogflowError
from fogflow_k8s.sandbox import controlplane, real, simulated
from fogflow_k8s.sandbox.cluster import is_ready, ready_nodes
from fogflow_k8s.sandbox.state import Daemon, SandboxState, folder_of, is_ours, kill, orphan_processes, start_ticks

READY_S = 180.0  # 6 s is usual; a machine that runs a build needs longer
_MAX_CLIENT_RESTARTS = 8  # clients of the API server may exit a few times before it is ready
_CLIENTS = ("controller-manager", "scheduler", "kwok")
_PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "crane")


class PortTaken(FogflowError):
    """Another program took a port that was free a moment before."""


def running_daemons(state: SandboxState) -> dict[str, Daemon]:
    """Return the daemons that run and provably belong to the sandbox."""
    return {name: it for name, it in state.daemons.items() if is_ours(it, state.boot, state.folder)}


def running_machines(state: SandboxState) -> list[Daemon]:
    """Return the machines that run and provably belong to the sandbox."""
    return [machine for machine in state.machines.values() if is_ours(machine, state.boot, state.folder)]


def kill_all(name: str, state: SandboxState | None) -> None:
    """End every process of a sandbox: the recorded ones, and those that were started but not recorded."""
    folder = folder_of(name)
    recorded = [daemon.pid for daemon in [*running_daemons(state).values(), *running_machines(state)]] if state else []
    kill(sorted({*recorded, *orphan_processes(folder, _PROGRAMS)}))


def start_all(state: SandboxState, programs: Mapping[str, Path], report: Reporter) -> None:
    """Start everything and wait until the cluster is usable. Raises PortTaken, FogflowError (with the end of a log)."""
    for name in state.daemons:
        start_daemon(state, name)
    if state.real:  # in parallel: kubelets wait for the API server, which takes longest
        for node in state.nodes:
            real.power_on(state, node)
        real.wait_registry(state)
        real.push_images(state, programs["crane"])
    tries: dict[str, int] = {}
    with state.cluster() as cluster:
        _keep_until_ready(state, cluster, tries)
        report.log("the API server is ready")
        real.register_nodes(state, cluster) if state.real else _create_nodes(state, cluster)

        def usable() -> bool:
            _restart_dead(state, tries)
            return _is_usable(state, cluster, every_node=True) and (not state.real or real.dns_ready(cluster))

        _wait("the nodes' readiness", usable, state)
    report.log(f"{len(state.nodes)} {'real' if state.real else 'simulated'} nodes are Ready")


def repair(state: SandboxState, programs: Mapping[str, Path], report: Reporter) -> None:
    """Start what died in a running sandbox, and wait until the cluster is usable. Raises FogflowError."""
    tries: dict[str, int] = {}
    missing = missing_processes(state)
    for name in set(missing) & set(state.daemons):
        start_daemon(state, name)
    if state.real:
        for node in real.missing_machines(state):
            real.power_on(state, node)
        if "registry" in missing:
            real.wait_registry(state)
            real.push_images(state, programs["crane"])
    with state.cluster() as cluster:
        _keep_until_ready(state, cluster, tries)
        if "kwok" in missing:
            # a new kwok waits until the old one's leases expire; without the leases it takes over the nodes at once
            cluster.request("DELETE", path_of("Lease", "kube-node-lease"))
        _wait("the nodes' readiness", lambda: _is_usable(state, cluster, every_node=False), state)
    if missing:
        report.log("all processes run again")


def missing_processes(state: SandboxState) -> list[str]:
    """Return what should run and does not: daemons, and machines of real nodes."""
    off = {name for node in state.off for name in daemons_of_node(state, node)}
    return [*sorted(set(state.daemons) - set(running_daemons(state)) - off), *real.missing_machines(state)]


def daemons_of_node(state: SandboxState, node: str) -> list[str]:
    """Return the daemons of the control plane member that this node represents; empty for a worker node."""
    planes = [name for name in state.nodes if simulated.is_control_plane(name)]
    if node not in planes or planes.index(node) >= state.members:
        return []
    member = planes.index(node) + 1
    return [controlplane.member_name(name, member, state.members) for name in controlplane.MEMBER_DAEMONS]


def wait_for_api_server(state: SandboxState) -> None:
    """Wait until the API server is ready. Raises FogflowError."""
    with state.cluster() as cluster:
        _keep_until_ready(state, cluster, {})


def _keep_until_ready(state: SandboxState, cluster: KubeCluster, tries: dict[str, int]) -> None:
    def serves() -> bool:
        _restart_dead(state, tries)
        return is_ready(cluster)

    _wait("the API server's readiness", serves, state)


def start_daemon(state: SandboxState, name: str) -> None:
    """Start one daemon and record it."""
    daemon = state.daemons[name]
    log = state.folder / "log" / f"{name}.log"
    daemon.pid = spawn_daemon(daemon.argv, log=log, cwd=state.folder)
    daemon.started = start_ticks(daemon.pid) or 0
    if state.real:
        real.join_control_plane_cgroup(state, daemon.pid)
    state.save()


def _restart_dead(state: SandboxState, tries: dict[str, int]) -> None:
    """Restart daemons that exited; after a few restarts raise an error with the end of the log."""
    off = {name for node in state.off for name in daemons_of_node(state, node)}
    for name, daemon in state.daemons.items():
        if name in off or start_ticks(daemon.pid) == daemon.started:
            continue
        log = _tail(state.folder / "log" / f"{name}.log")
        if "address already in use" in log:
            raise PortTaken(
                f"{name} could not use its port: another program took it", hint="try again: fogflow-k8s sandbox up"
            )
        tries[name] = tries.get(name, 0) + 1
        if tries[name] > (_MAX_CLIENT_RESTARTS if name.rstrip("-0123456789") in _CLIENTS else 2):
            hint = "check memory and disk space: free -m; df -h"
            raise FogflowError(f"{name} exits again and again; the end of its log:\n{log}", hint=hint)
        start_daemon(state, name)


def _is_usable(state: SandboxState, cluster: KubeCluster, *, every_node: bool) -> bool:
    """Whether the cluster is usable. After a repair one Ready node is enough: a label may keep others from being Ready."""
    try:
        nodes = ready_nodes(cluster)
        ready = all(nodes.get(name) for name in state.nodes) if every_node else any(nodes.values())
        return ready and cluster.get("ServiceAccount", "default", "default") is not None
    except ClusterError:
        return False


def _create_nodes(state: SandboxState, cluster: KubeCluster) -> None:
    port = state.ports["kwok"]
    for name in state.nodes:
        taints = state.taints.get(name, [])
        pods = state.pods_per_node
        body = simulated.node_object(name, state.nodes, pods=pods, taints=taints, port=port)
        cluster.create(body)


def _wait(what: str, observe: object, state: SandboxState) -> None:
    try:
        wait_for(what, observe, bool, timeout_s=READY_S, every_s=0.1)  # type: ignore[arg-type]
    except WaitTimeout as error:
        logs = "\n".join(f"{name}: {_tail(state.folder / 'log' / f'{name}.log', 2)}" for name in state.daemons)
        raise FogflowError(
            f"{what}: not within {READY_S:g} s:\n{logs}",
            hint="check the load of this machine (uptime), and try again: fogflow-k8s sandbox up",
        ) from error


def _tail(log: Path, lines: int = 8) -> str:
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - 8192))
            return "\n".join(stream.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
