"""FogFlow's components in one table: names, ports, probes, and which component needs which.

Ports, probe paths and the order of starts were observed on the unmodified programs; what identifies an instance comes from
their source code. Tests compare the chart's values and templates with this table.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Component:
    """One workload of the release. `needs` are the components without which it does not work."""

    name: str  # of the workload, the Service and the app.kubernetes.io/component label: upstream's names
    key: str  # of its section in values.yaml
    ports: dict[str, int] = field(default_factory=dict)  # Service ports by name
    needs: tuple[str, ...] = ()
    singleton: bool = True  # two replicas with the same identity lose data without an error
    health: str = ""  # path of the readiness probe; "" = TCP on the first port, or none
    enabled: bool = True  # in the chart's defaults
    count: str = ""  # the key in values.yaml that sets the number of instances, each with its own identity


COMPONENTS: tuple[Component, ...] = (
    Component("rabbitmq", "rabbitmq", {"amqp": 5672, "prometheus": 15692}),
    Component("discovery", "discovery", {"http": 8090}, health="/ngsi9/status"),
    Component("cloud-broker", "broker", {"http": 8070}, ("discovery",), health="/version", count="broker.shards"),
    Component(
        "master", "master", {"agent": 1060, "http": 8010},
        ("rabbitmq", "discovery", "cloud-broker"), health="/status",
    ),
    Component("cloud-worker", "worker", {}, ("rabbitmq", "master", "cloud-broker"), count="worker.replicas"),
    Component(
        "designer", "designer", {"http": 8080, "agent": 1030},
        ("rabbitmq", "master", "cloud-broker", "discovery"), health="/config.js",
    ),
    Component("nginx", "nginx", {"http": 80}, (), singleton=False, health="/healthz"),
    Component("dgraph", "dgraph", {"http": 8080, "grpc": 9080}, health="/health", enabled=False),
    Component("keeper", "keeper", {"http": 8095}, health="/healthz"),
)  # fmt: skip

BY_NAME: dict[str, Component] = {component.name: component for component in COMPONENTS}
NAMES: tuple[str, ...] = tuple(BY_NAME)
WORKERS = ("cloud-worker", "edge-worker")


def upstream_of(name: str) -> frozenset[str]:
    """Every component that `name` needs, directly or through others."""
    found: set[str] = set()
    todo = list(BY_NAME[name].needs) if name in BY_NAME else []
    while todo:
        each = todo.pop()
        if each not in found:
            found.add(each)
            todo.extend(BY_NAME[each].needs)
    return frozenset(found)
