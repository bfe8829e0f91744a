"""Who may connect to whom, written down by hand from what FogFlow's parts do; the chart's own table is not read.

Kubelets' probes and a pod's connections to itself are no policy's business, and are not asked about.
"""

from dataclasses import dataclass

COMPONENTS = frozenset({
    "rabbitmq", "discovery", "cloud-broker", "master", "cloud-worker", "designer", "nginx", "dgraph",
    "keeper", "cleanup", "reverse-proxy-test", "bench",
})  # fmt: skip
OURS = COMPONENTS | {"task"}
FREE = frozenset({"stranger", "elsewhere", "double", "watcher", "dns", "apiserver", "edge", "subscriber", "outside"})
"""Nobody's business of ours: what they send to each other passes.

stranger: a pod in the release's namespace; elsewhere: one in another; double: one there with the broker's labels; watcher:
a pod of the monitoring; edge and subscriber: addresses outside the cluster.
"""
UNUSED = 9
"""A port that nobody uses."""


@dataclass(frozen=True)
class Ports:
    """FogFlow's ports, which are values."""

    discovery: int = 8090
    broker: int = 8070
    agent: int = 1060
    master: int = 8010
    web: int = 8080
    notified: int = 1030


@dataclass(frozen=True)
class Opened:
    """What the values open beyond FogFlow's own needs."""

    ports: Ports = Ports()
    exposed: bool = False
    """Whether the reverse proxy takes everybody's connections."""
    monitoring: bool = False
    edges: bool = False
    subscribers: bool = False
    apiserver: bool = False
    """Whether the API server's address is known; else its ports are open everywhere."""
    tasks: frozenset = frozenset()
    """Roles that tasks may reach beside the broker."""
    shards: bool = False
    """Whether there are several brokers."""
    ours: bool = False
    """Whether the worker is ours: it waits for nobody, and tells of itself."""
    bus: tuple = ()
    """(AMQP port, metrics port or 0) of a RabbitMQ elsewhere."""


def within(opened):
    """(destination, port): sources, among the release's own pods and its tasks. All of it is TCP."""
    at = opened.ports
    table = {
        # registrations and subscriptions of brokers, of the master and of the designer's pages; reverse proxy; the keeper's look
        ("discovery", at.discovery): {"cloud-broker", "master", "designer", "nginx", "keeper", "bench"},
        # discovery notifies it of new entities; all others publish, ask and subscribe
        ("cloud-broker", at.broker): {
            "discovery",
            "master",
            "cloud-worker",
            "designer",
            "nginx",
            "keeper",
            "task",
            "bench",
        },
        # discovery tells the master which entities came and went
        ("master", at.agent): {"discovery"},
        # the dashboard's lists, and the keeper's look
        ("master", at.master): {"designer", "keeper"},
        # the reverse proxy; the master fetches topologies; the keeper looks and replays
        ("designer", at.web): {"nginx", "master", "keeper"},
        # the broker notifies the dashboard
        ("designer", at.notified): {"cloud-broker"},
        # the bus
        ("rabbitmq", 5672): {"master", "cloud-worker", "designer"},
        # consumers per queue: the worker's bootstrap container waits for the master's, the keeper watches all
        ("rabbitmq", 15692): {"cloud-worker", "keeper"},
        # the keeper's look, `helm test`, and the load generator of `bench run --through proxy`
        ("nginx", 8080): {"keeper", "reverse-proxy-test", "bench"},
        # the broker notifies the load generator
        ("bench", 8099): {"cloud-broker"},
        # the broker answers the keeper's round trip; the designer's bootstrap container fetches what the keeper kept
        ("keeper", 8095): {"cloud-broker", "designer"},
    }
    if opened.ours:  # it asks no metrics, and the master for nothing
        table["rabbitmq", 15692] -= {"cloud-worker"}
    if opened.shards:  # what one does not own it asks the owner for, and is told by it
        table["cloud-broker", at.broker] |= {"cloud-broker"}
    if opened.bus:
        del table["rabbitmq", 5672], table["rabbitmq", 15692]
        if (
            not opened.bus[1] and not opened.ours
        ):  # nobody tells of queues: the worker's bootstrap container waits for the master itself
            table["master", at.master] |= {"cloud-worker"}
    return table


def arriving(opened):
    """(destination, port): sources, from outside the release."""
    at, table = opened.ports, {}
    if opened.exposed:
        table["nginx", 8080] = FREE
    if opened.monitoring:
        table["rabbitmq", 15692] = table["keeper", 8095] = {"watcher"}
        if opened.ours:
            table["cloud-worker", 8011] = {"watcher"}
    if opened.edges:
        table |= {
            ("rabbitmq", 5672): {"edge"},
            ("cloud-broker", at.broker): {"edge"},
            ("discovery", at.discovery): {"edge"},
        }
    return table


def leaves(opened, source, destination, port, protocol):
    """Whether one of ours may send that to somebody who is not."""
    if protocol in {"UDP", "TCP"} and port in {53, 1053, 5353, 8053}:
        return True  # names, wherever the cluster resolves them
    if source == "task":
        return destination in opened.tasks
    if source in {"cloud-broker", "discovery"} and destination in {
        *(["edge"] if opened.edges else []),
        *(["subscriber"] if opened.subscribers else []),
    }:
        return True  # they notify whatever address they were given
    if protocol != "TCP":
        return False
    if source in {"cloud-worker", "keeper", "cleanup"} and port in {443, 6443, 16443}:
        return destination == "apiserver" or not opened.apiserver
    if opened.bus and port == opened.bus[0]:
        return source in {"master", "cloud-worker", "designer"}
    if opened.bus and port == opened.bus[1]:
        return source in {"keeper"} | ({"cloud-worker"} if not opened.ours else set())
    return False


def allows(opened, source, destination, port, protocol):
    """Whether the design lets a connection between two roles through."""
    if destination == "task" and source in OURS:
        return source == "cloud-broker"  # its notifications, to a port that the worker drew by lot
    if destination in OURS:
        table = within(opened) if source in OURS else arriving(opened)
        return protocol == "TCP" and source in table.get((destination, port), ())
    return source in FREE or leaves(opened, source, destination, port, protocol)
