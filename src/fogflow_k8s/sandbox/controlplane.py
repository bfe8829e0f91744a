"""The command lines of a control plane on loopback: etcd, API server, controller manager, scheduler, kwok."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path

from fogflow_k8s.adapters.places import write_private
from fogflow_k8s.sandbox.pki import SERVICE_IP
from fogflow_k8s.sandbox.simulated import LEASE_S

PORTS = ("etcd", "etcd-peer", "apiserver", "kwok")
PROGRAMS = {
    "etcd": "etcd",
    "apiserver": "kube-apiserver",
    "controller-manager": "kube-controller-manager",
    "scheduler": "kube-scheduler",
    "kwok": "kwok",
}
_USERS = {"admin": "admin", "controller-manager": "kcm", "scheduler": "scheduler", "kwok": "kwok"}
_LOOPBACK = "127.0.0.1"


def free_ports() -> dict[str, int]:
    """A free port of loopback for each of PORTS; another program may still be quicker, so starting is retried."""
    held = {name: socket.socket() for name in PORTS}
    try:
        for one in held.values():
            one.bind((_LOOPBACK, 0))
        return {name: one.getsockname()[1] for name, one in held.items()}
    finally:
        for one in held.values():
            one.close()


def write_kubeconfigs(folder: Path, server: str) -> None:
    """One kubeconfig per daemon, and `kubeconfig` for people; as JSON, which is YAML too."""
    for user, certificate in _USERS.items():
        path = folder / ("kubeconfig" if user == "admin" else f"{user}.kubeconfig")
        write_private(path, json.dumps(kubeconfig(folder / "pki", server, certificate), indent=1) + "\n")


def kubeconfig(pki: Path, server: str, certificate: str, name: str = "fogflow-sandbox") -> dict[str, object]:
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


def command_lines(folder: Path, ports: Mapping[str, int], programs: Mapping[str, Path]) -> dict[str, list[str]]:
    """Argv of each daemon. Pure, so that a test can hold every flag."""
    flags = {
        "etcd": _etcd(folder, ports),
        "apiserver": _apiserver(folder, ports),
        "controller-manager": _controller_manager(folder),
        "scheduler": _scheduler(folder),
        "kwok": _kwok(folder, ports),
    }
    return {name: [str(programs[PROGRAMS[name]]), *lines] for name, lines in flags.items()}


def _etcd(folder: Path, ports: Mapping[str, int]) -> list[str]:
    pki = folder / "pki"
    client, peer = f"https://{_LOOPBACK}:{ports['etcd']}", f"https://{_LOOPBACK}:{ports['etcd-peer']}"
    return [
        f"--data-dir={folder}/etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        # certificates on both sides: other users of this machine reach loopback too, and every Secret lies here
        "--client-cert-auth",
        f"--trusted-ca-file={pki}/etcd-ca.crt",
        f"--cert-file={pki}/etcd.crt",
        f"--key-file={pki}/etcd.key",
        "--peer-client-cert-auth",
        f"--peer-trusted-ca-file={pki}/etcd-ca.crt",
        f"--peer-cert-file={pki}/etcd.crt",
        f"--peer-key-file={pki}/etcd.key",
        "--unsafe-no-fsync",  # a sandbox does not outlive its machine, and writes are several times faster
        "--log-level=warn",
    ]


def _apiserver(folder: Path, ports: Mapping[str, int]) -> list[str]:
    pki = folder / "pki"
    return [
        f"--etcd-servers=https://{_LOOPBACK}:{ports['etcd']}",
        f"--etcd-cafile={pki}/etcd-ca.crt",
        f"--etcd-certfile={pki}/apiserver-etcd.crt",
        f"--etcd-keyfile={pki}/apiserver-etcd.key",
        f"--bind-address={_LOOPBACK}",
        f"--secure-port={ports['apiserver']}",
        f"--advertise-address={_LOOPBACK}",
        "--endpoint-reconciler-type=none",  # a loopback address may not be an endpoint, and no pod runs to use it
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--service-account-key-file={pki}/service-accounts.pub",
        f"--service-account-signing-key-file={pki}/service-accounts.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-cluster-ip-range={SERVICE_IP.rpartition('.')[0]}.0/16",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--anonymous-auth=false",
        "--allow-privileged",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet.key",
        "--kubelet-preferred-address-types=InternalDNS",  # that of a simulated node is localhost: kwok answers for all
        # minutes by default; a person trying out a node failure wants to see it
        "--default-not-ready-toleration-seconds=2",
        "--default-unreachable-toleration-seconds=2",
        # benchmarks read ten thousand pods: fairness queues and profiling only cost there
        "--profiling=false",
        "--max-requests-inflight=1000",
        "--max-mutating-requests-inflight=600",
    ]


def _controller_manager(folder: Path) -> list[str]:
    pki = folder / "pki"
    return [
        f"--kubeconfig={folder}/controller-manager.kubeconfig",
        f"--root-ca-file={pki}/ca.crt",
        f"--service-account-private-key-file={pki}/service-accounts.key",
        "--use-service-account-credentials",
        "--allocate-node-cidrs=false",
        "--leader-elect=false",
        "--secure-port=0",  # nobody asks it anything: one open port less
        "--profiling=false",
        # each controller is a client of its own here, and the default 20/30 delays them by seconds
        "--kube-api-qps=300",
        "--kube-api-burst=600",
        "--node-monitor-period=1s",
        f"--node-monitor-grace-period={LEASE_S + 10}s",  # kwok renews at a quarter of the lease
        "--node-startup-grace-period=60s",
        "--node-eviction-rate=10",
        "--secondary-node-eviction-rate=10",
    ]


def _scheduler(folder: Path) -> list[str]:
    return [
        f"--kubeconfig={folder}/scheduler.kubeconfig",
        "--leader-elect=false",
        "--secure-port=0",
        "--profiling=false",
        "--contention-profiling=false",
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
    ]


def _kwok(folder: Path, ports: Mapping[str, int]) -> list[str]:
    pki = folder / "pki"
    return [
        f"--kubeconfig={folder}/kwok.kubeconfig",
        f"--config={folder}/stages.yaml",
        "--manage-nodes-with-label-selector=type=kwok",
        f"--node-lease-duration-seconds={LEASE_S}",
        "--v=WARN",  # a line for each change of each pod otherwise
        f"--node-port={ports['kwok']}",
        f"--server-address={_LOOPBACK}:{ports['kwok']}",
        f"--tls-cert-file={pki}/kubelet.crt",
        f"--tls-private-key-file={pki}/kubelet.key",
    ]
