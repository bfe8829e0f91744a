"""What the policies must let through of the cluster itself: the API server, and nothing else that has its port, and DNS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model.placement.apiserver import ApiServerAccess, dns_ports, way_to_api_server
from fogflow_k8s.model.settings.base import merge


def narrow(op: Operation, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with `networkPolicy.apiServer` filled in, unless the user did it. Raises ClusterError."""
    policy = values.get("networkPolicy") or {}
    if policy.get("enabled") is False:
        return dict(values)
    found: dict[str, Any] = {}
    if not policy.get("apiServer"):
        way = _way(op)
        if way.why_open:
            op.report.log(f"the policies let keeper and worker go anywhere on the API server's ports: {way.why_open}")
        known = {"cidrs": list(way.cidrs), "ports": list(way.ports)}
        found["apiServer"] = {key: value for key, value in known.items() if value}
    if not policy.get("dns") and (ports := _dns(op)):
        found["dns"] = {"ports": list(ports)}
    found = {key: value for key, value in found.items() if value}
    return merge({"networkPolicy": found}, values) if found else dict(values)


NAME_SERVERS = (("kube-system", "k8s-app=kube-dns"), ("openshift-dns", "dns.operator.openshift.io/owning-dns=default"))
"""Where clusters keep their name servers: namespace, and the label of their Service, which its EndpointSlices have, too."""


def _dns(op: Operation) -> tuple[int, ...]:
    """The ports of the cluster's name servers; none when they cannot be seen, as the chart's own then hold."""
    try:
        services = [s for namespace, label in NAME_SERVERS for s in op.cluster.list("Service", namespace, label)]
        slices = [s for namespace, label in NAME_SERVERS for s in op.cluster.list("EndpointSlice", namespace, label)]
    except ClusterError as error:
        if error.status == 403:
            return ()
        raise
    return dns_ports(services, slices) if slices else ()


def _way(op: Operation) -> ApiServerAccess:
    try:
        if op.cluster.get("ConfigMap", "cilium-config", "kube-system"):
            # https://docs.cilium.io: an ipBlock never means a node or the API server unless policy-cidr-match-mode says so
            return replace(_found(op), cidrs=(), why_open="Cilium does not take an address for the API server")
        return _found(op)
    except ClusterError as error:
        if error.status == 403:
            return ApiServerAccess(why_open="no right to see its addresses")
        raise


def _found(op: Operation) -> ApiServerAccess:
    slices = op.cluster.list("EndpointSlice", "default", selector="kubernetes.io/service-name=kubernetes")
    return way_to_api_server(op.api_service, slices, op.nodes or ())
