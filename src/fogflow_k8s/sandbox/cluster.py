"""Requests to the sandbox's API server, as its administrator: what `sandbox up` and `sandbox status` need.

They use the same client as the rest of the program, with the certificate that the sandbox made for its administrator.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fogflow_k8s.adapters.kubernetes.client import KubeCluster
from fogflow_k8s.adapters.kubernetes.kubeconfig import KubeContext
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model.diagnosis.pod_status import condition
from fogflow_k8s.model.kubernetes import metadata_of

_MANAGER = "fogflow-k8s-sandbox"
_TIMEOUT_S = 10.0


def connect(pki: Path, server: str, name: str) -> KubeCluster:
    """Return a client with the administrator's certificate in the folder `pki`; it sends nothing yet."""
    user = {"client-certificate": str(pki / "admin.crt"), "client-key": str(pki / "admin.key")}
    kube_context = KubeContext(name, server, cluster={"certificate-authority": str(pki / "ca.crt")}, user=user)
    return KubeCluster(kube_context, timeout_s=_TIMEOUT_S)


def apply(cluster: KubeCluster, obj: Mapping[str, Any]) -> None:
    """Create or change an object by server-side apply. Raises ClusterError."""
    cluster.apply(obj, manager=_MANAGER)


def is_ready(cluster: KubeCluster) -> bool:
    """Whether the API server reports that it is ready, including its bootstrap roles."""
    try:
        return cluster.request("GET", "/readyz").body == b"ok"
    except ClusterError:
        return False


def ready_nodes(cluster: KubeCluster) -> dict[str, bool]:
    """Return whether each node is Ready, by name. Raises ClusterError."""
    return {str(metadata_of(node)["name"]): condition(node, "Ready") == "True" for node in cluster.list("Node")}
