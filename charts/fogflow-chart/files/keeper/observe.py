"""Take one snapshot of the control plane: Kubernetes is asked for pods and tasks, and every member for its own state.

Of the members only HTTP endpoints are used that FogFlow's programs and RabbitMQ have anyway (`_HEALTH`, `_METRICS`, ngsi.py). A member
that does not answer leaves its part of the snapshot None. Pods are read before and after the state: when they differ, the state may
be that of either process, and is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import ngsi
from bootstrap import consumers
from expected import subscriptions
from http_json import ERRORS, Refused, Server
from kube import Kube, Task
from memory import Memory
from snapshot import BROKER, DESIGNER, DISCOVERY, MASTER, NGINX, RABBITMQ, WORKER, Snapshot, component, instances

_HEALTH = {DISCOVERY: "/ngsi9/status", BROKER: "/version", MASTER: "/status", DESIGNER: "/config.js", NGINX: "/healthz"}
_METRICS = "/metrics/detailed?family=queue_consumer_count&family=connection_coarse_metrics"
_PER_CONNECTION = "\nrabbitmq_detailed_connection_incoming_bytes_total{"


@dataclass
class Members:
    """The members' URLs; each has one connection that is kept open."""

    site: str
    urls: Mapping[str, str]
    """By member; that of rabbitmq is the URL of its metrics, empty when there are none."""
    servers: dict[str, Server] = field(default_factory=dict)
    workers: tuple[str, ...] = (WORKER,)
    keeps_tasks: bool = False
    """As Snapshot.keeps_tasks."""
    worker_queues: tuple[str, ...] = ()
    """The queue of each worker; empty where a queue is named like the worker's id."""

    def __post_init__(self) -> None:
        self.servers.update({name: Server(url) for name, url in self.urls.items() if url})

    @property
    def shards(self) -> tuple[str, ...]:
        """The brokers of this release."""
        return instances(BROKER, sum(component(name) == BROKER for name in self.urls))

    @property
    def ids(self) -> dict[str, str]:
        """The id under which the master knows each worker."""
        return {name: f"Worker.{self.site}" + f".{n}" * (n > 0) for n, name in enumerate(self.workers)}

    @property
    def queues(self) -> dict[str, str]:
        """The queue of each member that consumes from RabbitMQ."""
        of_workers = dict(zip(self.workers, self.worker_queues or self.ids.values(), strict=True))
        return {MASTER: f"Master.{self.site}", **of_workers, DESIGNER: "fogflow-designer"}


def observe(members: Members, kube: Kube, memory: Memory) -> Snapshot:
    """The control plane as it is now. Raises http_json.ERRORS when the API server does not answer."""
    servers = members.servers
    before = kube.pods()
    answers = _answers(servers)
    counts = connections = None
    if RABBITMQ in servers:
        answers[RABBITMQ], counts, connections = _consumers(members)
    heartbeats, workload, free_capacity = _workers(members) if answers[MASTER] else (None, 0, None)
    discovery = brokers = expected = database = None
    try:
        if answers[DISCOVERY]:
            discovery = ngsi.read_discovery(servers[DISCOVERY], memory.saved[DISCOVERY])
            brokers = len(servers[DISCOVERY].call("GET", "/ngsi9/broker") or {})
    except ERRORS:
        answers[DISCOVERY] = False
    held = {name: _held(servers[name]) if answers[name] else None for name in members.shards}
    try:
        if answers[DESIGNER]:
            database = ngsi.read_database(servers[DESIGNER])
            expected = subscriptions(database) if database else ngsi.read_functions(servers[DESIGNER])
    except ERRORS:
        pass  # the next round asks again
    # before the tasks: a Service is created after its Deployment
    services = frozenset() if members.keeps_tasks else kube.services()
    pods, tasks = kube.pods(), kube.tasks()
    if pods.get(DISCOVERY) != before.get(DISCOVERY):
        discovery = None  # it may be the state of either process
    held = {name: one if pods.get(name) == before.get(name) else None for name, one in held.items()}
    return Snapshot(
        pods=pods, tasks=tuple(sorted(tasks)), lone_services=tuple(sorted(services - tasks.keys())), topologies={name: task.topology for name, task in tasks.items() if task.topology}, doubled=() if members.keeps_tasks else _doubled(tasks), answers=answers, consumers=counts, connections=connections, checks_consumers=RABBITMQ in servers,
        worker_heartbeat=None if heartbeats is None else heartbeats.pop(WORKER), heartbeats=heartbeats or {}, workers=members.workers, workload=workload, free_capacity=free_capacity,
        keeps_tasks=members.keeps_tasks,
        brokers=brokers, shards=members.shards, discovery=discovery, broker=held.pop(BROKER), more_brokers=held,
        expected=expected, designer=database,
    )  # fmt: skip


def _doubled(tasks: Mapping[str, Task]) -> tuple[str, ...]:
    """Ids of the tasks that several Deployments run."""
    counted = Counter(task.id for task in tasks.values() if task.id)
    return tuple(sorted(id_ for id_, number in counted.items() if number > 1))


def _answers(servers: Mapping[str, Server]) -> dict[str, bool]:
    """Whether each member answers. All are asked in parallel, because each one that does not answer costs one timeout."""
    paths = {name: path for name in servers if (path := _HEALTH.get(component(name)))}
    with ThreadPoolExecutor(max(len(paths), 1)) as pool:
        return dict(zip(paths, pool.map(lambda name: ngsi.answers(servers[name], paths[name]), paths), strict=True))


def _held(broker: Server) -> dict[str, Any] | None:
    try:
        return ngsi.read_broker(broker)
    except ERRORS:
        return None  # the next round asks again


def _consumers(members: Members) -> tuple[bool, dict[str, int] | None, int | None]:
    """Whether RabbitMQ answers, its consumers by member, and the number of its connections."""
    try:
        text = str(members.servers[RABBITMQ].call("GET", _METRICS) or "")
    except Refused:
        return True, None, None
    except ERRORS:
        return False, None, None
    by_queue = consumers(text)
    return True, {name: by_queue.get(queue, 0) for name, queue in members.queues.items()}, text.count(_PER_CONNECTION)


def _workers(members: Members) -> tuple[dict[str, str] | None, int, int | None]:
    """The heartbeat of each worker (see Snapshot), the number of their tasks, and their free capacity."""
    try:
        listed = members.servers[MASTER].call("GET", "/workers") or {}
    except ERRORS:
        return None, 0, None
    profiles: dict[str, Mapping[str, Any]] = {name: listed.get(id_) or {} for name, id_ in members.ids.items()}
    loads = [(int(one.get("capacity") or 0), int(one.get("workload") or 0)) for one in profiles.values() if one]
    free_capacity = (
        sum(max(0, capacity - load) for capacity, load in loads) if loads and all(each[0] for each in loads) else None
    )
    return {name: _heartbeat(one) for name, one in profiles.items()}, sum(load for _, load in loads), free_capacity


def _heartbeat(profile: Mapping[str, Any]) -> str:
    if not profile:
        return ""
    return str(profile.get("Last_Heartbeat_Update") or profile.get("last_heartbeat_update") or "listed")
