"""The namespace of FogFlow's tasks, for commands that do not read the whole release.

The worker's ConfigMap names it. A user with read access to the release can read that ConfigMap, while Helm's Secrets need
more permissions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fogflow_k8s.adapters.kubernetes.client import Cluster
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model import names
from fogflow_k8s.model.components import WORKERS
from fogflow_k8s.model.manifests import COMPONENT

_SOURCES = (("ConfigMap", ",".join(WORKERS)), ("Deployment", "keeper"))


def read(cluster: Cluster, release: str, namespace: str) -> str:
    """The tasks' namespace of a release, from its objects in the cluster; the chart's default where they do not name it.

    The second source counts only where the first has no object, as with configJson.hostPath. Raises ClusterError when
    the server does not answer; objects without read permission are skipped.
    """
    objects: list[Mapping[str, Any]] = []
    for kind, components in _SOURCES:
        selector = f"app.kubernetes.io/instance={release},{COMPONENT} in ({components})"
        try:
            objects += cluster.list(kind, namespace, selector)
        except ClusterError as error:
            if error.status != 403:
                raise
        if objects:
            break
    return names.tasks_namespace(objects, namespace)
