"""The edge chart's values.yaml: a closed model of its own, made of the pieces of the cloud chart's."""

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
from fogflow_k8s.model.settings.parts import Component, Worker
from fogflow_k8s.model.settings.values import Release, fogflow_part, made

PORT = 8060
"""Of an edge's broker, as upstream has it."""


class Endpoint(Part):
    """One port of the cloud, as this edge reaches it."""

    host: Address = ""
    """An address of the cloud."""
    port: int = Field(5672, ge=1, le=65535)
    """As exposed by the cloud's expose.edge."""


class BrokerEndpoint(Endpoint):
    """The cloud's broker."""

    name: Address = ""
    """Under which discovery tells of it: its name in the cloud's own cluster. Here that name leads to `host`."""


class Cloud(Part):
    """The cloud that this edge belongs to; `fogflow-k8s edge join` fills it in."""

    rabbitmq: Endpoint = Endpoint()
    """The message bus."""
    discovery: Endpoint = Endpoint(port=8090)
    """NGSI9."""
    broker: BrokerEndpoint = BrokerEndpoint(port=8070)
    """NGSI10."""


class EdgeBrokerConfig(BrokerConfig):
    """The edge's broker."""

    http_port: Port = PORT
    """The same number inside and outside: the broker tells others the one that it listens on."""


class EdgeConfig(Closed):
    """What of FogFlow's config.json an edge has."""

    site_id: str = Field("", pattern=r"^[A-Za-z0-9]*$", max_length=32)
    """Unique among the cloud and all of its edges; part of the names of broker, worker and queue."""
    external_hostip: ExternalAddress = ""
    """The address at which the cloud reaches this edge's broker."""
    physical_location: PhysicalLocation = PhysicalLocation()
    logging: Logging = Logging()
    broker: EdgeBrokerConfig = EdgeBrokerConfig()
    worker: WorkerConfig = WorkerConfig()


class InboundLoadBalancer(Part):
    """For expose.type loadBalancer."""

    class_name: str = ""
    """Which implementation; empty = the cluster's."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """On the Service; what implementations read."""


class Inbound(Part):
    """How calls of the cloud come in to the broker."""

    type: Literal["externalIPs", "loadBalancer", "none"] = "externalIPs"
    """externalIPs takes them at config.external_hostip; none leaves it to you."""
    load_balancer: InboundLoadBalancer = InboundLoadBalancer()


class CloudCidrs(Part):
    """The cloud and other edges."""

    cidrs: list[Cidr] = Field(default_factory=list)
    """Where the cloud's calls come from, and where the cloud is; empty = anywhere, on the ports of FogFlow alone."""


class EdgeNetworkPolicies(Policies):
    """Every pod takes and makes only the connections that FogFlow needs, where the network enforces policies."""

    cloud: CloudCidrs = CloudCidrs()


class EdgeAuth(Part):
    """How this edge logs in to the cloud's RabbitMQ: as a user of its own, who may do little."""

    username: str = Field("", pattern=r"^[A-Za-z0-9_-]*$")
    """edge-<site>."""
    existing_secret: Name = ""
    """A Secret with key `password`."""


class EdgeRabbitmq(Part):
    """The login at the cloud's message bus."""

    auth: EdgeAuth = EdgeAuth()


class EdgeBroker(Component):
    """Context broker of the edge. One."""

    shards: Literal[1] = 1
    """One: an edge is one site."""


class EdgeWorker(Worker):
    """Starts the task instances at the edge."""

    replicas: Literal[1] = 1
    """One: an edge is one site."""


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
        EdgeWorker, **fogflow_part("worker", "10m", "48Mi", "256Mi", "1"), ownImage={"repository": "fogflow-k8s/worker"}
    )
    """Starts the task instances."""

    @model_validator(mode="wrap")
    @classmethod
    def _upon_defaults(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """As the cloud's values: what is not said has the chart's default at every depth."""
        if not isinstance(data, Mapping):
            return handler(data)
        data = without_nulls(edge_defaults(), data)
        config = data.get("config")
        said = {**data, "config": _known(canonical(config))} if isinstance(config, Mapping) else data
        values = handler(merge(edge_defaults(), said))
        remember(values, said)
        return values

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """An edge without a cloud, or without an address of its own, cannot be. None of it said is a draft."""
        said = (self.cloud.rabbitmq.host, self.cloud.discovery.host, self.cloud.broker.host, self.config.site_id)
        if any(said) and not (all(said) and self.config.external_hostip):
            raise PydanticCustomError(
                "edge",
                "an edge needs cloud.{{rabbitmq,discovery,broker}}.host, config.site_id and config.external_hostip",
            )
        return self

    def given(self) -> dict[str, Any]:
        """What a person gave, as Helm and files take it."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _known(config: Mapping[str, Any]) -> dict[str, Any]:
    """Without what `canonical` adds for a cloud."""
    return {key: value for key, value in config.items() if key != "coreservice_ip"}


@cache
def edge_defaults() -> dict[str, Any]:
    """The chart's defaults, as in its values.yaml. Not to be changed by the caller."""
    found = {}
    for name, field in EdgeValues.model_fields.items():
        value = field.get_default(call_default_factory=True)
        found[field.alias or name] = value.model_dump() if isinstance(value, Closed) else value
    return found
