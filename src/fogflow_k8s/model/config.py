"""FogFlow's config.json as a person knows it: upstream's keys, our rules.

The chart splits it into one file per component (the programs disagree about what a key means), so keys that name hosts
or choose how upstream's Docker set-up works have no place here; `WHY_NOT` says why, `adopt` takes over the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from fogflow_k8s.model.values_base import Closed

Address = Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]*$", max_length=253)]
Port = Annotated[int, Field(ge=1024, le=65535)]  # below 1024 a process without root may not listen
Sink = Literal["stdout", "stderr", "discard"]

ALIASES = {"external_ip": "external_hostip", "my_hostip": "internal_hostip"}
"""Upstream's real keys and the names that its guide gives them; both are accepted."""

_OWN_NAMES = "remove it: inside the cluster components find each other by their Services' names"
WHY_NOT: dict[tuple[str, ...], str] = {
    ("discovery", "host_ip"): _OWN_NAMES,
    ("broker", "host_ip"): f"{_OWN_NAMES} (and in the broker's own file this key makes it call itself without end)",
    ("master", "host_ip"): _OWN_NAMES,
    ("designer", "host_ip"): _OWN_NAMES,
    ("rabbitmq", "host_ip"): "for a RabbitMQ of your own set rabbitmq.external.host in values.yaml; else remove it",
    (
        "rabbitmq",
        "port",
    ): "RabbitMQ of the chart listens on 5672; for one of your own set rabbitmq.external.port in values.yaml",
    ("rabbitmq",): "its place in values.yaml is rabbitmq.auth (username, existingSecret)",
}
"""Keys of upstream that are refused, and what to do instead."""

UNUSED: frozenset[tuple[str, ...]] = frozenset(
    {
        ("$schema",),  # a hint for editors
        ("prometheus",),
        ("persistent_storage",),  # dgraph's; not read since 3.2.8
        ("datastore",),
        ("designer", "ldAgentPort"),  # read, never listened on
        ("discovery", "https_port"),
        ("broker", "https_port"),
        ("https", "my_certificate"),
        ("https", "my_key"),
        ("https", "my_ca"),
    }
)
"""Keys of upstream's own samples that change nothing here: accepted and left out."""

MOVED: dict[tuple[str | int, ...], tuple[str | int, ...]] = {
    ("rabbitmq", "auth", key): ("rabbitmq", key) for key in ("username", "password")
}
"""Place in values.yaml -> place in upstream's config.json."""


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

    coreservice_ip: Address = ""
    """How edges and browsers reach this FogFlow; empty = the first external IP."""
    external_hostip: Address = ""
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
    if not data.get("external_hostip") and isinstance(data.get("coreservice_ip"), str):
        data["external_hostip"] = data["coreservice_ip"]
    return data


def adopt(data: Mapping[str, Any]) -> dict[str, Any]:
    """Values out of a config.json of upstream: `config` without what changes nothing, the RabbitMQ login in its place.

    Keys that are refused stay, so that validation names them with their line.
    """
    config = {key: dict(value) if isinstance(value, Mapping) else value for key, value in data.items()}
    for path in UNUSED:
        holder = config if len(path) == 1 else config.get(path[0])
        if isinstance(holder, dict):
            holder.pop(path[-1], None)
    values: dict[str, Any] = {"config": config}
    rabbitmq = config.get("rabbitmq")
    if isinstance(rabbitmq, dict):
        login = {key: rabbitmq.pop(key) for key in ("username", "password") if key in rabbitmq}
        if rabbitmq.get("port") == 5672:
            del rabbitmq["port"]
        if login:
            values["rabbitmq"] = {"auth": login}
        if not rabbitmq:
            del config["rabbitmq"]
    return values
