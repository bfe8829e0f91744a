"""The keys of config.json that FogFlow has and this chart does not, and what replaces each of them.

They come from all generations of FogFlow: from upstream's config.go and from the config.json files in its repository. A key
has no effect on Kubernetes (`UNUSED`), has a new name (`RENAMED`), belongs elsewhere in values.yaml (`MOVED`), or has values
that are not possible on Kubernetes (`REPLACED`). The module has the same tables for the values.yaml of upstream's own charts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.model.settings.config import ALIASES

KeyPath = tuple[str | int, ...]
Path = tuple[str, ...]


@dataclass(frozen=True)
class Unused:
    """A key without effect on Kubernetes: its meaning in FogFlow, and what replaces it here ("" = nothing)."""

    meaning: str
    instead: str = ""


@dataclass(frozen=True)
class Replaced:
    """Values that FogFlow accepts but that are not possible on Kubernetes: each is read as `by`, the only allowed value."""

    values: tuple[Any, ...]
    by: str
    reason: str


_SERVICE = "components find each other by the names of their Services"
_TLS = "TLS for clients ends at the reverse proxy: expose.ingress.tlsSecret or expose.gateway"
_OLD_ADDRESS = "the address of a component of its own file"

UNUSED: dict[Path, Unused] = {
    ("prometheus",): Unused("Address of the Prometheus server from which FogFlow reads measurements of its nodes."),
    ("persistent_storage",): Unused("Address and port of dgraph.", "FogFlow does not read it since 3.2.8"),
    ("datastore",): Unused("Location of the designer's files.", "designer.persistence in values.yaml"),
    ("container_autoremove",): Unused("Older location of worker.container_autoremove.", "Kubernetes removes ended tasks"),
    ("worker", "container_autoremove"): Unused(
        "Whether Docker removes the container of a task that ended.", "Kubernetes removes ended tasks"
    ),
    ("worker", "edge_controller_port"): Unused("Port of the controller of an edge orchestrator (mec).", "tasks are started through the Kubernetes API"),
    ("worker", "edge_address"): Unused("Address at which measurements of this worker's node are read."),
    ("worker", "cadvisor_port"): Unused("Port of cAdvisor on the worker's node."),
    ("worker", "host_ip"): Unused("Address of the worker.", _SERVICE),
    ("physical_location", "city"): Unused("Name of the city.", "physical_location.longitude and latitude"),
    ("physical_location", "district"): Unused("Name of the district.", "physical_location.longitude and latitude"),
    ("physical_location", "section"): Unused("Name of the section.", "physical_location.longitude and latitude"),
    ("logical_location",): Unused("Place of the site in a tree of layers and sites.", "site_id"),
    ("my_role",): Unused("Whether the node is the core or an edge.", "fogflow-k8s edge join makes an edge"),
    ("my_capacity",): Unused("Resources of the node for tasks.", "worker.capacity (number of tasks)"),
    ("webportal_ip",): Unused("Address of the dashboard.", "coreservice_ip"),
    ("iot_discovery_url",): Unused("URL of discovery.", _SERVICE),
    ("discoveryURL",): Unused("URL of discovery.", _SERVICE),
    ("discovery", "host_ip"): Unused("Address of discovery.", _SERVICE),
    ("discovery", "https_port"): Unused("Port of discovery with TLS.", _TLS),
    ("discovery", "postgresql"): Unused("Database of discovery.", "discovery keeps registrations in memory, and the keeper restores them"),
    ("broker", "host_ip"): Unused("Address of the broker.", _SERVICE),
    ("broker", "https_port"): Unused("Port of the broker with TLS.", _TLS),
    ("broker", "websocket"): Unused("Port of the broker's WebSocket, which FogFlow no longer has."),
    ("master", "host_ip"): Unused("Address of the master.", _SERVICE),
    ("designer", "host_ip"): Unused("Address of the designer.", _SERVICE),
    ("designer", "ldAgentPort"): Unused("Port of the designer's NGSI-LD agent, which the designer does not open."),
    ("designer", "https_webSrvPort"): Unused("Port of the dashboard with TLS.", _TLS),
    ("rabbitmq", "host_ip"): Unused(
        "Address of RabbitMQ.", "the chart's RabbitMQ is used; for one of your own set rabbitmq.external.host in values.yaml"
    ),
    ("rabbitmq", "port"): Unused(
        "Port of RabbitMQ.", "the chart's RabbitMQ listens on 5672; for one of your own set rabbitmq.external.port in values.yaml"
    ),
    ("https", "my_certificate"): Unused("File of the certificate.", _TLS),
    ("https", "my_key"): Unused("File of the certificate's key.", _TLS),
    ("https", "my_ca"): Unused("File of the certificate authority.", _TLS),
    ("https", "certificate"): Unused("File of the certificate.", _TLS),
    ("https", "key"): Unused("File of the certificate's key.", _TLS),
    ("host",): Unused(f"First generation: {_OLD_ADDRESS}.", _SERVICE),
    ("port",): Unused("First generation: the port of a component of its own file.", "broker.http_port"),
    ("myport",): Unused("First generation: the port of discovery, of its own file.", "discovery.http_port"),
    ("websocket",): Unused("First generation: the port of the broker's WebSocket, which FogFlow no longer has."),
    ("postgresql",): Unused("First generation: the database of discovery.", "discovery keeps registrations in memory, and the keeper restores them"),
}  # fmt: skip
"""Keys of upstream without effect on Kubernetes; the keys below them have no effect either."""

RENAMED: dict[Path, KeyPath] = {
    ("my_ip",): ("config", "coreservice_ip"),
    ("internal_ip",): ("config", "internal_hostip"),
    ("location",): ("config", "physical_location"),
    ("discovery", "port"): ("config", "discovery", "http_port"),
    ("broker", "port"): ("config", "broker", "http_port"),
    ("ngsi_agent_port",): ("config", "master", "ngsi_agent_port"),
    ("my_capacity", "tasks"): ("config", "worker", "capacity"),
}
"""Key of an older generation -> path of its successor in values.yaml."""

MOVED: dict[Path, KeyPath] = {("rabbitmq", key): ("rabbitmq", "auth", key) for key in ("username", "password")}
"""Keys of config.json that keep their name and belong to another section of values.yaml."""

REPLACED: dict[Path, Replaced] = {
    ("worker", "container_management"): Replaced(
        ("docker", "mec"), "kubernetes", "tasks run as Deployments in the tasks namespace"
    ),
    ("worker", "start_actual_task"): Replaced((False,), "true", "with false the worker ignores the inputs of tasks"),
    ("https", "enabled"): Replaced(
        (True,), "false", f"FogFlow's components speak plain HTTP to each other inside the cluster; {_TLS}"
    ),
}

_MESSAGE_BUS = (
    "URL of RabbitMQ, as amqp://USER:PASSWORD@HOST:PORT/. Older form of rabbitmq.username and rabbitmq.password."
)
_REGISTRY = "Login at the registry of the tasks' images. On Kubernetes a pull secret in the tasks namespace does this."
UPSTREAM_VALUES: dict[Path, Unused] = {
    (probe,): Unused(
        f"Upstream's chart: times of every {probe}.",
        "the chart gives each component probes of its own, and the bootstrap container waits for what it needs "
        "(bootstrap.deadlineSeconds)",
    )
    for probe in ("readinessProbe", "livenessProbe")
}
"""Keys of the values.yaml of upstream's own charts that have no effect here; the other keys keep upstream's meaning."""
UPSTREAM_EDGE_VALUES: dict[Path, Unused] = {
    **UPSTREAM_VALUES,
    ("replicaCount",): Unused("Upstream's chart: pods of each component.", "an edge has one of each"),
    ("namespace",): Unused("Upstream's chart: the namespace.", "fogflow-k8s -n NAMESPACE"),
    ("Service",): Unused("Upstream's chart: addresses of the edge.", "config.external_hostip"),
}
"""The same for the values.yaml of an edge."""


def unused(path: Path, table: Mapping[Path, Unused] = UNUSED) -> Unused | None:
    """The entry for the key at `path`, or for the section that contains it; None when the key may have an effect."""
    return next((table[path[:n]] for n in range(len(path), 0, -1) if path[:n] in table), None)


def advice(path: Path) -> str:
    """The advice for a key of config.json in the section `config` of values.yaml; "" for an unknown key."""
    if to := RENAMED.get(path):
        return f"older name of {dotted(to)}: use that"
    if to := MOVED.get(path):
        return f"its place in values.yaml is {dotted(to)}"
    if path == ("message_bus",):
        return "must be amqp://USER:PASSWORD@HOST:PORT/, percent-encoded; in values.yaml use rabbitmq.auth (username, existingSecret)"
    if path == ("worker", "registry"):
        return "not used here: create a pull secret, and name it in global.imagePullSecrets"
    if found := unused(path):
        return "not used here: remove it" + (f" ({found.instead})" if found.instead else "")
    return ""


def meaning(path: Path) -> list[str]:
    """Lines that explain a key of config.json, or of upstream's values.yaml, that has no effect here; empty for an unknown key."""
    if path == ("message_bus",):
        return [
            _MESSAGE_BUS,
            "allowed  an amqp:// URL; its host and port are not used (rabbitmq.external in values.yaml)",
        ]
    if path[:2] == ("worker", "registry"):
        return [
            _REGISTRY,
            "allowed  anything: it is not used; config validate prints the command that makes the pull secret",
        ]
    found = unused(path) or unused(path, UPSTREAM_VALUES)
    if not found:
        return []
    lines = [found.meaning, "allowed  anything: it has no effect on Kubernetes"]
    return [*lines, f"instead  {found.instead}"] if found.instead else lines


def place(path: Path) -> KeyPath:
    """The path in values.yaml of the key at `path` in config.json."""
    if path[0] in ALIASES:
        return ("config", ALIASES[path[0]])
    return RENAMED.get(path) or MOVED.get(path) or ("config", *path)


def dotted(path: KeyPath) -> str:
    """A path as users write it."""
    return ".".join(map(str, path))
