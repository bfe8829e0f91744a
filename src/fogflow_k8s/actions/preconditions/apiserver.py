"""The addresses of the API server and the ports of DNS, for the chart's network policies.

Keeper and worker call the API server. With its addresses in the values, their policies admit only the API server, and not any
other host on the same port.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model.placement.apiserver import ApiServerAccess, dns_ports, way_to_api_server
from fogflow_k8s.model.settings.base import merge


def narrow(op: Operation, values: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The values with `networkPolicy.apiServer` and `.dns` filled in, unless the user set them. Raises ClusterError.

    The second value is a note for the user if the policies must admit any host; None on simulated nodes, where no policy is enforced.
    """
    policy = values.get("networkPolicy") or {}
    if policy.get("enabled") is False:
        return dict(values), None
    found: dict[str, Any] = {}
    note = None
    if not policy.get("apiServer"):
        way = _way(op)
        if way.why_open and not op.simulated:
            note = f"the network policies admit keeper and worker to any host on the API server's ports: {way.why_open}"
        known = {"cidrs": list(way.cidrs), "ports": list(way.ports)}
        found["apiServer"] = {key: value for key, value in known.items() if value}
    if not policy.get("dns") and (ports := _dns(op)):
        found["dns"] = {"ports": list(ports)}
    found = {key: value for key, value in found.items() if value}
    return (merge({"networkPolicy": found}, values) if found else dict(values)), note


NAME_SERVERS = (("kube-system", "k8s-app=kube-dns"), ("openshift-dns", "dns.operator.openshift.io/owning-dns=default"))
"""The name servers of clusters: namespace, and the label of their Service and its EndpointSlices."""


def _dns(op: Operation) -> tuple[int, ...]:
    """The ports of the cluster's name servers; empty when they cannot be read, and the chart's defaults apply."""
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
            # https://docs.cilium.io: an ipBlock does not match nodes or the API server without policy-cidr-match-mode
            return replace(_found(op), cidrs=(), why_open="Cilium's policies do not match the API server by address")
        return _found(op)
    except ClusterError as error:
        if error.status == 403:
            return ApiServerAccess(why_open="no permission to read its addresses")
        raise


def _found(op: Operation) -> ApiServerAccess:
    slices = op.cluster.list("EndpointSlice", "default", selector="kubernetes.io/service-name=kubernetes")
    return way_to_api_server(op.api_service, slices, op.nodes or ())
