"""The command lines of a control plane: etcd, API server, controller manager, scheduler; once, or three times."""

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
_USERS = {"admin": "admin", "controller-manager": "kcm", "scheduler": "scheduler", "kwok": "kwok"}
OF_MEMBER = ("etcd", "apiserver", "controller-manager", "scheduler")
_PER_MEMBER = ("etcd", "etcd-peer", "apiserver")
_REAL_GRACE_S = 8  # without a renewed lease, so long, a real node is lost; its kubelet renews each second


@dataclass(frozen=True)
class Plane:
    """A control plane: where it lies, listens, and of how many members it is."""

    folder: Path
    address: str
    """Where clients reach the API server."""
    services: str
    """The network of the Services."""
    ports: Mapping[str, int]
    members: int = 1
    real: bool = False

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return f"https://{self.listens('apiserver')}"

    def listens(self, what: str) -> str:
        """Address and port of what clients reach there: apiserver, or registry."""
        return f"{in_url(self.address)}:{self.ports[what]}"

    def port(self, what: str, member: int) -> int:
        """A port of one member."""
        return self.ports[of_member(what, member, self.members)]

    def numbers(self) -> range:
        """The members, counted from 1."""
        return range(1, self.members + 1)


def of_member(what: str, member: int, members: int) -> str:
    """The name of a member's daemon or port: `etcd`, or with its number behind when there are several."""
    return what if members == 1 else f"{what}-{member}"


def ports(members: int, *, real: bool) -> dict[str, int]:
    """A port for everything that listens: free ones of loopback, though another program may still be quicker.

    A sandbox with real nodes has an address of its own, and the usual ports there.
    """
    found = free_ports(
        [of_member(what, member, members) for what in _PER_MEMBER for member in range(1, members + 1)]
        + ["apiserver", "kwok"]
    )
    return found | ({"apiserver": API_PORT, "registry": REGISTRY_PORT} if real else {})


def free_ports(names: Iterable[str]) -> dict[str, int]:
    """A free port of loopback for each name."""
    held = {name: socket.socket() for name in dict.fromkeys(names)}
    try:
        for one in held.values():
            one.bind((LOOPBACK, 0))
        return {name: one.getsockname()[1] for name, one in held.items()}
    finally:
        for one in held.values():
            one.close()


def write_kubeconfigs(plane: Plane) -> None:
    """One kubeconfig per daemon, and `kubeconfig` for people; as JSON, which is YAML too."""
    for user, certificate in _USERS.items():
        name = "kubeconfig" if user == "admin" else f"{user}.kubeconfig"
        write_kubeconfig(plane, name, certificate)


def write_kubeconfig(plane: Plane, name: str, certificate: str) -> None:
    """The kubeconfig of one client of the API server."""
    content = kubeconfig(plane.folder / "pki", plane.server, certificate, context_name(plane.folder.name))
    write_private(plane.folder / name, json.dumps(content, indent=1) + "\n")


def context_name(sandbox: str) -> str:
    """The name of a sandbox's context, cluster and user: fogflow-sandbox, or with its name behind."""
    return SANDBOX_CONTEXT if sandbox == "default" else f"{SANDBOX_CONTEXT}-{sandbox}"


def kubeconfig(pki: Path, server: str, certificate: str, name: str) -> dict[str, object]:
    """A kubeconfig with one cluster, one user and one context, the certificates embedded."""
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


def command_lines(plane: Plane, programs: Mapping[str, Path]) -> dict[str, list[str]]:
    """Argv of each daemon, by its name. Pure, so that a test can hold every flag."""
    lines: dict[str, list[str]] = {}
    for member in plane.numbers():
        flags = {
            "etcd": ("etcd", _etcd(plane, member)),
            "apiserver": ("kube-apiserver", _apiserver(plane, member)),
            "controller-manager": ("kube-controller-manager", _controller_manager(plane)),
            "scheduler": ("kube-scheduler", _scheduler(plane)),
        }
        for name, (program, words) in flags.items():
            lines[of_member(name, member, plane.members)] = [str(programs[program]), *words]
    if plane.members > 1:
        lines["load-balancer"] = [sys.executable, "-I", "-S", str(LOAD_BALANCER), f"{plane.folder}/load-balancer.json"]
    if plane.real:
        where = f"--address={plane.listens('registry')}"
        lines["registry"] = [str(programs["crane"]), "registry", "serve", where, f"--disk={plane.folder}/registry"]
    else:
        lines["kwok"] = [str(programs["kwok"]), *_kwok(plane)]
    return lines


def write_load_balancer(plane: Plane) -> None:
    """Write what the load balancer of several API servers listens on, and the addresses of the servers."""
    backends = [f"{LOOPBACK}:{plane.port('apiserver', member)}" for member in plane.numbers()]
    told = {"listen": plane.listens("apiserver"), "backends": backends}
    write_private(plane.folder / "load-balancer.json", json.dumps(told))


def _etcd(plane: Plane, member: int) -> list[str]:
    pki = plane.folder / "pki"
    client, peer = (f"https://{LOOPBACK}:{plane.port(what, member)}" for what in ("etcd", "etcd-peer"))
    all_of_them = ",".join(f"m{one}=https://{LOOPBACK}:{plane.port('etcd-peer', one)}" for one in plane.numbers())
    return [
        f"--name=m{member}",
        f"--data-dir={plane.folder}/etcd/m{member}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster={all_of_them}",
        # certificates on both sides: other users of this machine reach loopback too, and every Secret lies here
        "--client-cert-auth",
        f"--trusted-ca-file={pki}/etcd-ca.crt",
        f"--cert-file={pki}/etcd.crt",
        f"--key-file={pki}/etcd.key",
        "--peer-client-cert-auth",
        f"--peer-trusted-ca-file={pki}/etcd-ca.crt",
        f"--peer-cert-file={pki}/etcd.crt",
        f"--peer-key-file={pki}/etcd.key",
        # all on one machine: a lost leader is replaced within half a second, and fewer writes are lost meanwhile
        "--heartbeat-interval=50",
        "--election-timeout=500",
        "--unsafe-no-fsync",  # a sandbox does not outlive its machine, and writes are several times faster
        "--log-level=warn",
    ]


def _apiserver(plane: Plane, member: int) -> list[str]:
    pki = plane.folder / "pki"
    address = plane.address if plane.members == 1 else LOOPBACK
    return [
        "--etcd-servers=" + ",".join(f"https://{LOOPBACK}:{plane.port('etcd', one)}" for one in plane.numbers()),
        f"--etcd-cafile={pki}/etcd-ca.crt",
        f"--etcd-certfile={pki}/apiserver-etcd.crt",
        f"--etcd-keyfile={pki}/apiserver-etcd.key",
        f"--bind-address={address}",
        f"--secure-port={plane.port('apiserver', member)}",
        f"--advertise-address={plane.address}",
        # a loopback address may not be an endpoint, and several members on one address would fight for it: with real
        # nodes we write the one endpoint ourselves
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
        # that of a simulated node is localhost: kwok answers for all
        f"--kubelet-preferred-address-types={'InternalIP' if plane.real else 'InternalDNS'}",
        # minutes by default; a person trying out a node failure wants to see it
        "--default-not-ready-toleration-seconds=2",
        "--default-unreachable-toleration-seconds=2",
        # benchmarks read ten thousand pods: fairness queues and profiling only cost there
        "--profiling=false",
        "--max-requests-inflight=1000",
        "--max-mutating-requests-inflight=600",
    ]


def _controller_manager(plane: Plane) -> list[str]:
    pki = plane.folder / "pki"
    return [
        f"--kubeconfig={plane.folder}/controller-manager.kubeconfig",
        f"--root-ca-file={pki}/ca.crt",
        f"--service-account-private-key-file={pki}/service-accounts.key",
        "--use-service-account-credentials",
        "--allocate-node-cidrs=false",  # a node is created with its network
        *_leader_elect(plane),
        "--secure-port=0",  # nobody asks it anything: one open port less
        "--profiling=false",
        # each controller is a client of its own here, and the default 20/30 delays them by seconds
        "--kube-api-qps=300",
        "--kube-api-burst=600",
        "--node-monitor-period=1s",
        # kwok renews at a quarter of the lease, a real kubelet each second
        f"--node-monitor-grace-period={_REAL_GRACE_S if plane.real else LEASE_S + 10}s",
        "--node-startup-grace-period=60s",
        "--node-eviction-rate=10",
        "--secondary-node-eviction-rate=10",
    ]


def _scheduler(plane: Plane) -> list[str]:
    return [
        f"--kubeconfig={plane.folder}/scheduler.kubeconfig",
        *_leader_elect(plane),
        "--secure-port=0",
        "--profiling=false",
        "--contention-profiling=false",
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
    ]


def _kwok(plane: Plane) -> list[str]:
    pki = plane.folder / "pki"
    return [
        f"--kubeconfig={plane.folder}/kwok.kubeconfig",
        f"--config={plane.folder}/stages.yaml",
        "--manage-nodes-with-label-selector=type=kwok",
        f"--node-lease-duration-seconds={LEASE_S}",
        "--v=WARN",  # a line for each change of each pod otherwise
        f"--node-port={plane.ports['kwok']}",
        f"--server-address={LOOPBACK}:{plane.ports['kwok']}",
        f"--tls-cert-file={pki}/kubelet.crt",
        f"--tls-private-key-file={pki}/kubelet.key",
    ]


def _leader_elect(plane: Plane) -> list[str]:
    if plane.members == 1:
        return ["--leader-elect=false"]
    # among several one acts; when it goes another takes over within seconds, not a quarter of a minute
    times = {"lease-duration": 6, "renew-deadline": 4, "retry-period": 1}
    return ["--leader-elect", *(f"--leader-elect-{name}={seconds}s" for name, seconds in times.items())]
