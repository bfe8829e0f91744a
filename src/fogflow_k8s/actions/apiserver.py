"""Let keeper and worker reach the API server and nothing else that has its port, where its addresses last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model.apiserver import Way, way_to_api_server
from fogflow_k8s.model.values_base import merge


def narrow(op: Operation, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with `networkPolicy.apiServer` filled in, unless the user did it. Raises ClusterError."""
    policy = values.get("networkPolicy") or {}
    if policy.get("apiServer") or policy.get("enabled") is False:
        return dict(values)
    way = _way(op)
    if way.why_open:
        op.report.log(f"the policies let keeper and worker go anywhere on the API server's ports: {way.why_open}")
        return dict(values)
    found = {"apiServer": {"cidrs": list(way.cidrs), "ports": list(way.ports)}}
    return merge({"networkPolicy": found}, values)


def _way(op: Operation) -> Way:
    try:
        if op.cluster.get("ConfigMap", "cilium-config", "kube-system"):
            # https://docs.cilium.io: an ipBlock never means a node or the API server unless policy-cidr-match-mode says so
            return Way(why_open="Cilium does not take an address for the API server")
        service = op.cluster.get("Service", "kubernetes", "default") or {}
        slices = op.cluster.list("EndpointSlice", "default", selector="kubernetes.io/service-name=kubernetes")
    except ClusterError as error:
        if error.status == 403:
            return Way(why_open="no right to see its addresses")
        raise
    return way_to_api_server(service, slices, op.nodes or ())
