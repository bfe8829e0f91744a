"""Real nodes of a sandbox: start and stop their machines, and register them with the cluster.

A machine is a process in new Linux namespaces (network, mounts, processes and others), with runtime/init.py as PID 1.
One more machine without daemons, the switch, holds the bridge that connects the nodes. Killing a machine's PID 1 has
the effect of a power failure, because the kernel ends everything in the namespaces.
"""

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
from fogflow_k8s.sandbox.state import Daemon, SandboxState, is_ours, kill, start_ticks

INIT = RUNTIME / "init.py"
SWITCH = "switch"
_START_S = 30.0
# tests and commands run outside the sandbox's cgroup: with the default weight, all nodes together would get only as much CPU as one kubectl
_SANDBOX_WEIGHT, _PLANE_WEIGHT = 800, 200
_SWITCH_SYSCTLS = {"net/bridge/bridge-nf-call-iptables": "0", "net/ipv6/conf/all/disable_ipv6": "1"}


def node_of(state: SandboxState, name: str) -> Node:
    """Return the properties of the node of this name."""
    index = state.nodes.index(name)
    memory = nodes.memory_per_node(len(state.nodes))
    folder, cgroup = state.folder / "nodes" / name, f"{sandbox_cgroup(state)}/{name}"
    return Node(name, index, folder, state.folder, cgroup, state.net, state.pods_per_node, memory)


def sandbox_cgroup(state: SandboxState) -> str:
    """Return the cgroup above everything in this sandbox."""
    return f"fogflow-k8s-{state.name}-{state.network}"


def prepare(state: SandboxState, programs: Mapping[str, Path]) -> None:
    """Write all files of all nodes, and the archives of the cluster's own images. Starts nothing."""
    plane = state.control_plane
    registry = plane.endpoint("registry")
    controlplane.write_kubeconfig(plane, "proxy.kubeconfig", "proxy")
    for name in state.nodes:
        controlplane.write_kubeconfig(plane, f"kubelet-{name}.kubeconfig", f"kubelet-{name}")
        nodes.write_files(node_of(state, name), programs, registry)
    (state.folder / "registry").mkdir()
    switch = state.folder / "nodes" / SWITCH
    (switch / "log").mkdir(parents=True)
    spec = {"name": SWITCH, "folder": str(switch), "cgroup": f"{sandbox_cgroup(state)}/{SWITCH}", "disks": False}
    write_private(switch / "spec.json", json.dumps(spec | {"sysctl": _SWITCH_SYSCTLS, "daemons": []}))
    images.write_archive(state.folder / "images" / "pause.tar", images.PAUSE, programs["pause"])
    images.write_archive(state.folder / "images" / "coredns.tar", images.dns_image(), programs["coredns"])


def make_network(state: SandboxState) -> None:
    """Create the bridge and this machine's link to it, before the control plane, which listens on the link's address."""
    pid = _start_machine(state, SWITCH, f"{sandbox_cgroup(state)}/{SWITCH}")
    cgroups.set_cpu_weight(sandbox_cgroup(state), _SANDBOX_WEIGHT)
    cgroups.create(_plane_cgroup(state))
    cgroups.set_cpu_weight(_plane_cgroup(state), _PLANE_WEIGHT)
    worker = next((index for index, name in enumerate(state.nodes) if not is_control_plane(name)), 0)
    network.connect_host(state.net, pid, worker)
    _release(state, SWITCH)


def join_control_plane_cgroup(state: SandboxState, pid: int) -> None:
    """Move a daemon into the control plane's cgroup, so that it answers while the nodes use all CPU for their pods."""
    cgroups.add_process(_plane_cgroup(state), pid)


def wait_registry(state: SandboxState) -> None:
    """Wait until the registry accepts connections. Raises FogflowError."""
    address = (state.control_plane.address, state.ports["registry"])

    def connects() -> bool:
        try:
            socket.create_connection(address, timeout=1).close()
        except OSError:
            return False
        return True

    try:
        wait_for("the registry", connects, bool, timeout_s=_START_S, every_s=0.02)
    except WaitTimeout as error:
        raise FogflowError(
            "the sandbox's registry does not start", hint=f"read its log: tail {state.folder}/log/registry.log"
        ) from error


def push_images(state: SandboxState, crane: Path) -> None:
    """Push all kept archives to the registry again, which keeps names in memory only."""
    registry = state.control_plane.endpoint("registry")
    for archive in sorted((state.folder / "images").glob("*.tar")):
        images.push(crane, archive, images.tags_of(archive), registry)


def power_on(state: SandboxState, name: str) -> None:
    """Start a node's machine and connect it to the network. Raises FogflowError."""
    node = node_of(state, name)
    for file in ("ready", "go"):
        (node.folder / file).unlink(missing_ok=True)
    cgroups.remove(f"{node.cgroup}/kubepods")  # after a stop: cAdvisor waits 3 s on each dead pod's cgroup
    pid = _start_machine(state, name, f"{node.cgroup}/system")
    network.connect_node(state.net, state.machines[SWITCH].pid, pid, node.index, len(state.nodes))
    _release(state, name)
    state.off = [other for other in state.off if other != name]
    state.save()


def power_off(state: SandboxState, name: str) -> None:
    """Stop a node like a power failure: its programs get no chance to shut down."""
    state.off = sorted({*state.off, name})
    state.save()
    end_machine(state, name)
    cgroups.remove(f"{node_of(state, name).cgroup}/kubepods")


def end_machine(state: SandboxState, name: str) -> None:
    """End one machine, if it runs and belongs to the sandbox."""
    machine = state.machines.get(name)
    if machine and is_ours(machine, state.boot, state.folder):
        kill([machine.pid])


def register_nodes(state: SandboxState, cluster: KubeCluster) -> None:
    """Register the nodes with the cluster, and install DNS. Raises ClusterError."""
    for name in state.nodes:
        apply(cluster, nodes.node_object(node_of(state, name), state.taints.get(name, [])))
    dns.install(cluster, state.net, state.ports["apiserver"])


def dns_ready(cluster: KubeCluster) -> bool:
    """Whether the cluster's DNS works."""
    try:
        found = cluster.get("Deployment", dns.DEPLOYMENT, dns.NAMESPACE)
        return bool(found and status_of(found).get("readyReplicas"))
    except ClusterError:
        return False


def missing_machines(state: SandboxState) -> list[str]:
    """Return the machines that should run and do not."""
    return [
        name
        for name, machine in state.machines.items()
        if name not in state.off and not is_ours(machine, state.boot, state.folder)
    ]


def remove_leftovers(state: SandboxState) -> list[str]:
    """Remove the link and the cgroups after all processes ended; return the cgroups that could not be removed."""
    network.disconnect_host(state.net)
    return cgroups.remove(sandbox_cgroup(state))


def _plane_cgroup(state: SandboxState) -> str:
    return f"{sandbox_cgroup(state)}/control-plane"


def _start_machine(state: SandboxState, name: str, cgroup: str) -> int:
    """Start a machine that waits for its network; return the process id of its PID 1 as this machine sees it."""
    folder = state.folder / "nodes" / name
    cgroups.create(cgroup)
    namespaces = ["--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--mount-proc"]
    argv = ["unshare", *namespaces, sys.executable, "-I", "-S", str(INIT), f"{folder}/spec.json"]
    log = folder / "log" / "init.log"
    outer = spawn_daemon(argv, log=log, cwd=state.folder)
    try:
        wait_for(
            name, lambda: _child_pid(outer) and (folder / "ready").exists(), bool, timeout_s=_START_S, every_s=0.01
        )
    except WaitTimeout as error:
        kill([outer, *([inner] if (inner := _child_pid(outer)) else [])])
        text = log.read_text(errors="replace")[-600:]
        raise FogflowError(
            f"{name} does not start: {text}",
            hint="check that this machine allows namespaces: unshare --net --pid --fork true",
        ) from error
    inner = _child_pid(outer)
    state.machines[name] = Daemon([*argv[len(namespaces) + 1 :]], inner, start_ticks(inner) or 0)
    state.save()
    return inner


def _release(state: SandboxState, name: str) -> None:
    (state.folder / "nodes" / name / "go").touch()


def _child_pid(pid: int) -> int:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    return int(children[0]) if children else 0
