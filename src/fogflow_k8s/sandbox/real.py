"""Real nodes: the machines of a sandbox, switched on and off, and what they need of the cluster."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from fogflow_k8s.adapters.kubernetes.client import KubeCluster
from fogflow_k8s.adapters.process import spawn_daemon
from fogflow_k8s.adapters.state_dir import write_private
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import ClusterError, FogflowError
from fogflow_k8s.model.kubernetes import status_of
from fogflow_k8s.sandbox import cgroups, controlplane, dns, images, network
from fogflow_k8s.sandbox import node as nodes
from fogflow_k8s.sandbox.assets import RUNTIME
from fogflow_k8s.sandbox.cluster import apply
from fogflow_k8s.sandbox.node import Node
from fogflow_k8s.sandbox.simulated import is_control_plane
from fogflow_k8s.sandbox.state import Daemon, State, end, is_ours, start_ticks

INIT = RUNTIME / "init.py"
SWITCH = "switch"
_START_S = 30.0
# what drives a sandbox runs beside it: with a cgroup's usual part, all nodes together would get no more CPU than one kubectl
_ITS_WEIGHT, _PLANE_WEIGHT = 800, 200
_SWITCH_SYSCTLS = {"net/bridge/bridge-nf-call-iptables": "0", "net/ipv6/conf/all/disable_ipv6": "1"}


def node_of(state: State, name: str) -> Node:
    """What is particular of the node of this name."""
    place = state.nodes.index(name)
    memory = nodes.memory_per_node(len(state.nodes))
    folder, cgroup = state.folder / "nodes" / name, f"{cgroup_of(state)}/{name}"
    return Node(name, place, folder, state.folder, cgroup, state.net, state.pods_per_node, memory)


def cgroup_of(state: State) -> str:
    """The cgroup above everything of this sandbox."""
    return f"fogflow-k8s-{state.name}-{state.network}"


def prepare(state: State, programs: Mapping[str, Path]) -> None:
    """Write every file of every node, and the cluster's own images. Nothing runs yet."""
    plane = state.plane
    registry = plane.listens("registry")
    controlplane.write_kubeconfig(plane, "proxy.kubeconfig", "proxy")
    for name in state.nodes:
        controlplane.write_kubeconfig(plane, f"kubelet-{name}.kubeconfig", f"kubelet-{name}")
        nodes.write_files(node_of(state, name), programs, registry)
    (state.folder / "registry").mkdir()
    switch = state.folder / "nodes" / SWITCH
    (switch / "log").mkdir(parents=True)
    spec = {"name": SWITCH, "folder": str(switch), "cgroup": f"{cgroup_of(state)}/{SWITCH}", "disks": False}
    write_private(switch / "spec.json", json.dumps(spec | {"sysctl": _SWITCH_SYSCTLS, "daemons": []}))
    images.write_archive(state.folder / "images" / "pause.tar", images.PAUSE, programs["pause"])
    images.write_archive(state.folder / "images" / "coredns.tar", images.dns_image(), programs["coredns"])


def make_network(state: State) -> None:
    """The bridge and this machine's link to it: the control plane listens there, so this comes first."""
    pid = _switch_on(state, SWITCH, f"{cgroup_of(state)}/{SWITCH}")
    cgroups.weigh(cgroup_of(state), _ITS_WEIGHT)
    cgroups.make(_plane_cgroup(state))
    cgroups.weigh(_plane_cgroup(state), _PLANE_WEIGHT)
    worker = next((place for place, name in enumerate(state.nodes) if not is_control_plane(name)), 0)
    network.connect_host(state.net, pid, worker)
    _go(state, SWITCH)


def govern(state: State, pid: int) -> None:
    """Put a daemon of the control plane beside the nodes: it answers while they are busy with their pods."""
    cgroups.join(_plane_cgroup(state), pid)


def wait_registry(state: State) -> None:
    """Until the registry takes connections. Raises FogflowError."""
    address = (state.plane.address, state.ports["registry"])

    def connects() -> bool:
        try:
            socket.create_connection(address, timeout=1).close()
        except OSError:
            return False
        return True

    try:
        wait_for("the registry", connects, bool, timeout_s=_START_S, every_s=0.02)
    except WaitTimeout as error:
        raise FogflowError("the sandbox's registry does not start", hint=f"look at {state.folder}/log") from error


def push_images(state: State, crane: Path) -> None:
    """Everything in the sandbox's folder of images, once more into the registry, which keeps names in memory only."""
    registry = state.plane.listens("registry")
    for archive in sorted((state.folder / "images").glob("*.tar")):
        images.push(crane, archive, images.tags_of(archive), registry)


def power_on(state: State, name: str) -> None:
    """Start a node's machine and plug it in. Raises FogflowError."""
    node = node_of(state, name)
    for file in ("ready", "go"):
        (node.folder / file).unlink(missing_ok=True)
    cgroups.remove(f"{node.cgroup}/kubepods")  # after a power cut: cAdvisor loses 3 s on each dead pod's folder
    pid = _switch_on(state, name, f"{node.cgroup}/system")
    network.connect_node(state.net, state.machines[SWITCH].pid, pid, node.place, len(state.nodes))
    _go(state, name)
    state.off = [other for other in state.off if other != name]
    state.save()


def power_off(state: State, name: str) -> None:
    """Cut a node's power: nothing on it gets to say goodbye."""
    state.off = sorted({*state.off, name})
    state.save()
    end_machine(state, name)
    cgroups.remove(f"{node_of(state, name).cgroup}/kubepods")


def end_machine(state: State, name: str) -> None:
    """End one machine, if it runs and is ours."""
    machine = state.machines.get(name)
    if machine and is_ours(machine, state.boot, state.folder):
        end([machine.pid])


def join(state: State, cluster: KubeCluster) -> None:
    """Introduce the nodes to the cluster, and give it DNS. Raises ClusterError."""
    for name in state.nodes:
        apply(cluster, nodes.node_object(node_of(state, name), state.taints.get(name, [])))
    dns.install(cluster, state.net, state.ports["apiserver"])


def dns_ready(cluster: KubeCluster) -> bool:
    """Whether names resolve in the cluster."""
    try:
        found = cluster.get("Deployment", dns.DEPLOYMENT, dns.NAMESPACE)
        return bool(found and status_of(found).get("readyReplicas"))
    except ClusterError:
        return False


def dead(state: State) -> list[str]:
    """Machines that should run and do not."""
    return [
        name
        for name, machine in state.machines.items()
        if name not in state.off and not is_ours(machine, state.boot, state.folder)
    ]


def clear(state: State) -> list[str]:
    """Remove what outlives the processes: the link, and cgroups; what could not be removed. Processes are gone."""
    network.disconnect_host(state.net)
    return cgroups.remove(cgroup_of(state))


def _plane_cgroup(state: State) -> str:
    return f"{cgroup_of(state)}/control-plane"


def _switch_on(state: State, name: str, cgroup: str) -> int:
    """The process id, in this machine's view, of PID 1 of a new machine that waits to be connected."""
    folder = state.folder / "nodes" / name
    cgroups.make(cgroup)
    namespaces = ["--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--mount-proc"]
    argv = ["unshare", *namespaces, sys.executable, "-I", "-S", str(INIT), f"{folder}/spec.json"]
    log = folder / "log" / "init.log"
    outer = spawn_daemon(argv, log=log, cwd=state.folder)
    try:
        wait_for(name, lambda: _child(outer) and (folder / "ready").exists(), bool, timeout_s=_START_S, every_s=0.01)
    except WaitTimeout as error:
        end([outer, *([inner] if (inner := _child(outer)) else [])])
        text = log.read_text(errors="replace")[-600:]
        raise FogflowError(f"{name} does not start: {text}", hint="are namespaces allowed here?") from error
    inner = _child(outer)
    state.machines[name] = Daemon([*argv[len(namespaces) + 1 :]], inner, start_ticks(inner) or 0)
    state.save()
    return inner


def _go(state: State, name: str) -> None:
    (state.folder / "nodes" / name / "go").touch()


def _child(pid: int) -> int:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    return int(children[0]) if children else 0
