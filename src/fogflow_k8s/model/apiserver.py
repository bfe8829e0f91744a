"""Where the API server is, as a network policy has to say it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from fogflow_k8s.model.shape import is_control_plane

Obj = Mapping[str, Any]


@dataclass(frozen=True)
class Way:
    """The addresses and ports that lead to the API server; none when they cannot be told for good."""

    cidrs: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    why_open: str = ""


def way_to_api_server(service: Obj, slices: Iterable[Obj], nodes: Sequence[Obj]) -> Way:
    """From Service `kubernetes`, its EndpointSlices, and the nodes.

    Policies are judged before or after a Service's address was replaced, by network; so both ends are named. Only where the
    control planes are nodes: then those that are down for an hour are named, too, while a provider's come and go.
    """
    planes = [n for n in nodes if is_control_plane(n)]
    if not planes:
        return Way(why_open="its control plane is not among the nodes, so its addresses may change")
    slices = list(slices)
    addresses = {a for s in slices for e in s.get("endpoints") or [] for a in e.get("addresses") or []}
    if not addresses:
        return Way(why_open="Service kubernetes has no endpoint")
    addresses |= {str(a["address"]) for n in planes for a in _addresses(n) if a.get("type") == "InternalIP"}
    spec = service.get("spec") or {}
    addresses |= {a for a in spec.get("clusterIPs") or [spec.get("clusterIP")] if a and a != "None"}
    ports = {int(p["port"]) for p in spec.get("ports") or []}
    ports |= {int(p["port"]) for s in slices for p in s.get("ports") or [] if p.get("port")}
    return Way(tuple(sorted(map(_cidr, addresses))), tuple(sorted(ports)))


def _addresses(node: Obj) -> Sequence[Obj]:
    return (node.get("status") or {}).get("addresses") or []


def _cidr(address: str) -> str:
    return f"{address}/{ip_address(address).max_prefixlen}"
