"""The addresses at which users reach the dashboard, for every value of expose.type.

The manifests say how nginx is exposed, and where a person chose the address (externalIPs, a host name) they say that too.
Where the cluster gives the address, it is read from the cluster: the status of a load balancer, of an Ingress or of a
Gateway, and the port that a Service of type NodePort got.
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
    """A URL of the dashboard. `inside`: of a node that has no address outside its own network; it may lead nowhere from here."""

    url: str
    inside: bool = False


def addresses(op: Operation, objects: Sequence[Obj]) -> tuple[Address, ...]:
    """Every address known now, each once. Those of a cluster that does not let us read them are missing. Raises ClusterError."""
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
    """At nodes that are ready: those with an address outside, else those with one inside."""
    ready = [node for node in op.nodes or () if condition(node, "Ready") == "True"]
    for kind in ("ExternalIP", "InternalIP"):
        if hosts := [host for node in ready for host in _hosts(node, kind)]:
            yield from (_address(host, port=port, inside=kind == "InternalIP") for host in hosts[:_NODES])
            return


def _hosts(node: Obj, kind: str) -> list[str]:
    """The addresses of one type that a node has."""
    given = status_of(node).get("addresses") or []
    return [str(each["address"]) for each in given if each.get("type") == kind and each.get("address")]


def _of_ingress(op: Operation, ingress: Obj) -> Iterator[Address]:
    spec = spec_of(ingress)
    scheme = "https" if spec.get("tls") else "http"
    hosts = [str(rule.get("host") or "") for rule in spec.get("rules") or []]
    yield from (_address(host, scheme) for host in hosts if _is_one(host))
    if "" in hosts:  # every name leads there, and so does the address
        live = _live(op, "Ingress", str(ingress["metadata"]["name"]), op.namespace)
        yield from (_address(host, scheme) for host in _balanced(live))


def _of_route(op: Operation, route: Obj) -> Iterator[Address]:
    """By the listeners of its Gateways, under the route's names, the listener's, or the Gateway's addresses."""
    spec = spec_of(route)
    names = [str(name) for name in spec.get("hostnames") or []]
    for parent in spec.get("parentRefs") or []:
        live = _live(op, "Gateway", str(parent.get("name")), str(parent.get("namespace") or op.namespace))
        given = [str(a["value"]) for a in status_of(live).get("addresses") or [] if a.get("value")]
        section = parent.get("sectionName")
        listeners = spec_of(live).get("listeners") or []
        # the names of the route lead there, even if we may not read the Gateway
        for one in (
            [each for each in listeners if section in (None, each.get("name"))] if live else [{"protocol": "HTTP"}]
        ):
            scheme = str(one.get("protocol") or "").lower()
            if scheme in _PORTS:
                hosts = names or ([str(one["hostname"])] if one.get("hostname") else given)
                port = int(one.get("port") or _PORTS[scheme])
                yield from (_address(host, scheme, port=port) for host in hosts if _is_one(host))


def _balanced(obj: Obj) -> list[str]:
    """What a load balancer gave a Service or an Ingress: an IP address, or only a host name, as some clouds do."""
    given = (status_of(obj).get("loadBalancer") or {}).get("ingress") or []
    return [str(host) for each in given if (host := each.get("ip") or each.get("hostname"))]


def _is_one(host: str) -> bool:
    """Whether a host name is one name: `*.example.org` and "" stand for many."""
    return bool(host) and not host.startswith("*")


def _live(op: Operation, kind: str, name: str, namespace: str) -> Obj:
    """The object as the cluster has it; empty when it is not there, or we may not read it."""
    try:
        return op.cluster.get(kind, name, namespace) or {}
    except ClusterError as error:
        if error.status == 403:
            return {}
        raise


def _address(host: str, scheme: str = "http", *, port: int | None = None, inside: bool = False) -> Address:
    end = "" if port in (None, _PORTS[scheme]) else f":{port}"
    return Address(f"{scheme}://{in_url(host)}{end}{PAGE}", inside)
