"""The addresses of the API server and the ports of the cluster's DNS, for NetworkPolicies, which know only addresses and ports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from fogflow_k8s.model.kubernetes import Obj, spec_of, status_of
from fogflow_k8s.model.placement.topology import is_control_plane

_DNS = 53


@dataclass(frozen=True)
class ApiServerAccess:
    """Addresses and ports of the API server. Without addresses, `why_open` says why they are not known or not permanent."""

    cidrs: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    why_open: str = ""


def way_to_api_server(service: Obj, slices: Iterable[Obj], nodes: Sequence[Obj]) -> ApiServerAccess:
    """The access to the API server, from Service `kubernetes`, its EndpointSlices, and the nodes.

    Network plugins apply a policy before or after the Service's address is replaced by that of an endpoint, so both are
    included. Addresses are permanent only if the control planes are nodes of the cluster; all of them are then included, even
    those that are not ready.
    """
    planes = [n for n in nodes if is_control_plane(n)]
    slices = list(slices)
    spec = spec_of(service)
    ports = tuple(sorted(_ports(spec.get("ports") or []) | {p for s in slices for p in _ports(s.get("ports") or [])}))
    if not planes:
        return ApiServerAccess(
            ports=ports, why_open="its control plane is not among the nodes, so its addresses may change"
        )
    addresses = {a for s in slices for e in s.get("endpoints") or [] for a in e.get("addresses") or []}
    if not addresses:
        return ApiServerAccess(ports=ports, why_open="Service kubernetes has no endpoint")
    addresses |= {str(a["address"]) for n in planes for a in _addresses(n) if a.get("type") == "InternalIP"}
    addresses |= {a for a in spec.get("clusterIPs") or [spec.get("clusterIP")] if a and a != "None"}
    return ApiServerAccess(tuple(sorted(map(_cidr, addresses))), ports)


def dns_ports(services: Iterable[Obj], slices: Iterable[Obj]) -> tuple[int, ...]:
    """The ports of the cluster's DNS: those of the Services and of the pods behind them, without metrics ports."""
    found = {p for s in services for p in _ports(spec_of(s).get("ports") or [], names=True)}
    return tuple(sorted(found | {p for s in slices for p in _ports(s.get("ports") or [], names=True)}))


def _ports(ports: Iterable[Obj], *, names: bool = False) -> set[int]:
    """The port numbers; with `names` only ports with dns in their name, and port 53."""
    return {
        int(p["port"]) for p in ports
        if p.get("port") and (not names or "dns" in str(p.get("name") or "") or int(p["port"]) == _DNS)
    }  # fmt: skip


def _addresses(node: Obj) -> Sequence[Obj]:
    return status_of(node).get("addresses") or []


def _cidr(address: str) -> str:
    return f"{address}/{ip_address(address).max_prefixlen}"
