"""The configuration files and command lines of one real node: containerd, kubelet and kube-proxy.

runtime/init.py runs these programs in the node's namespaces. All nodes share this machine's kernel, disk and memory, so
each kubelet gets a part of the memory, and limits that belong to the whole machine are left unchanged.
"""

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
_TOOL_PACKAGES = {
    "runc": "runc",
    "ip": "iproute2",
    "iptables": "iptables",
    "nft": "nftables",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
}
"""Programs of the Linux distribution, with their packages on Debian and Ubuntu."""
_SPARE_MEMORY_MIB = 1024  # for the control plane and this machine's own work
_SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/bridge/bridge-nf-call-iptables": "1",  # lets a pod reach a pod of its own node through a Service
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
}
_NO_IPV6 = ("net/ipv6/conf/all/disable_ipv6", "net/ipv6/conf/default/disable_ipv6")
_WITH_IPV6 = {
    "net/bridge/bridge-nf-call-ip6tables": "1",
    "net/ipv6/conf/all/forwarding": "1",
    # use an address at once, without a second of duplicate address detection
    "net/ipv6/conf/all/accept_dad": "0",
    "net/ipv6/conf/default/accept_dad": "0",
}


@dataclass(frozen=True)
class Node:
    """The properties of one real node."""

    name: str
    index: int
    """Its index among all nodes, from 0; its addresses are derived from it."""
    folder: Path
    """The node's own folder."""
    sandbox: Path
    cgroup: str
    net: Network
    pods: int
    memory_mib: int
    """Memory for its pods."""


def check_machine() -> None:
    """Check that this machine can run real nodes. Raises ToolMissing with everything that is missing and how to install it."""
    problems = [] if os.geteuid() == 0 else ["root permissions (to create namespaces, mounts and links)"]
    missing = [name for name in _TOOL_PACKAGES if not shutil.which(name, path=_search_path())]
    packages = list({_TOOL_PACKAGES[name] for name in missing})
    if not _cni_folder():
        missing.append("the CNI plugins " + ", ".join(_CNI_PLUGINS))
        packages.append("containernetworking-plugins")
    if missing:
        problems.append(", ".join(missing))
    if problems:
        hint = f"on Debian and Ubuntu: apt-get install {' '.join(sorted(packages))}" if packages else "run it as root"
        raise ToolMissing(
            "this machine lacks what real nodes need: " + "; ".join(problems),
            hint=f"{hint}; simulated nodes need none of it: leave --real out",
        )


def node_object(node: Node, taints: Sequence[str]) -> dict[str, Any]:
    """Return the Node object, created before its kubelet registers: a kubelet may not set its own roles or network."""
    cidr = node.net.pods_of(node.index)
    labels = {CONTROL_PLANE: ""} if is_control_plane(node.name) else {}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": labels},
        "spec": {"podCIDR": cidr, "podCIDRs": [cidr], "taints": [taint_object(taint) for taint in taints]},
    }


def memory_per_node(nodes: int) -> int:
    """Return the MiB for the pods of each node: a part of this machine's memory. A kubelet would report all of it."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return max(512, (total - _SPARE_MEMORY_MIB) // nodes)


def write_files(node: Node, programs: Mapping[str, Path], registry: str) -> None:
    """Write every file that the node's programs read."""
    folder = node.folder
    for name in ("log", "cni", "registries/_default"):
        (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    text = (MODULES / "containerd.toml").read_text()
    words = {
        "SHIM": programs["containerd-shim-runc-v2"],
        "RUNC": shutil.which("runc", path=_search_path()),
        "CNI": _cni_folder(),
        "FOLDER": folder,
        "PAUSE": PAUSE,
    }
    for word, value in words.items():
        text = text.replace(f"@{word}@", str(value))
    write_private(folder / "containerd.toml", text)
    # all images come from the sandbox's registry and from nowhere else: an absent one is "not found" within a second
    hosts = f'server = "http://{registry}"\n[host."http://{registry}"]\n  capabilities = ["pull", "resolve"]\n'
    write_private(folder / "registries/_default/hosts.toml", hosts)
    write_private(folder / "cni/10-sandbox.conflist", json.dumps(_pod_network(node), indent=1))
    write_private(folder / "kubelet.json", json.dumps(_kubelet_config(node), indent=1))
    write_private(folder / "proxy.json", json.dumps(_kube_proxy_config(node), indent=1))
    write_private(folder / "spec.json", json.dumps(_machine_spec(node, programs), indent=1))


def _machine_spec(node: Node, programs: Mapping[str, Path]) -> dict[str, Any]:
    folder, sandbox = node.folder, node.sandbox
    kubelet = [
        str(programs["kubelet"]),
        f"--config={folder}/kubelet.json",
        f"--kubeconfig={sandbox}/kubelet-{node.name}.kubeconfig",
        f"--hostname-override={node.name}",
        f"--node-ip={node.net.node(node.index)}",
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
        "ranges": [[{"subnet": node.net.pods_of(node.index)}]],
        "routes": [{"dst": "::/0" if node.net.ipv6 else "0.0.0.0/0"}],
        "dataDir": "/run/cni-ipam",  # in memory, like the pods: after a stop, no dead pod holds an address
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
    # a new network namespace has IPv6, also on a node without it
    plain = [] if node.net.ipv6 else [{"type": "tuning", "sysctl": dict.fromkeys(_NO_IPV6, "1")}]
    return {"cniVersion": "1.0.0", "name": "sandbox", "plugins": [bridge, ports, *plain]}


def _kubelet_config(node: Node) -> dict[str, Any]:
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
        # all nodes share one disk, so a full disk is not the fault of one node
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        # a lost node is noticed within seconds: the lease is renewed at a quarter of this
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


def _kube_proxy_config(node: Node) -> dict[str, Any]:
    address = node.net.node(node.index)
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",  # it has its own table, and no lock in common with the CNI plugins
        "clientConnection": {"kubeconfig": f"{node.sandbox}/proxy.kubeconfig"},
        "hostnameOverride": node.name,
        "clusterCIDR": node.net.pods,
        "bindAddress": address,
        "healthzBindAddress": f"{in_url(address)}:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        # these limits belong to the whole machine and cannot be set in a namespace
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }


def _cni_folder() -> Path | None:
    for folder in map(Path, _CNI_FOLDERS):
        if all((folder / plugin).is_file() for plugin in _CNI_PLUGINS):
            return folder
    return None


def _search_path() -> str:
    """Return PATH plus the folders of system programs, which a user's PATH may lack."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/local/sbin"])
