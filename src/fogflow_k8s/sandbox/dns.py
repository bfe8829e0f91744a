"""DNS of a sandbox with real nodes: CoreDNS as a Deployment, and the endpoint of `kubernetes.default`.

Pods find Services, and the API server, by these names. Simulated nodes do not need them, because no container runs.
"""

from __future__ import annotations

from typing import Any

from fogflow_k8s.adapters.kubernetes.client import KubeCluster
from fogflow_k8s.sandbox.cluster import apply
from fogflow_k8s.sandbox.images import dns_image
from fogflow_k8s.sandbox.network import Network

NAMESPACE = "kube-system"
DEPLOYMENT = "coredns"
_COREFILE = """.:53 {
    errors
    health :8080 {
        lameduck 1s
    }
    ready :8181
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        ttl 5
    }
    cache 5
    reload
    loadbalance
}
"""


def install(cluster: KubeCluster, net: Network, port: int) -> None:
    """Create the endpoint of `kubernetes.default`, and CoreDNS with its Service. Raises ClusterError."""
    apply(cluster, _api_endpoint(net, port))
    labels = {"k8s-app": "kube-dns"}
    account = {"kind": "ServiceAccount", "name": "coredns", "namespace": NAMESPACE}
    read = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:coredns"}
    rbac = "rbac.authorization.k8s.io/v1"
    apply(cluster, _object("v1", "ServiceAccount", "coredns"))
    apply(cluster, _object(rbac, "ClusterRole", "system:coredns", rules=read))
    apply(cluster, _object(rbac, "ClusterRoleBinding", "system:coredns", roleRef=role, subjects=[account]))
    apply(cluster, _object("v1", "ConfigMap", "coredns", data={"Corefile": _COREFILE}))
    ports = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]
    spec = {"clusterIP": net.dns, "selector": labels, "ports": ports}
    apply(cluster, _object("v1", "Service", "kube-dns", labels, spec=spec))
    apply(cluster, _object("apps/v1", "Deployment", DEPLOYMENT, labels, spec=_deployment(labels)))


def _api_endpoint(net: Network, port: int) -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": "kubernetes"},
        },
        "addressType": "IPv6" if net.ipv6 else "IPv4",
        "endpoints": [{"addresses": [net.host], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }


def _object(version: str, kind: str, name: str, labels: dict[str, str] | None = None, **rest: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "labels": labels or {}}
    if not kind.startswith("ClusterRole"):
        metadata["namespace"] = NAMESPACE
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


def _deployment(labels: dict[str, str]) -> dict[str, Any]:
    container = {
        "name": "coredns",
        "image": dns_image(),
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "20m", "memory": "50Mi"}},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns"}],
    }
    spec = {
        "serviceAccountName": "coredns",
        "priorityClassName": "system-cluster-critical",
        "dnsPolicy": "Default",
        "terminationGracePeriodSeconds": 5,
        # two replicas, on different nodes where possible, also on control plane nodes: DNS must survive the loss of a node
        "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": labels},
            }
        ],
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
