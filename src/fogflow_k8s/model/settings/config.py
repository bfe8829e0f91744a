"""FogFlow's config.json as users write it: upstream's keys with the rules of this chart.

The chart splits it into one file per component, because the programs interpret the same key differently. The model does not
have keys that name hosts or belong to FogFlow's Docker setup: `config_upstream.adopt` removes them from a config.json.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from fogflow_k8s.model.settings.base import Closed, local_only, reachable

Address = Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]*$", max_length=253)]
ExternalAddress = Annotated[Address, AfterValidator(reachable)]
"""An address at which other machines reach this one; empty = not set."""
Port = Annotated[int, Field(ge=1024, le=65535)]  # a process without root cannot listen below 1024
Sink = Literal["stdout", "stderr", "discard"]

ALIASES = {"external_ip": "external_hostip", "my_hostip": "internal_hostip"}
"""Keys that upstream's code reads -> the names that upstream's guide uses. Both are accepted."""


class PhysicalLocation(Closed):
    """Where the site is; FogFlow places tasks by distance."""

    longitude: float = Field(0.0, ge=-180, le=180)
    """In degrees; east is positive."""
    latitude: float = Field(0.0, ge=-90, le=90)
    """In degrees; north is positive."""


class Logging(Closed):
    """Where each kind of log line goes: stdout, stderr or discard."""

    info: Sink = "stdout"
    """Log lines about what the component does."""
    error: Sink = "stdout"
    """Log lines about errors."""
    protocol: Sink = "discard"
    """Log lines for every message; very verbose."""
    debug: Sink = "discard"
    """Log lines for developers of FogFlow."""


class Discovery(Closed):
    """Ports of IoT discovery."""

    http_port: Port = 8090
    """Port of NGSI9."""


class Broker(Closed):
    """Port and heartbeat of the context broker."""

    http_port: Port = 8070
    """Port of NGSI10 and NGSI-LD."""
    heartbeat_interval: int = Field(5, ge=3, le=300)
    """Seconds; discovery forgets a broker after six intervals. The broker sends heartbeats every 10 to 12 s regardless of this."""


class Master(Closed):
    """Ports of the orchestrator."""

    ngsi_agent_port: Port = 1060
    """Port at which discovery notifies the master."""
    rest_api_port: Port = 8010
    """Port of the master's own API; without this key, upstream's master listens on a random port."""


class Worker(Closed):
    """How the worker starts task instances."""

    capacity: int = Field(100, ge=1, le=10_000)
    """Maximum number of tasks per worker. When all workers are full, the master drops new tasks permanently and without a message."""
    container_management: Literal["kubernetes"] = "kubernetes"
    """How the worker starts tasks; on Kubernetes, kubernetes is the only way."""
    app_namespace: str = Field("", pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$", max_length=63)
    """Namespace of the tasks; empty = <namespace>-tasks."""
    start_actual_task: Literal[True] = True
    """Must be true: otherwise the worker ignores the inputs of tasks."""
    heartbeat_interval: int = Field(10, ge=1, le=300)
    """Seconds; the worker sends heartbeats every 10 to 12 s regardless of this, so heartbeat_interval x detection_duration must exceed 12."""
    detection_duration: int = Field(3, ge=1, le=100)
    """In heartbeat intervals; after this time the master drops a silent worker."""

    @model_validator(mode="after")
    def _outlives_a_heartbeat(self) -> Self:
        if self.heartbeat_interval * self.detection_duration <= 12:
            raise PydanticCustomError(
                "heartbeat",
                "heartbeat_interval x detection_duration must exceed 12 s: a worker beats every 10 to 12 s, and the "
                "master would drop it in between",
            )
        return self


class Designer(Closed):
    """Ports of the dashboard and its API."""

    web_srv_port: Port = Field(8080, alias="webSrvPort")
    """Port of the pages and the API."""
    agent_port: Port = Field(1030, alias="agentPort")
    """Port at which the broker notifies the designer."""


class Https(Closed):
    """TLS between components."""

    enabled: Literal[False] = False
    """TLS ends at the reverse proxy; master and worker do not support TLS."""


class FogflowConfig(Closed):
    """The keys of FogFlow's config.json. The chart generates a separate file for each component from them."""

    model_config = ConfigDict(
        json_schema_extra=lambda schema: schema["properties"].update(
            {
                alias: {
                    "description": f"Upstream's other name for {name}.",
                    "pattern": "^[A-Za-z0-9.:-]*$",
                    "type": "string",
                }
                for alias, name in ALIASES.items()
            }
        )
    )

    coreservice_ip: ExternalAddress = ""
    """Address at which edges and browsers reach this FogFlow; empty = the first external IP."""
    external_hostip: ExternalAddress = ""
    """The node's address for others; on the cloud node, coreservice_ip (the default). Also accepted: external_ip."""
    internal_hostip: Address = ""
    """Upstream: the node's cni0 address. Not needed: components find each other by Service name. Also accepted: my_hostip."""
    site_id: str = Field("001", pattern=r"^[A-Za-z0-9]+$", max_length=32)
    """Letters and digits, unique per site; part of the names of components and queues. Quote it, otherwise YAML reads a number."""
    physical_location: PhysicalLocation = PhysicalLocation()
    logging: Logging = Logging()
    discovery: Discovery = Discovery()
    broker: Broker = Broker()
    master: Master = Master()
    worker: Worker = Worker()
    designer: Designer = Designer()
    https: Https = Https()

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, data: Any) -> Any:
        """Rename upstream's aliases, and set external_hostip to coreservice_ip when it is not set."""
        return canonical(data) if isinstance(data, Mapping) else data

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        ports = {
            "discovery.http_port": self.discovery.http_port,
            "broker.http_port": self.broker.http_port,
            "master.ngsi_agent_port": self.master.ngsi_agent_port,
            "master.rest_api_port": self.master.rest_api_port,
            "designer.webSrvPort": self.designer.web_srv_port,
            "designer.agentPort": self.designer.agent_port,
        }
        for port, count in Counter(ports.values()).items():
            if count > 1:
                users = " and ".join(name for name, its in ports.items() if its == port)
                raise PydanticCustomError("ports", "{users} have the same port {port}", {"users": users, "port": port})
        return self


def canonical(data: Mapping[str, Any]) -> dict[str, Any]:
    """`data` with upstream's aliases renamed, and external_hostip set. Raises PydanticCustomError when two spellings of a key differ."""
    data = dict(data)
    for alias, name in ALIASES.items():
        if alias not in data:
            continue
        given = data.pop(alias)
        if data.get(name) not in {None, "", given}:
            raise PydanticCustomError(
                "alias", "{alias} and {name} are two names of one key and differ", {"alias": alias, "name": name}
            )
        data[name] = given
    core = data.get("coreservice_ip")
    # not with a local address: the model reports it once, for coreservice_ip
    if not data.get("external_hostip") and isinstance(core, str) and not local_only(core):
        data["external_hostip"] = core
    return data
