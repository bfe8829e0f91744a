"""Command lines and kubeconfigs of a sandbox's control plane: etcd, API server, controller manager, scheduler.

With several members, each program runs once per member, and a load balancer takes the API server's address. All
members run on this machine and differ by their ports.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fogflow_k8s.adapters.known_clusters import SANDBOX_CONTEXT
from fogflow_k8s.adapters.state_dir import write_private
from fogflow_k8s.model.urls import in_url
from fogflow_k8s.sandbox.assets import RUNTIME
from fogflow_k8s.sandbox.simulated import LEASE_S

LOOPBACK = "127.0.0.1"
SIMULATED_SERVICES = "10.96.0.0/16"
API_PORT, REGISTRY_PORT = 6443, 5000
LOAD_BALANCER = RUNTIME / "load_balancer.py"
_CERTIFICATE_BY_USER = {"admin": "admin", "controller-manager": "kcm", "scheduler": "scheduler", "kwok": "kwok"}
MEMBER_DAEMONS = ("etcd", "apiserver", "controller-manager", "scheduler")
_MEMBER_PORTS = ("etcd", "etcd-peer", "apiserver")
_REAL_NODE_GRACE_S = 8  # a real node is lost after this time without a renewed lease; its kubelet renews each second


@dataclass(frozen=True)
class ControlPlane:
    """A control plane: its folder, addresses, ports and number of members."""

    folder: Path
    address: str
    """The API server's address for clients."""
    services: str
    """The network of the Services."""
    ports: Mapping[str, int]
    members: int = 1
    real: bool = False

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return f"https://{self.endpoint('apiserver')}"

    def endpoint(self, what: str) -> str:
        """Return address and port of `what`, apiserver or registry, for clients."""
        return f"{in_url(self.address)}:{self.ports[what]}"

    def port(self, what: str, member: int) -> int:
        """Return a port of one member."""
        return self.ports[member_name(what, member, self.members)]

    def member_numbers(self) -> range:
        """The members' numbers, from 1."""
        return range(1, self.members + 1)


def member_name(what: str, member: int, members: int) -> str:
    """Return the name of a member's daemon or port: `etcd`, or `etcd-2` when there are several members."""
    return what if members == 1 else f"{what}-{member}"


def choose_ports(members: int, *, real: bool) -> dict[str, int]:
    """Choose the port of each listener. They are free ports of loopback, although another program may take one first.

    The API server and the registry of a sandbox with real nodes use the standard ports on the sandbox's own address.
    """
    found = free_ports(
        [member_name(what, member, members) for what in _MEMBER_PORTS for member in range(1, members + 1)]
        + ["apiserver", "kwok"]
    )
    return found | ({"apiserver": API_PORT, "registry": REGISTRY_PORT} if real else {})


def free_ports(names: Iterable[str]) -> dict[str, int]:
    """Return a free port of loopback for each name."""
    held = {name: socket.socket() for name in dict.fromkeys(names)}
    try:
        for each in held.values():
            each.bind((LOOPBACK, 0))
        return {name: each.getsockname()[1] for name, each in held.items()}
    finally:
        for each in held.values():
            each.close()


def write_kubeconfigs(plane: ControlPlane) -> None:
    """Write one kubeconfig per daemon, and `kubeconfig` for users; as JSON, which is valid YAML."""
    for user, certificate in _CERTIFICATE_BY_USER.items():
        name = "kubeconfig" if user == "admin" else f"{user}.kubeconfig"
        write_kubeconfig(plane, name, certificate)


def write_kubeconfig(plane: ControlPlane, name: str, certificate: str) -> None:
    """Write the kubeconfig of one client of the API server."""
    content = kubeconfig(plane.folder / "pki", plane.server, certificate, context_name(plane.folder.name))
    write_private(plane.folder / name, json.dumps(content, indent=1) + "\n")


def context_name(sandbox: str) -> str:
    """Return the name of a sandbox's context, cluster and user: fogflow-sandbox, or fogflow-sandbox-NAME."""
    return SANDBOX_CONTEXT if sandbox == "default" else f"{SANDBOX_CONTEXT}-{sandbox}"


def kubeconfig(pki: Path, server: str, certificate: str, name: str) -> dict[str, object]:
    """Return a kubeconfig with one cluster, user and context, and embedded certificates."""
    import base64

    def data(file: str) -> str:
        return base64.b64encode((pki / file).read_bytes()).decode()

    user = {
        "client-certificate-data": data(f"{certificate}.crt"),
        "client-key-data": data(f"{certificate}.key"),
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": data("ca.crt")}}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def command_lines(plane: ControlPlane, programs: Mapping[str, Path]) -> dict[str, list[str]]:
    """Return the argv of each daemon by name. It has no side effects, so that a test can check every flag."""
    lines: dict[str, list[str]] = {}
    for member in plane.member_numbers():
        flags = {
            "etcd": ("etcd", _etcd(plane, member)),
            "apiserver": ("kube-apiserver", _apiserver(plane, member)),
            "controller-manager": ("kube-controller-manager", _controller_manager(plane)),
            "scheduler": ("kube-scheduler", _scheduler(plane)),
        }
        for name, (program, words) in flags.items():
            lines[member_name(name, member, plane.members)] = [str(programs[program]), *words]
    if plane.members > 1:
        lines["load-balancer"] = [sys.executable, "-I", "-S", str(LOAD_BALANCER), f"{plane.folder}/load-balancer.json"]
    if plane.real:
        where = f"--address={plane.endpoint('registry')}"
        lines["registry"] = [str(programs["crane"]), "registry", "serve", where, f"--disk={plane.folder}/registry"]
    else:
        lines["kwok"] = [str(programs["kwok"]), *_kwok(plane)]
    return lines


def write_load_balancer(plane: ControlPlane) -> None:
    """Write the load balancer's configuration: the address that it listens on, and the API servers behind it."""
    backends = [f"{LOOPBACK}:{plane.port('apiserver', member)}" for member in plane.member_numbers()]
    config = {"listen": plane.endpoint("apiserver"), "backends": backends}
    write_private(plane.folder / "load-balancer.json", json.dumps(config))


def _etcd(plane: ControlPlane, member: int) -> list[str]:
    pki = plane.folder / "pki"
    client, peer = (f"https://{LOOPBACK}:{plane.port(what, member)}" for what in ("etcd", "etcd-peer"))
    all_of_them = ",".join(
        f"m{member_number}=https://{LOOPBACK}:{plane.port('etcd-peer', member_number)}"
        for member_number in plane.member_numbers()
    )
    return [
        f"--name=m{member}",
        f"--data-dir={plane.folder}/etcd/m{member}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster={all_of_them}",
        # certificates on both sides: other users of this machine can connect to loopback, and etcd has every Secret
        "--client-cert-auth",
        f"--trusted-ca-file={pki}/etcd-ca.crt",
        f"--cert-file={pki}/etcd.crt",
        f"--key-file={pki}/etcd.key",
        "--peer-client-cert-auth",
        f"--peer-trusted-ca-file={pki}/etcd-ca.crt",
        f"--peer-cert-file={pki}/etcd.crt",
        f"--peer-key-file={pki}/etcd.key",
        # all members are on one machine: a lost leader is replaced within half a second, and fewer writes fail meanwhile
        "--heartbeat-interval=50",
        "--election-timeout=500",
        "--unsafe-no-fsync",  # a sandbox does not survive a reboot, and writes are several times faster
        "--log-level=warn",
    ]


def _apiserver(plane: ControlPlane, member: int) -> list[str]:
    pki = plane.folder / "pki"
    address = plane.address if plane.members == 1 else LOOPBACK
    return [
        "--etcd-servers="
        + ",".join(
            f"https://{LOOPBACK}:{plane.port('etcd', member_number)}" for member_number in plane.member_numbers()
        ),
        f"--etcd-cafile={pki}/etcd-ca.crt",
        f"--etcd-certfile={pki}/apiserver-etcd.crt",
        f"--etcd-keyfile={pki}/apiserver-etcd.key",
        f"--bind-address={address}",
        f"--secure-port={plane.port('apiserver', member)}",
        f"--advertise-address={plane.address}",
        # a loopback address is not allowed as an endpoint, and several members would overwrite each other's: with real
        # nodes, this program writes the one endpoint itself
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--service-account-key-file={pki}/service-accounts.pub",
        f"--service-account-signing-key-file={pki}/service-accounts.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-cluster-ip-range={plane.services}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--anonymous-auth=false",
        "--allow-privileged",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet.key",
        # a simulated node's address is localhost, where kwok answers for all nodes
        f"--kubelet-preferred-address-types={'InternalIP' if plane.real else 'InternalDNS'}",
        # the default is minutes, but someone who tries out a node failure wants to see the effect soon
        "--default-not-ready-toleration-seconds=2",
        "--default-unreachable-toleration-seconds=2",
        # benchmarks read ten thousand pods: fairness queues and profiling only slow them down
        "--profiling=false",
        "--max-requests-inflight=1000",
        "--max-mutating-requests-inflight=600",
    ]


def _controller_manager(plane: ControlPlane) -> list[str]:
    pki = plane.folder / "pki"
    return [
        f"--kubeconfig={plane.folder}/controller-manager.kubeconfig",
        f"--root-ca-file={pki}/ca.crt",
        f"--service-account-private-key-file={pki}/service-accounts.key",
        "--use-service-account-credentials",
        "--allocate-node-cidrs=false",  # a node is created with its network
        *_leader_elect(plane),
        "--secure-port=0",  # nothing connects to it: one open port less
        "--profiling=false",
        # each controller is a client of its own here, and the default 20/30 delays them by seconds
        "--kube-api-qps=300",
        "--kube-api-burst=600",
        "--node-monitor-period=1s",
        # kwok renews at a quarter of the lease, a real kubelet each second
        f"--node-monitor-grace-period={_REAL_NODE_GRACE_S if plane.real else LEASE_S + 10}s",
        "--node-startup-grace-period=60s",
        "--node-eviction-rate=10",
        "--secondary-node-eviction-rate=10",
    ]


def _scheduler(plane: ControlPlane) -> list[str]:
    return [
        f"--kubeconfig={plane.folder}/scheduler.kubeconfig",
        *_leader_elect(plane),
        "--secure-port=0",
        "--profiling=false",
        "--contention-profiling=false",
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
    ]


def _kwok(plane: ControlPlane) -> list[str]:
    pki = plane.folder / "pki"
    return [
        f"--kubeconfig={plane.folder}/kwok.kubeconfig",
        f"--config={plane.folder}/stages.yaml",
        "--manage-nodes-with-label-selector=type=kwok",
        f"--node-lease-duration-seconds={LEASE_S}",
        "--v=WARN",  # a lower level prints a line for each change of each pod
        f"--node-port={plane.ports['kwok']}",
        f"--server-address={LOOPBACK}:{plane.ports['kwok']}",
        f"--tls-cert-file={pki}/kubelet.crt",
        f"--tls-private-key-file={pki}/kubelet.key",
    ]


def _leader_elect(plane: ControlPlane) -> list[str]:
    if plane.members == 1:
        return ["--leader-elect=false"]
    # one of several members acts; after its loss another takes over within seconds instead of 15 s
    times = {"lease-duration": 6, "renew-deadline": 4, "retry-period": 1}
    return ["--leader-elect", *(f"--leader-elect-{name}={seconds}s" for name, seconds in times.items())]
