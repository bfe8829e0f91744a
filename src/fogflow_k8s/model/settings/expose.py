"""How the front door is reached: the `expose` section of values.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fogflow_k8s.model.settings.base import Cidr, IpAddress, Name, Part

ExposeType = Literal["none", "externalIPs", "nodePort", "loadBalancer", "ingress", "gateway"]


class LoadBalancer(Part):
    """For expose.type loadBalancer."""

    class_name: str = ""
    """Which implementation; empty = the cluster's."""
    ip: str = Field("", pattern=r"^[0-9A-Fa-f.:]*$")
    """The address to ask for; not every implementation listens to it."""
    source_ranges: list[Cidr] = Field(default_factory=list)
    """Who may come in, as CIDRs."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """On the Service; what implementations read."""


class Ingress(Part):
    """For expose.type ingress."""

    class_name: Name = ""
    """Which controller; empty = the cluster's default."""
    host: str = Field("", pattern=r"^(\*\.)?[a-z0-9.-]*$")
    """Empty = every name."""
    tls_secret: Name = ""
    """A Secret of type kubernetes.io/tls; with cert-manager's annotation empty = nginx-tls, which cert-manager makes."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """What the controller reads, and cert-manager: with its issuer or cluster-issuer there is TLS."""

    @property
    def certified(self) -> bool:
        """Whether cert-manager is to make the certificate."""
        return bool({"cert-manager.io/issuer", "cert-manager.io/cluster-issuer"} & self.annotations.keys())


class Gateway(Part):
    """For expose.type gateway: an HTTPRoute on a Gateway that is there already."""

    name: Name = ""
    """Of the Gateway."""
    namespace: Name = ""
    """Of the Gateway; empty = the release's."""
    section_name: Name = ""
    """Of the listener; empty = all."""
    hostnames: list[Annotated[str, Field(pattern=r"^(\*\.)?[a-z0-9.-]+$")]] = Field(default_factory=list)
    """Empty = every name."""


class BasicAuth(Part):
    """A login in front of the dashboard and its API."""

    existing_secret: Name = ""
    """A Secret with key htpasswd."""


class EdgePorts(Part):
    """For expose.edge.type nodePort; 0 = any free one."""

    rabbitmq: int = Field(0, ge=0, le=65535)
    """AMQP."""
    broker: int = Field(0, ge=0, le=65535)
    """NGSI10 and NGSI-LD."""
    discovery: int = Field(0, ge=0, le=65535)
    """NGSI9."""


class EdgeLoadBalancer(Part):
    """For expose.edge.type loadBalancer; who may come in is networkPolicy.edges.cidrs."""

    class_name: str = ""
    """Which implementation; empty = the cluster's."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """On the Services; what implementations read."""


class Edge(Part):
    """RabbitMQ, broker and discovery for edge nodes, whose addresses stand in networkPolicy.edges.cidrs."""

    type: Literal["none", "externalIPs", "nodePort", "loadBalancer"] = "none"
    """A pod is reached at its own node only: elsewhere the edge's address, by which it is let in, would be lost."""
    external_ips: list[IpAddress] = Field(default_factory=list, alias="externalIPs")
    """Of the node or nodes where the three run."""
    node_ports: EdgePorts = EdgePorts()
    load_balancer: EdgeLoadBalancer = EdgeLoadBalancer()


class Expose(Part):
    """How the front door (port 80) is reached from outside the cluster."""

    type: ExposeType = "none"
    """none = only from inside, or through a port-forward."""
    node_port: int = Field(0, ge=0, le=65535)
    """0 = any free one."""
    load_balancer: LoadBalancer = LoadBalancer()
    ingress: Ingress = Ingress()
    gateway: Gateway = Gateway()
    basic_auth: BasicAuth = BasicAuth()
    edge: Edge = Edge()
