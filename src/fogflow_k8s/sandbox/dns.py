"""CoreDNS as the objects of a cluster, and the way from pods to the API server."""

from __future__ import annotations

from typing import Any

from fogflow_k8s.sandbox.api import Api
from fogflow_k8s.sandbox.images import dns_image
from fogflow_k8s.sandbox.network import Network

_NAMESPACE = "/api/v1/namespaces/kube-system"
DEPLOYMENT = "/apis/apps/v1/namespaces/kube-system/deployments/coredns"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
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


def install(api: Api, net: Network, port: int) -> None:
    """Make `kubernetes.default` and the cluster's DNS. Raises ClusterError."""
    api.apply("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes", _api_endpoint(net, port))
    labels = {"k8s-app": "kube-dns"}
    account = {"kind": "ServiceAccount", "name": "coredns", "namespace": "kube-system"}
    read = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:coredns"}
    rbac = "rbac.authorization.k8s.io/v1"
    api.apply(f"{_NAMESPACE}/serviceaccounts/coredns", _object("v1", "ServiceAccount", "coredns"))
    api.apply(f"{_RBAC}/clusterroles/system:coredns", _object(rbac, "ClusterRole", "system:coredns", rules=read))
    api.apply(
        f"{_RBAC}/clusterrolebindings/system:coredns",
        _object(rbac, "ClusterRoleBinding", "system:coredns", roleRef=role, subjects=[account]),
    )
    api.apply(f"{_NAMESPACE}/configmaps/coredns", _object("v1", "ConfigMap", "coredns", data={"Corefile": _COREFILE}))
    ports = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]
    spec = {"clusterIP": net.dns, "selector": labels, "ports": ports}
    api.apply(f"{_NAMESPACE}/services/kube-dns", _object("v1", "Service", "kube-dns", labels, spec=spec))
    api.apply(DEPLOYMENT, _object("apps/v1", "Deployment", "coredns", labels, spec=_deployment(labels)))


def _api_endpoint(net: Network, port: int) -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "kubernetes", "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "addressType": "IPv6" if net.ipv6 else "IPv4",
        "endpoints": [{"addresses": [net.host], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }


def _object(version: str, kind: str, name: str, labels: dict[str, str] | None = None, **rest: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": labels or {}}, **rest}


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
        # two, apart where there is room, and on a control plane node too: names shall outlive a node
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
