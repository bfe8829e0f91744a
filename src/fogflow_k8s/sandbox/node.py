"""One real node: the files and command lines of its containerd, kubelet and kube-proxy."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fogflow_k8s.adapters.state_dir import write_private
from fogflow_k8s.errors import ToolMissing
from fogflow_k8s.model.urls import in_url
from fogflow_k8s.sandbox.assets import MODULES
from fogflow_k8s.sandbox.images import PAUSE
from fogflow_k8s.sandbox.network import Network
from fogflow_k8s.sandbox.programs import architecture
from fogflow_k8s.sandbox.simulated import CONTROL_PLANE, is_control_plane, taint_object

_SOCKET = "/run/containerd/containerd.sock"
_CNI_FOLDERS = ("/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni", "/usr/local/lib/cni")
_CNI_PLUGINS = ("bridge", "host-local", "loopback", "portmap", "tuning")
_TOOLS = {
    "runc": "runc",
    "ip": "iproute2",
    "iptables": "iptables",
    "nft": "nftables",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
}
"""Programs of the distribution, and the package of each on Debian and its kin."""
_SPARE_MEMORY_MIB = 1024  # for the control plane and this machine's own work
_SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/bridge/bridge-nf-call-iptables": "1",  # a pod reaches a pod of its own node through a Service
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
}
_NO_IPV6 = ("net/ipv6/conf/all/disable_ipv6", "net/ipv6/conf/default/disable_ipv6")
_WITH_IPV6 = {
    "net/bridge/bridge-nf-call-ip6tables": "1",
    "net/ipv6/conf/all/forwarding": "1",
    # an address is in use at once, not after a second in which nobody else said that it is theirs
    "net/ipv6/conf/all/accept_dad": "0",
    "net/ipv6/conf/default/accept_dad": "0",
}


@dataclass(frozen=True)
class Node:
    """What is particular of one node."""

    name: str
    place: int
    """Its place among all nodes, from 0; gives it its addresses."""
    folder: Path
    """Of the node itself."""
    sandbox: Path
    cgroup: str
    net: Network
    pods: int
    memory_mib: int
    """What it may give to pods."""


def check_machine() -> None:
    """Whether this machine can have real nodes. Raises ToolMissing with all that is missing and how to get it."""
    problems = [] if os.geteuid() == 0 else ["root's rights: namespaces, mounts and links are made"]
    missing = [name for name in _TOOLS if not shutil.which(name, path=_path())]
    packages = list({_TOOLS[name] for name in missing})
    if not _cni_folder():
        missing.append("the CNI plugins " + ", ".join(_CNI_PLUGINS))
        packages.append("containernetworking-plugins")
    if missing:
        problems.append(", ".join(missing))
    if problems:
        hint = f"on Debian and Ubuntu: apt-get install {' '.join(sorted(packages))}" if packages else "run it as root"
        raise ToolMissing(
            "real nodes need what this machine lacks: " + "; ".join(problems),
            hint=f"{hint}; simulated nodes need none of it: leave --real out",
        )


def node_object(node: Node, taints: Sequence[str]) -> dict[str, Any]:
    """The Node, made before its kubelet registers: a kubelet may not give itself a role or a network."""
    cidr = node.net.pods_of(node.place)
    labels = {CONTROL_PLANE: ""} if is_control_plane(node.name) else {}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": labels},
        "spec": {"podCIDR": cidr, "podCIDRs": [cidr], "taints": [taint_object(taint) for taint in taints]},
    }


def memory_per_node(nodes: int) -> int:
    """MiB for the pods of each node: this machine's memory, shared out. Each node would report all of it."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return max(512, (total - _SPARE_MEMORY_MIB) // nodes)


def write_files(node: Node, programs: Mapping[str, Path], registry: str) -> None:
    """Everything that the node's programs read."""
    folder = node.folder
    for name in ("log", "cni", "registries/_default"):
        (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    text = (MODULES / "containerd.toml").read_text()
    words = {
        "SHIM": programs["containerd-shim-runc-v2"],
        "RUNC": shutil.which("runc", path=_path()),
        "CNI": _cni_folder(),
        "FOLDER": folder,
        "PAUSE": PAUSE,
    }
    for word, value in words.items():
        text = text.replace(f"@{word}@", str(value))
    write_private(folder / "containerd.toml", text)
    # every registry's images come from ours, and from nowhere else: an absent one is "not found" within a second
    hosts = f'server = "http://{registry}"\n[host."http://{registry}"]\n  capabilities = ["pull", "resolve"]\n'
    write_private(folder / "registries/_default/hosts.toml", hosts)
    write_private(folder / "cni/10-sandbox.conflist", json.dumps(_pod_network(node), indent=1))
    write_private(folder / "kubelet.json", json.dumps(_kubelet(node), indent=1))
    write_private(folder / "proxy.json", json.dumps(_proxy(node), indent=1))
    write_private(folder / "spec.json", json.dumps(_spec(node, programs), indent=1))


def _spec(node: Node, programs: Mapping[str, Path]) -> dict[str, Any]:
    folder, sandbox = node.folder, node.sandbox
    kubelet = [
        str(programs["kubelet"]),
        f"--config={folder}/kubelet.json",
        f"--kubeconfig={sandbox}/kubelet-{node.name}.kubeconfig",
        f"--hostname-override={node.name}",
        f"--node-ip={node.net.node(node.place)}",
        f"--node-labels=kubernetes.io/arch={architecture()}",
    ]
    return {
        "name": node.name,
        "folder": str(folder),
        "keep": str(sandbox),
        "cgroup": f"{node.cgroup}/system",
        "disks": True,
        "sysctl": _SYSCTLS | (_WITH_IPV6 if node.net.ipv6 else dict.fromkeys(_NO_IPV6, "1")),
        "daemons": [
            {"name": "containerd", "argv": [str(programs["containerd"]), f"--config={folder}/containerd.toml"]},
            {"name": "kubelet", "argv": kubelet, "after": _SOCKET},
            {
                "name": "kube-proxy",
                "argv": [str(programs["kube-proxy"]), f"--config={folder}/proxy.json"],
                "after": _SOCKET,
            },
        ],
    }


def _pod_network(node: Node) -> dict[str, Any]:
    ranges = {
        "type": "host-local",
        "ranges": [[{"subnet": node.net.pods_of(node.place)}]],
        "routes": [{"dst": "::/0" if node.net.ipv6 else "0.0.0.0/0"}],
        "dataDir": "/run/cni-ipam",  # in memory, as the pods are: after a power cut no address is held by a ghost
    }
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": ranges,
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}
    # a new network has IPv6, whatever its node has
    plain = [] if node.net.ipv6 else [{"type": "tuning", "sysctl": dict.fromkeys(_NO_IPV6, "1")}]
    return {"cniVersion": "1.0.0", "name": "sandbox", "plugins": [bridge, ports, *plain]}


def _kubelet(node: Node) -> dict[str, Any]:
    pki = node.sandbox / "pki"
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{node.cgroup}",
        "containerRuntimeEndpoint": f"unix://{_SOCKET}",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{pki}/kubelet-{node.name}.crt",
        "tlsPrivateKeyFile": f"{pki}/kubelet-{node.name}.key",
        **({"address": "::"} if node.net.ipv6 else {}),
        "clusterDNS": [node.net.dns],
        "clusterDomain": "cluster.local",
        "resolvConf": f"{node.folder}/resolv.conf",
        "failSwapOn": False,
        "maxPods": node.pods,
        "seccompDefault": False,
        # one disk under all nodes: what fills it is not the node's doing
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        # a lost node is seen within seconds: the lease is renewed at a quarter of this
        "nodeLeaseDurationSeconds": 4,
        "nodeStatusUpdateFrequency": "2s",
        "nodeStatusReportFrequency": "30s",
        "syncFrequency": "10s",
        "serializeImagePulls": False,
        "registryPullQPS": 0,
        "systemReserved": {"memory": f"{max(0, total - node.memory_mib)}Mi"},
        "enforceNodeAllocatable": ["pods"],
        "shutdownGracePeriod": "0s",
    }


def _proxy(node: Node) -> dict[str, Any]:
    address = node.net.node(node.place)
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",  # one table of its own, and no lock to share with the CNI plugins
        "clientConnection": {"kubeconfig": f"{node.sandbox}/proxy.kubeconfig"},
        "hostnameOverride": node.name,
        "clusterCIDR": node.net.pods,
        "bindAddress": address,
        "healthzBindAddress": f"{in_url(address)}:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        # these limits belong to the whole machine, and may not be set from a namespace
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }


def _cni_folder() -> Path | None:
    for folder in map(Path, _CNI_FOLDERS):
        if all((folder / plugin).is_file() for plugin in _CNI_PLUGINS):
            return folder
    return None


def _path() -> str:
    """PATH with the folders of system programs, which a user's may lack."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/local/sbin"])
