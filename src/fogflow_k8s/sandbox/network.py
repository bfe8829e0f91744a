"""The network of a sandbox with real nodes: a bridge in a network namespace, with one link to this machine.

The bridge is not in this machine's namespace, because br_netfilter would pass the nodes' frames through the machine's
FORWARD chain, which a Docker engine sets to DROP. Every MAC address is fixed: a bridge takes the lowest address of its
ports, so it would change when a node's link is removed, and interrupt all connections to the API server.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass

from fogflow_k8s.adapters.process import Completed, SystemRunner
from fogflow_k8s.errors import FogflowError

MAX_NETWORKS = 32
"""The maximum number of sandboxes with real nodes at the same time."""
_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Network:
    """All addresses of one sandbox, derived from its number; two numbers share none."""

    number: int
    ipv6: bool = False
    """Whether nodes, pods and Services have IPv6 addresses only, instead of IPv4 only."""

    @property
    def link(self) -> str:
        """The name of the link in this machine's namespace."""
        return f"fogflow{self.number}"

    @property
    def host(self) -> str:
        """This machine's address, where the API server and the registry listen."""
        return _nth_address(self.nodes, 1)

    @property
    def nodes(self) -> str:
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
        return _nth_address(self.services, 10)

    def node(self, index: int) -> str:
        """Return the address of the node with this index, counted from 0."""
        return _nth_address(self.nodes, 10 + index)

    def pods_of(self, index: int) -> str:
        """Return the network of that node's pods."""
        return f"fd66:128:{self.number}:{index}::/64" if self.ipv6 else f"10.{128 + self.number}.{index}.0/24"

    def mac(self, last: int) -> str:
        """Return a fixed, locally administered MAC address."""
        return f"02:66:66:00:{self.number:02x}:{last:02x}"

    def subnets(self) -> list[str]:
        """Return every network that this machine gets a route to."""
        return [self.nodes, self.external, self.pods, self.services]

    def address_command(self, address: str, link: str) -> str:
        """Return the arguments of `ip` that add an address to a link; without duplicate address detection, so at once."""
        length = ipaddress.ip_network(self.nodes).prefixlen
        return f"addr add {address}/{length} dev {link}" + (" nodad" if self.ipv6 else "")


def _nth_address(network: str, index: int) -> str:
    return str(ipaddress.ip_network(network)[index])


def find_free(*, ipv6: bool = False) -> Network:
    """Return the first network whose link and addresses are unused on this machine. Raises FogflowError when all are used."""
    links = {link["ifname"] for link in _json("ip", "-json", "link")}
    routes = _json("ip", "-json", "-6" if ipv6 else "-4", "route")
    taken = [ipaddress.ip_network(route["dst"]) for route in routes if _is_network(route)]
    for candidate in (Network(number, ipv6) for number in range(MAX_NETWORKS)):
        wanted = [ipaddress.ip_network(text) for text in candidate.subnets()]
        if candidate.link not in links and not any(one.overlaps(other) for one in wanted for other in taken):
            return candidate
    raise FogflowError(
        f"no network is free for another sandbox with real nodes: {', '.join(Network(0, ipv6).subnets())} and those of the "
        f"numbers up to {MAX_NETWORKS - 1} are all in use",
        hint="remove one: fogflow-k8s sandbox down --name NAME",
    )


def connect_host(net: Network, switch: int, worker: int) -> None:
    """Create the bridge in the namespace of process `switch`, and this machine's link to it with all routes."""
    _ip_in_namespace(
        switch, "link add br0 type bridge\n" + f"link set br0 address {net.mac(1)}\nlink set br0 up\nlink set lo up\n"
    )
    _run("ip", "link", "add", net.link, "type", "veth", "peer", "name", "host", "netns", str(switch))
    _ip_in_namespace(switch, "link set host master br0\nlink set host up\n")
    gateway = net.node(worker)
    routes = "".join(f"route add {target} via {gateway}\n" for target in (net.external, net.services))
    _run(
        "ip", "-batch", "-",
        stdin=f"link set {net.link} address {net.mac(254)}\n{net.address_command(net.host, net.link)}\n"
        f"link set {net.link} up\n{routes}",
    )  # fmt: skip


def connect_node(net: Network, switch: int, node: int, index: int, places: int) -> None:
    """Connect the machine of process `node` to the bridge, with routes to the pods of all other nodes."""
    port = f"node{index}"
    _run("nsenter", "-t", str(switch), "-n", "ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(node))  # fmt: skip
    _ip_in_namespace(switch, f"link set {port} master br0\nlink set {port} up\n")
    others = "".join(
        f"route add {net.pods_of(other)} via {net.node(other)}\n" for other in range(places) if other != index
    )
    _ip_in_namespace(
        node,
        f"link set lo up\nlink set eth0 address {net.mac(10 + index)}\n{net.address_command(net.node(index), 'eth0')}\n"
        f"link set eth0 up\nroute add default via {net.host}\n{others}",
    )
    _run("ip", "route", "replace", net.pods_of(index), "via", net.node(index))


def disconnect_host(net: Network) -> None:
    """Remove this machine's link and its routes; usually they disappeared with the bridge's namespace."""
    SystemRunner().run(["ip", "link", "delete", net.link], timeout_s=_TIMEOUT_S)


def _is_network(route: dict[str, str]) -> bool:
    return route.get("dst", "default") != "default"


def _json(*argv: str) -> list[dict[str, str]]:
    return list(json.loads(_run(*argv).stdout or "[]"))


def _ip_in_namespace(process: int, batch: str) -> None:
    _run("nsenter", "-t", str(process), "-n", "ip", "-batch", "-", stdin=batch)


def _run(*argv: str, stdin: str | None = None) -> Completed:
    done = SystemRunner().run(argv, stdin=stdin, timeout_s=_TIMEOUT_S)
    if done.code:
        raise FogflowError(
            f"{' '.join(argv[:8])}: {done.stderr.strip()[-300:]}",
            hint="only root can create networks: run as root, or leave --real out for simulated nodes",
        )
    return done
