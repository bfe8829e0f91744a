"""FogFlow's components in one table: the single source for names, ports, probes and who needs whom.

Source of the facts: a run of the unmodified programs (ports, probe paths, order) and their source (identities).
The chart's values and templates are checked against this table by tests.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Component:
    """One workload of the release. `needs` are the components without which it cannot do its work."""

    name: str  # of the workload, the Service and the app.kubernetes.io/component label: upstream's names
    key: str  # of its section in values.yaml
    says: str
    ports: dict[str, int] = field(default_factory=dict)  # Service ports by name
    needs: tuple[str, ...] = ()
    singleton: bool = True  # two replicas of one identity lose data silently
    health: str = ""  # path of the readiness probe; "" = TCP on the first port, or none
    enabled: bool = True  # in the chart's defaults
    count: str = ""  # the value that makes several of it, each with an identity of its own


COMPONENTS: tuple[Component, ...] = (
    Component("rabbitmq", "rabbitmq", "message bus", {"amqp": 5672, "prometheus": 15692}),
    Component("discovery", "discovery", "IoT discovery (NGSI9)", {"http": 8090}, health="/ngsi9/status"),
    Component("cloud-broker", "broker", "context broker (NGSI10, NGSI-LD)", {"http": 8070}, ("discovery",), health="/version", count="broker.shards"),
    Component(
        "master", "master", "orchestrator", {"agent": 1060, "http": 8010},
        ("rabbitmq", "discovery", "cloud-broker"), health="/status",
    ),
    Component("cloud-worker", "worker", "starts the task instances", {}, ("rabbitmq", "master", "cloud-broker"), count="worker.replicas"),
    Component(
        "designer", "designer", "dashboard and API", {"http": 8080, "agent": 1030},
        ("rabbitmq", "master", "cloud-broker", "discovery"), health="/config.js",
    ),
    Component("nginx", "nginx", "reverse proxy", {"http": 80}, (), singleton=False, health="/healthz"),
    Component("dgraph", "dgraph", "graph store, unused since FogFlow 3.2.8", {"http": 8080, "grpc": 9080}, health="/health", enabled=False),
    Component("keeper", "keeper", "watches and mends the cell", {"http": 8095}, health="/healthz"),
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
