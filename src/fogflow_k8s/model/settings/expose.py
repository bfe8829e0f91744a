"""How clients outside the cluster reach the reverse proxy: the `expose` section of values.yaml.

`expose.type` selects one way (external IPs, a node port, a load balancer, an Ingress or a Gateway); the other keys configure it, the
login, and the ports for edges.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fogflow_k8s.model.settings.base import Cidr, IpAddress, Name, Part

ExposeType = Literal["none", "externalIPs", "nodePort", "loadBalancer", "ingress", "gateway"]


class LoadBalancer(Part):
    """Settings for expose.type loadBalancer."""

    class_name: str = ""
    """Load balancer class; empty = the cluster's default."""
    ip: str = Field("", pattern=r"^[0-9A-Fa-f.:]*$")
    """The address to request; some implementations ignore it."""
    source_ranges: list[Cidr] = Field(default_factory=list)
    """CIDRs of the clients that may connect; empty = no restriction."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Annotations of the Service, which load balancer implementations read."""


class Ingress(Part):
    """Settings for expose.type ingress."""

    class_name: Name = ""
    """Ingress class; empty = the cluster's default."""
    host: str = Field("", pattern=r"^(\*\.)?[a-z0-9.-]*$")
    """Host name of the Ingress; empty = every name."""
    tls_secret: Name = ""
    """A Secret of type kubernetes.io/tls; not needed with cert-manager, which then creates Secret nginx-tls."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Annotations for the controller and cert-manager; cert-manager.io/issuer or cert-manager.io/cluster-issuer turns TLS on."""

    @property
    def certified(self) -> bool:
        """Whether cert-manager creates the certificate."""
        return bool({"cert-manager.io/issuer", "cert-manager.io/cluster-issuer"} & self.annotations.keys())


class Gateway(Part):
    """Settings for expose.type gateway: an HTTPRoute on an existing Gateway; TLS, if used, ends at the Gateway."""

    name: Name = ""
    """Name of the Gateway."""
    namespace: Name = ""
    """Namespace of the Gateway; empty = the release's namespace."""
    section_name: Name = ""
    """Name of the Gateway's listener; empty = all listeners."""
    hostnames: list[Annotated[str, Field(pattern=r"^(\*\.)?[a-z0-9.-]+$")]] = Field(default_factory=list)
    """Host names of the HTTPRoute; empty = every name."""


class BasicAuth(Part):
    """A login in front of the dashboard and its API."""

    existing_secret: Name = ""
    """A Secret with key htpasswd; protects the dashboard and its API."""


class EdgePorts(Part):
    """Node ports for expose.edge.type nodePort; 0 = any free port."""

    rabbitmq: int = Field(0, ge=0, le=65535)
    """Node port of AMQP; 0 = any free port."""
    broker: int = Field(0, ge=0, le=65535)
    """Node port of NGSI10 and NGSI-LD; 0 = any free port."""
    discovery: int = Field(0, ge=0, le=65535)
    """Node port of NGSI9; 0 = any free port."""


class EdgeLoadBalancer(Part):
    """Settings for expose.edge.type loadBalancer; networkPolicy.edges.cidrs lists the addresses that may connect."""

    class_name: str = ""
    """Load balancer class; empty = the cluster's default."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Annotations of the Services, which load balancer implementations read."""


class Edge(Part):
    """Exposes RabbitMQ, broker and discovery to edge nodes. Only the addresses in networkPolicy.edges.cidrs may connect."""

    type: Literal["none", "externalIPs", "nodePort", "loadBalancer"] = "none"
    """Edges reach a pod only at the node on which it runs, because another node would replace the edge's address, which the policies check."""
    external_ips: list[IpAddress] = Field(default_factory=list, alias="externalIPs")
    """Addresses of the node or nodes on which the three run."""
    node_ports: EdgePorts = EdgePorts()
    load_balancer: EdgeLoadBalancer = EdgeLoadBalancer()


class Expose(Part):
    """How clients outside the cluster reach the reverse proxy (port 80). The dashboard has no login of its own: set basicAuth first."""

    type: ExposeType = "none"
    """none = reachable only from inside the cluster, or through a port-forward."""
    node_port: int = Field(0, ge=0, le=65535)
    """Node port for expose.type nodePort; 0 = any free port."""
    load_balancer: LoadBalancer = LoadBalancer()
    ingress: Ingress = Ingress()
    gateway: Gateway = Gateway()
    basic_auth: BasicAuth = BasicAuth()
    edge: Edge = Edge()
