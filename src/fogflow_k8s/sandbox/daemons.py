"""Starting the daemons of a sandbox, waiting until they serve, and ending exactly those."""

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
from fogflow_k8s.sandbox.state import Daemon, State, end, folder_of, is_ours, orphan_processes, start_ticks

READY_S = 180.0  # 6 s is usual; a machine that is busy with a build takes its time
_PATIENCE = 8  # a daemon may give up a few times before the API server is there
_OF_CLIENTS = ("controller-manager", "scheduler", "kwok")
_PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "crane")


class PortTaken(FogflowError):
    """A port that was free a moment ago is another program's."""


def live(state: State) -> dict[str, Daemon]:
    """The daemons that run and are provably ours."""
    return {name: it for name, it in state.daemons.items() if is_ours(it, state.boot, state.folder)}


def live_machines(state: State) -> list[Daemon]:
    """The machines that run and are provably ours."""
    return [machine for machine in state.machines.values() if is_ours(machine, state.boot, state.folder)]


def end_all(name: str, state: State | None) -> None:
    """End every process of a sandbox: the recorded ones that are provably ours, and any the record missed."""
    folder = folder_of(name)
    recorded = [daemon.pid for daemon in [*live(state).values(), *live_machines(state)]] if state else []
    end(sorted({*recorded, *orphan_processes(folder, _PROGRAMS)}))


def bring_up(state: State, programs: Mapping[str, Path], report: Reporter) -> None:
    """Start everything and wait until it can be used. Raises PortTaken, FogflowError (with the end of a log)."""
    for name in state.daemons:
        spawn(state, name)
    if state.real:  # all at once: kubelets wait for the API server, and it takes longest
        for node in state.nodes:
            real.power_on(state, node)
        real.wait_registry(state)
        real.push_images(state, programs["crane"])
    tries: dict[str, int] = {}
    with state.cluster() as cluster:
        _serve(state, cluster, tries)
        report.log("the API server is ready")
        real.join(state, cluster) if state.real else _create_nodes(state, cluster)

        def usable() -> bool:
            _respawn_dead(state, tries)
            return _usable(state, cluster, every_node=True) and (not state.real or real.dns_ready(cluster))

        _wait("the nodes' readiness", usable, state)
    report.log(f"{len(state.nodes)} {'real' if state.real else 'simulated'} nodes are Ready")


def settle(state: State, programs: Mapping[str, Path], report: Reporter) -> None:
    """Start what died in a running sandbox again, and wait until it can be used. Raises FogflowError."""
    tries: dict[str, int] = {}
    missing = dead(state)
    for name in set(missing) & set(state.daemons):
        spawn(state, name)
    if state.real:
        for node in real.dead(state):
            real.power_on(state, node)
        if "registry" in missing:
            real.wait_registry(state)
            real.push_images(state, programs["crane"])
    with state.cluster() as cluster:
        _serve(state, cluster, tries)
        if "kwok" in missing:
            # a new kwok waits until the old one's leases have run out; without them it takes the nodes at once
            cluster.request("DELETE", path_of("Lease", "kube-node-lease"))
        _wait("the nodes' readiness", lambda: _usable(state, cluster, every_node=False), state)
    if missing:
        report.log("everything runs again")


def dead(state: State) -> list[str]:
    """What should run and does not: daemons, and machines of real nodes."""
    off = {name for node in state.off for name in of_node(state, node)}
    return [*sorted(set(state.daemons) - set(live(state)) - off), *real.dead(state)]


def of_node(state: State, node: str) -> list[str]:
    """The daemons of the control plane that this node stands for; none for a worker."""
    planes = [name for name in state.nodes if simulated.is_control_plane(name)]
    if node not in planes or planes.index(node) >= state.members:
        return []
    member = planes.index(node) + 1
    return [controlplane.of_member(name, member, state.members) for name in controlplane.OF_MEMBER]


def await_server(state: State) -> None:
    """Until the API server is ready. Raises FogflowError."""
    with state.cluster() as cluster:
        _serve(state, cluster, {})


def _serve(state: State, cluster: KubeCluster, tries: dict[str, int]) -> None:
    def serves() -> bool:
        _respawn_dead(state, tries)
        return is_ready(cluster)

    _wait("the API server's readiness", serves, state)


def spawn(state: State, name: str) -> None:
    """Start one daemon and record it."""
    daemon = state.daemons[name]
    log = state.folder / "log" / f"{name}.log"
    daemon.pid = spawn_daemon(daemon.argv, log=log, cwd=state.folder)
    daemon.started = start_ticks(daemon.pid) or 0
    if state.real:
        real.govern(state, daemon.pid)
    state.save()


def _respawn_dead(state: State, tries: dict[str, int]) -> None:
    """Start again what gave up; after a few times it is an error that tells why."""
    off = {name for node in state.off for name in of_node(state, node)}
    for name, daemon in state.daemons.items():
        if name in off or start_ticks(daemon.pid) == daemon.started:
            continue
        log = _tail(state.folder / "log" / f"{name}.log")
        if "address already in use" in log:
            raise PortTaken(f"{name} could not have its port", hint="try again")
        tries[name] = tries.get(name, 0) + 1
        if tries[name] > (_PATIENCE if name.rstrip("-0123456789") in _OF_CLIENTS else 2):
            hint = "is the machine out of memory or disk?"
            raise FogflowError(f"{name} does not stay up; the end of its log:\n{log}", hint=hint)
        spawn(state, name)


def _usable(state: State, cluster: KubeCluster, *, every_node: bool) -> bool:
    """Whether one can work with it. After a repair not every node has to be Ready: a label may keep it from that."""
    try:
        nodes = ready_nodes(cluster)
        ready = all(nodes.get(name) for name in state.nodes) if every_node else any(nodes.values())
        return ready and cluster.get("ServiceAccount", "default", "default") is not None
    except ClusterError:
        return False


def _create_nodes(state: State, cluster: KubeCluster) -> None:
    port = state.ports["kwok"]
    for name in state.nodes:
        taints = state.taints.get(name, [])
        pods = state.pods_per_node
        body = simulated.node_object(name, state.nodes, pods=pods, taints=taints, port=port)
        cluster.create(body)


def _wait(what: str, observe: object, state: State) -> None:
    try:
        wait_for(what, observe, bool, timeout_s=READY_S, every_s=0.1)  # type: ignore[arg-type]
    except WaitTimeout as error:
        logs = "\n".join(f"{name}: {_tail(state.folder / 'log' / f'{name}.log', 2)}" for name in state.daemons)
        raise FogflowError(
            f"{what}: not within {READY_S:g} s:\n{logs}",
            hint="is the machine very busy? try again",
        ) from error


def _tail(log: Path, lines: int = 8) -> str:
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - 8192))
            return "\n".join(stream.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
