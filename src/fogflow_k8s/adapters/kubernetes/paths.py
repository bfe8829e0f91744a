"""URL paths of Kubernetes objects on an API server.

The kinds of the charts are in model/manifests.py; this module adds the kinds that the program only reads or asks for.
"""

from __future__ import annotations

from urllib.parse import quote

from fogflow_k8s.model.manifests import RESOURCES

_OTHER_RESOURCES = {
    "Node": ("v1", "nodes", False),
    "ClusterRole": ("rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ClusterRoleBinding": ("rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "PersistentVolume": ("v1", "persistentvolumes", False),
    "Gateway": ("gateway.networking.k8s.io/v1", "gateways", True),
    "EndpointSlice": ("discovery.k8s.io/v1", "endpointslices", True),
    "Event": ("v1", "events", True),
    "PodMetrics": ("metrics.k8s.io/v1beta1", "pods", True),
    "SelfSubjectAccessReview": ("authorization.k8s.io/v1", "selfsubjectaccessreviews", False),
    "SelfSubjectRulesReview": ("authorization.k8s.io/v1", "selfsubjectrulesreviews", False),
    "SelfSubjectReview": ("authentication.k8s.io/v1", "selfsubjectreviews", False),
}


def path_of(kind: str, namespace: str = "", name: str = "") -> str:
    """Return the URL path of a kind's collection, or of one object in it."""
    version, plural, namespaced = RESOURCES[kind] if kind in RESOURCES else _OTHER_RESOURCES[kind]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    where = f"/namespaces/{quote(namespace)}" if namespaced and namespace else ""
    return f"{root}{where}/{plural}" + (f"/{quote(name)}" if name else "")
