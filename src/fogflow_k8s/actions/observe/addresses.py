"""The addresses at which users reach the dashboard, for every value of expose.type.

The manifests say how nginx is exposed, and hold addresses that the user chose (externalIPs, host names). Addresses that the
cluster assigns are read from the cluster: from the status of a load balancer, an Ingress or a Gateway, and the port of a
Service of type NodePort.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model import manifests
from fogflow_k8s.model.diagnosis.pod_status import condition
from fogflow_k8s.model.kubernetes import Obj, spec_of, status_of
from fogflow_k8s.model.urls import in_url

PAGE = "/index.html"
_PORTS = {"http": 80, "https": 443}
_NODES = 3  # a node port answers at every node: a few addresses are enough


@dataclass(frozen=True)
class Address:
    """A URL of the dashboard. `inside`: it has an internal address of a node, which may not be reachable from here."""

    url: str
    inside: bool = False


def addresses(op: Operation, objects: Sequence[Obj]) -> tuple[Address, ...]:
    """Every address known now, each once. Addresses without read permission are left out. Raises ClusterError."""
    found: list[Address] = []
    for obj in objects:
        kind = obj.get("kind")
        if kind == "Service" and manifests.component_of(obj) == "nginx":
            found += _of_service(op, obj)
        elif kind == "Ingress":
            found += _of_ingress(op, obj)
        elif kind == "HTTPRoute":
            found += _of_route(op, obj)
    return tuple(dict.fromkeys(found))


def _of_service(op: Operation, service: Obj) -> Iterator[Address]:
    spec = spec_of(service)
    yield from (_address(str(ip)) for ip in spec.get("externalIPs") or [])
    if spec.get("type") not in {"NodePort", "LoadBalancer"}:
        return
    live = _live(op, "Service", str(service["metadata"]["name"]), op.namespace)
    ports = spec_of(live).get("ports") or [{}]
    if spec["type"] == "LoadBalancer":
        yield from (_address(host, port=int(ports[0].get("port") or 80)) for host in _balanced(live))
    elif port := ports[0].get("nodePort"):
        yield from _of_nodes(op, int(port))


def _of_nodes(op: Operation, port: int) -> Iterator[Address]:
    """The addresses of ready nodes: external ones, or internal ones if no node has an external address."""
    ready = [node for node in op.nodes or () if condition(node, "Ready") == "True"]
    for kind in ("ExternalIP", "InternalIP"):
        if hosts := [host for node in ready for host in _hosts(node, kind)]:
            yield from (_address(host, port=port, inside=kind == "InternalIP") for host in hosts[:_NODES])
            return


def _hosts(node: Obj, kind: str) -> list[str]:
    """The addresses of a node of one type."""
    given = status_of(node).get("addresses") or []
    return [str(each["address"]) for each in given if each.get("type") == kind and each.get("address")]


def _of_ingress(op: Operation, ingress: Obj) -> Iterator[Address]:
    spec = spec_of(ingress)
    scheme = "https" if spec.get("tls") else "http"
    hosts = [str(rule.get("host") or "") for rule in spec.get("rules") or []]
    yield from (_address(host, scheme) for host in hosts if _is_one(host))
    if "" in hosts:  # a rule without a host also matches the address
        live = _live(op, "Ingress", str(ingress["metadata"]["name"]), op.namespace)
        yield from (_address(host, scheme) for host in _balanced(live))


def _of_route(op: Operation, route: Obj) -> Iterator[Address]:
    """A URL for each listener of its Gateways, with the route's host names, the listener's, or the Gateway's addresses."""
    spec = spec_of(route)
    names = [str(name) for name in spec.get("hostnames") or []]
    for parent in spec.get("parentRefs") or []:
        live = _live(op, "Gateway", str(parent.get("name")), str(parent.get("namespace") or op.namespace))
        given = [str(a["value"]) for a in status_of(live).get("addresses") or [] if a.get("value")]
        section = parent.get("sectionName")
        listeners = spec_of(live).get("listeners") or []
        # the route's host names are known, even without permission to read the Gateway
        for one in (
            [each for each in listeners if section in (None, each.get("name"))] if live else [{"protocol": "HTTP"}]
        ):
            scheme = str(one.get("protocol") or "").lower()
            if scheme in _PORTS:
                hosts = names or ([str(one["hostname"])] if one.get("hostname") else given)
                port = int(one.get("port") or _PORTS[scheme])
                yield from (_address(host, scheme, port=port) for host in hosts if _is_one(host))


def _balanced(obj: Obj) -> list[str]:
    """The addresses that a load balancer assigned to a Service or an Ingress: IP addresses, or host names in some clouds."""
    given = (status_of(obj).get("loadBalancer") or {}).get("ingress") or []
    return [str(host) for each in given if (host := each.get("ip") or each.get("hostname"))]


def _is_one(host: str) -> bool:
    """Whether it is a single host name: `*.example.org` and "" match many."""
    return bool(host) and not host.startswith("*")


def _live(op: Operation, kind: str, name: str, namespace: str) -> Obj:
    """The live object; empty when it does not exist or may not be read."""
    try:
        return op.cluster.get(kind, name, namespace) or {}
    except ClusterError as error:
        if error.status == 403:
            return {}
        raise


def _address(host: str, scheme: str = "http", *, port: int | None = None, inside: bool = False) -> Address:
    end = "" if port in (None, _PORTS[scheme]) else f":{port}"
    return Address(f"{scheme}://{in_url(host)}{end}{PAGE}", inside)
