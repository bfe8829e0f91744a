"""FogFlow's config.json as a person knows it: upstream's keys, our rules.

The chart splits it into one file per component, as the programs disagree about what a key means. Keys that name hosts or
belong to FogFlow's Docker set-up have no place in this model: `config_upstream.adopt` takes them out of a config.json.
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
"""An address at which other machines reach this one; empty when it is not given."""
Port = Annotated[int, Field(ge=1024, le=65535)]  # below 1024 a process without root may not listen
Sink = Literal["stdout", "stderr", "discard"]

ALIASES = {"external_ip": "external_hostip", "my_hostip": "internal_hostip"}
"""Upstream's real keys and the names that its guide gives them; both are accepted."""


class PhysicalLocation(Closed):
    """Where the site is; tasks are placed by distance."""

    longitude: float = Field(0.0, ge=-180, le=180)
    """Degrees, east positive."""
    latitude: float = Field(0.0, ge=-90, le=90)
    """Degrees, north positive."""


class Logging(Closed):
    """Where each kind of log line goes."""

    info: Sink = "stdout"
    """What the component does."""
    error: Sink = "stdout"
    """What went wrong."""
    protocol: Sink = "discard"
    """Every message: loud."""
    debug: Sink = "discard"
    """For developers of FogFlow."""


class Discovery(Closed):
    """IoT discovery."""

    http_port: Port = 8090
    """NGSI9."""


class Broker(Closed):
    """Context broker."""

    http_port: Port = 8070
    """NGSI10 and NGSI-LD."""
    heartbeat_interval: int = Field(5, ge=3, le=300)
    """Seconds; discovery forgets a broker after six of them, and it beats every 10 to 12 s whatever this says."""


class Master(Closed):
    """Orchestrator."""

    ngsi_agent_port: Port = 1060
    """Where discovery notifies it."""
    rest_api_port: Port = 8010
    """Its own API; upstream listens on a random port without this key."""


class Worker(Closed):
    """What starts the task instances."""

    capacity: int = Field(100, ge=1, le=10_000)
    """The most tasks of one worker. The master drops, for good and without a message, every task that finds all workers full."""
    container_management: Literal["kubernetes"] = "kubernetes"
    """How tasks are started; on Kubernetes there is one way."""
    app_namespace: str = Field("", pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$", max_length=63)
    """Namespace of the tasks; empty = <namespace>-tasks."""
    start_actual_task: Literal[True] = True
    """Without it the worker ignores inputs of tasks."""
    heartbeat_interval: int = Field(10, ge=1, le=300)
    """Seconds; together with detection_duration the time after which the master drops a silent worker."""
    detection_duration: int = Field(3, ge=1, le=100)
    """In heartbeat intervals."""

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
    """Dashboard and API."""

    web_srv_port: Port = Field(8080, alias="webSrvPort")
    """Pages and API."""
    agent_port: Port = Field(1030, alias="agentPort")
    """Where the broker notifies it."""


class Https(Closed):
    """TLS between components."""

    enabled: Literal[False] = False
    """TLS ends at the front door; master and worker cannot do it at all."""


class FogflowConfig(Closed):
    """FogFlow's config.json; the chart makes each component's own file out of it."""

    model_config = ConfigDict(
        json_schema_extra=lambda schema: schema["properties"].update(
            {
                alias: {
                    "description": f"Upstream's other name of {name}.",
                    "pattern": "^[A-Za-z0-9.:-]*$",
                    "type": "string",
                }
                for alias, name in ALIASES.items()
            }
        )
    )

    coreservice_ip: ExternalAddress = ""
    """How edges and browsers reach this FogFlow; empty = the first external IP."""
    external_hostip: ExternalAddress = ""
    """The node's address for others; default and, on the cloud node, always coreservice_ip (also external_ip)."""
    internal_hostip: Address = ""
    """Upstream: the node's cni0 address (also my_hostip). Not needed: components find each other by Service."""
    site_id: str = Field("001", pattern=r"^[A-Za-z0-9]+$", max_length=32)
    """Unique per site; part of the names of components and queues."""
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
        """Upstream's aliases under our names; external_hostip from coreservice_ip when nobody said."""
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
    """`data` with upstream's aliases under our names. Raises PydanticCustomError when two spellings of a key differ."""
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
    if not data.get("external_hostip") and isinstance(core, str) and not local_only(core):  # one error is enough
        data["external_hostip"] = core
    return data
