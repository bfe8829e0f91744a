"""The network of a sandbox with real nodes: a bridge in a namespace of its own, one link to it from this machine.

The bridge is not in this machine's namespace: br_netfilter would push the nodes' frames through its FORWARD chain,
which a Docker engine sets to DROP. Every MAC address is fixed: a bridge takes the lowest of its ports, and would change
it, and with it everybody's way to the API server, whenever a node's link goes.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass

from fogflow_k8s.adapters.process import Completed, SystemRunner
from fogflow_k8s.errors import FogflowError

MOST = 32
"""Sandboxes with real nodes side by side."""
_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Network:
    """All addresses of one sandbox, by its number; no two numbers share any."""

    number: int
    ipv6: bool = False
    """Whether nodes, pods and Services have addresses of IPv6 only; else of IPv4 only."""

    @property
    def link(self) -> str:
        """The name of the link in this machine's namespace."""
        return f"fogflow{self.number}"

    @property
    def host(self) -> str:
        """This machine's address, where the API server and the registry listen."""
        return _address(self.machines, 1)

    @property
    def machines(self) -> str:
        """The network of the nodes."""
        return f"fd66:89:{self.number}::/64" if self.ipv6 else f"10.89.{self.number}.0/24"

    @property
    def external(self) -> str:
        """Addresses for a Service's externalIPs, routed to the first worker node."""
        return f"fd66:90:{self.number}::/112" if self.ipv6 else f"10.90.{self.number}.0/24"

    @property
    def pods(self) -> str:
        """The network of all pods."""
        return f"fd66:128:{self.number}::/48" if self.ipv6 else f"10.{128 + self.number}.0.0/16"

    @property
    def services(self) -> str:
        """The network of all Services."""
        return f"fd66:160:{self.number}::/112" if self.ipv6 else f"10.{160 + self.number}.0.0/16"

    @property
    def dns(self) -> str:
        """The address of the cluster's DNS."""
        return _address(self.services, 10)

    def node(self, place: int) -> str:
        """The address of the node at this place, counted from 0."""
        return _address(self.machines, 10 + place)

    def pods_of(self, place: int) -> str:
        """The network of that node's pods."""
        return f"fd66:128:{self.number}:{place}::/64" if self.ipv6 else f"10.{128 + self.number}.{place}.0/24"

    def mac(self, last: int) -> str:
        """A fixed, locally administered MAC address."""
        return f"02:66:66:00:{self.number:02x}:{last:02x}"

    def all(self) -> list[str]:
        """Every network that this machine gets a route to."""
        return [self.machines, self.external, self.pods, self.services]

    def on(self, address: str, link: str) -> str:
        """The words of `ip` that give a machine's link its address; at once, without asking whether another has it."""
        length = ipaddress.ip_network(self.machines).prefixlen
        return f"addr add {address}/{length} dev {link}" + (" nodad" if self.ipv6 else "")


def _address(network: str, place: int) -> str:
    return str(ipaddress.ip_network(network)[place])


def free(*, ipv6: bool = False) -> Network:
    """The first number of which neither link nor any network is in use here. Raises FogflowError when none is left."""
    links = {link["ifname"] for link in _json("ip", "-json", "link")}
    routes = _json("ip", "-json", "-6" if ipv6 else "-4", "route")
    taken = [ipaddress.ip_network(route["dst"]) for route in routes if _is_network(route)]
    for candidate in (Network(number, ipv6) for number in range(MOST)):
        wanted = [ipaddress.ip_network(text) for text in candidate.all()]
        if candidate.link not in links and not any(one.overlaps(other) for one in wanted for other in taken):
            return candidate
    raise FogflowError(
        f"no network is free for another sandbox with real nodes: {', '.join(Network(0, ipv6).all())} and those of the "
        f"numbers up to {MOST - 1} are all in use",
        hint="end one: fogflow-k8s sandbox down --name NAME",
    )


def connect_host(net: Network, switch: int, worker: int) -> None:
    """Make the bridge in the namespace of process `switch`, and this machine's link to it with all routes."""
    _inside(
        switch, "link add br0 type bridge\n" + f"link set br0 address {net.mac(1)}\nlink set br0 up\nlink set lo up\n"
    )
    _run("ip", "link", "add", net.link, "type", "veth", "peer", "name", "host", "netns", str(switch))
    _inside(switch, "link set host master br0\nlink set host up\n")
    way = net.node(worker)
    routes = "".join(f"route add {target} via {way}\n" for target in (net.external, net.services))
    _run(
        "ip", "-batch", "-",
        stdin=f"link set {net.link} address {net.mac(254)}\n{net.on(net.host, net.link)}\n"
        f"link set {net.link} up\n{routes}",
    )  # fmt: skip


def connect_node(net: Network, switch: int, node: int, place: int, places: int) -> None:
    """Plug the machine of process `node` into the bridge, with routes to every other node's pods."""
    port = f"node{place}"
    _run("nsenter", "-t", str(switch), "-n", "ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(node))  # fmt: skip
    _inside(switch, f"link set {port} master br0\nlink set {port} up\n")
    others = "".join(
        f"route add {net.pods_of(other)} via {net.node(other)}\n" for other in range(places) if other != place
    )
    _inside(
        node,
        f"link set lo up\nlink set eth0 address {net.mac(10 + place)}\n{net.on(net.node(place), 'eth0')}\n"
        f"link set eth0 up\nroute add default via {net.host}\n{others}",
    )
    _run("ip", "route", "replace", net.pods_of(place), "via", net.node(place))


def disconnect_host(net: Network) -> None:
    """Remove this machine's link, and its routes with it; usually it has gone with the bridge's namespace."""
    SystemRunner().run(["ip", "link", "delete", net.link], timeout_s=_TIMEOUT_S)


def _is_network(route: dict[str, str]) -> bool:
    return route.get("dst", "default") != "default"


def _json(*argv: str) -> list[dict[str, str]]:
    return list(json.loads(_run(*argv).stdout or "[]"))


def _inside(process: int, batch: str) -> None:
    _run("nsenter", "-t", str(process), "-n", "ip", "-batch", "-", stdin=batch)


def _run(*argv: str, stdin: str | None = None) -> Completed:
    done = SystemRunner().run(argv, stdin=stdin, timeout_s=_TIMEOUT_S)
    if done.code:
        raise FogflowError(
            f"{' '.join(argv[:8])}: {done.stderr.strip()[-300:]}",
            hint="networks can be made by root only: run as root, or leave --real out for simulated nodes",
        )
    return done
