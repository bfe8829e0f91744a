"""The edge chart's values.yaml: a separate closed model that reuses parts of the cloud chart's model.

An edge is a FogFlow node outside the cloud's cluster, with a broker and a worker that connect to the cloud. `edge join` fills in
the cloud's addresses from the edge token.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, Self

from pydantic import Field, ModelWrapValidatorHandler, model_validator
from pydantic_core import PydanticCustomError

from fogflow_k8s.model.settings.base import Cidr, Closed, Name, Part, merge, remember, without_nulls
from fogflow_k8s.model.settings.config import Address, ExternalAddress, Logging, PhysicalLocation, Port, canonical
from fogflow_k8s.model.settings.config import Broker as BrokerConfig
from fogflow_k8s.model.settings.config import Worker as WorkerConfig
from fogflow_k8s.model.settings.network import Policies
from fogflow_k8s.model.settings.parts import NATIVE_IMAGE, Component, Worker, require_native_image
from fogflow_k8s.model.settings.values import Release, fogflow_part, made

PORT = 8060
"""Upstream's default port of an edge's broker."""


class Endpoint(Part):
    """Address and port at which this edge reaches a component of the cloud."""

    host: Address = ""
    """Address of the cloud."""
    port: int = Field(5672, ge=1, le=65535)
    """Port that the cloud's expose.edge opens."""


class BrokerEndpoint(Endpoint):
    """Address, port and name of the cloud's broker."""

    name: Address = ""
    """Name that discovery reports for it (cloud-broker.<namespace>.svc.<domain>); at the edge it resolves to `host` if that is an IP address."""


class Cloud(Part):
    """Addresses at which this edge reaches the cloud; `fogflow-k8s edge join` sets them."""

    rabbitmq: Endpoint = Endpoint()
    """RabbitMQ, the message bus."""
    discovery: Endpoint = Endpoint(port=8090)
    """Discovery (NGSI9)."""
    broker: BrokerEndpoint = BrokerEndpoint(port=8070)
    """Broker (NGSI10)."""


class EdgeBrokerConfig(BrokerConfig):
    """Port and heartbeat of the edge's broker."""

    http_port: Port = PORT
    """The same number inside and outside the cluster, because the broker tells others the port on which it listens."""


class EdgeConfig(Closed):
    """The keys of FogFlow's config.json that an edge uses."""

    site_id: str = Field("", pattern=r"^[A-Za-z0-9]*$", max_length=32)
    """Letters and digits, unique among the cloud and all of its edges; part of the names of broker, worker and queue. Quote it, otherwise YAML reads a number."""
    external_hostip: ExternalAddress = ""
    """Address at which the cloud reaches this edge's broker. Also accepted: external_ip."""
    physical_location: PhysicalLocation = PhysicalLocation()
    logging: Logging = Logging()
    broker: EdgeBrokerConfig = EdgeBrokerConfig()
    worker: WorkerConfig = WorkerConfig()


class InboundLoadBalancer(Part):
    """Settings for expose.type loadBalancer."""

    class_name: str = ""
    """Load balancer class; empty = the cluster's default."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Annotations of the Service, which load balancer implementations read."""


class Inbound(Part):
    """How the cloud's requests reach the broker; if they do not, tasks start but receive no data."""

    type: Literal["externalIPs", "loadBalancer", "none"] = "externalIPs"
    """externalIPs = at config.external_hostip; loadBalancer = K3s includes one; none = you expose it yourself."""
    load_balancer: InboundLoadBalancer = InboundLoadBalancer()


class CloudCidrs(Part):
    """Addresses of the cloud and other edges."""

    cidrs: list[Cidr] = Field(default_factory=list)
    """CIDRs of the cloud (also the source of its requests) and of other edges; empty = any address, on FogFlow's ports only."""


class EdgeNetworkPolicies(Policies):
    """Policies allow each pod only the connections that FogFlow needs. They have no effect if the network does not enforce policies."""

    cloud: CloudCidrs = CloudCidrs()


class EdgeAuth(Part):
    """The login at the cloud's RabbitMQ: a user for this edge only, with limited permissions (docs/edge.md)."""

    username: str = Field("", pattern=r"^[A-Za-z0-9_-]*$")
    """User name: edge-<site>."""
    existing_secret: Name = ""
    """A Secret with key `password`."""


class EdgeRabbitmq(Part):
    """The login at the cloud's RabbitMQ."""

    auth: EdgeAuth = EdgeAuth()


class EdgeBroker(Component):
    """Context broker of the edge. Always one instance."""

    shards: Literal[1] = 1
    """Always 1: an edge is one site."""


class EdgeWorker(Worker):
    """Starts the task instances at the edge."""

    replicas: Literal[1] = 1
    """Always 1: an edge is one site."""


class EdgeValues(Release):
    """Values of the FogFlow edge chart."""

    cloud: Cloud = Cloud()
    config: EdgeConfig = EdgeConfig()
    expose: Inbound = Inbound()
    network_policy: EdgeNetworkPolicies = EdgeNetworkPolicies()
    rabbitmq: EdgeRabbitmq = EdgeRabbitmq()
    broker: EdgeBroker = made(EdgeBroker, **fogflow_part("broker", "10m", "24Mi", "512Mi", "2"))
    """Context broker (NGSI10, NGSI-LD)."""
    worker: EdgeWorker = made(
        EdgeWorker,
        **fogflow_part("worker", "10m", "48Mi", "256Mi", "1"),
        nativeImage=NATIVE_IMAGE,
    )
    """Starts the task instances."""

    @model_validator(mode="wrap")
    @classmethod
    def _upon_defaults(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Merge the given values into the chart's defaults, at every depth, as for the cloud chart."""
        if not isinstance(data, Mapping):
            return handler(data)
        data = without_nulls(edge_defaults(), data)
        config = data.get("config")
        given = {**data, "config": _known(canonical(config))} if isinstance(config, Mapping) else data
        values = handler(merge(edge_defaults(), given))
        remember(values, given)
        return values

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """Check that an edge has a cloud, a site and an address of its own; values with none of the cloud and site keys are a draft."""
        required = (self.cloud.rabbitmq.host, self.cloud.discovery.host, self.cloud.broker.host, self.config.site_id)
        if any(required) and not (all(required) and self.config.external_hostip):
            raise PydanticCustomError(
                "edge",
                "an edge needs cloud.{{rabbitmq,discovery,broker}}.host, config.site_id and config.external_hostip",
            )
        require_native_image(self.worker, self.global_.image_registry)
        return self

    def given(self) -> dict[str, Any]:
        """The values that the user set, in the form that Helm and files use."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _known(config: Mapping[str, Any]) -> dict[str, Any]:
    """`config` without the key coreservice_ip, which only a cloud has."""
    return {key: value for key, value in config.items() if key != "coreservice_ip"}


@cache
def edge_defaults() -> dict[str, Any]:
    """The chart's defaults, as in its values.yaml. The caller must not change the result."""
    found = {}
    for name, field in EdgeValues.model_fields.items():
        value = field.get_default(call_default_factory=True)
        found[field.alias or name] = value.model_dump() if isinstance(value, Closed) else value
    return found
