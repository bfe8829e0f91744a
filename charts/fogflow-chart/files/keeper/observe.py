"""One look at the cell: asks every member what only it knows, and Kubernetes for the pods."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import ngsi
from cell import BROKER, DESIGNER, DISCOVERY, MASTER, NGINX, RABBITMQ, WORKER, Memory, Snapshot, component, several
from expected import subscriptions
from gate import consumers
from http_json import ERRORS, Refused, Server
from kube import Kube

_HEALTH = {DISCOVERY: "/ngsi9/status", BROKER: "/version", MASTER: "/status", DESIGNER: "/config.js", NGINX: "/healthz"}
_METRICS = "/metrics/detailed?family=queue_consumer_count&family=connection_coarse_metrics"
_PER_CONNECTION = "\nrabbitmq_detailed_connection_incoming_bytes_total{"


@dataclass
class Members:
    """Where the members are; a server is asked over one kept connection."""

    site: str
    urls: Mapping[str, str]
    """By member; rabbitmq's is that of its metrics, empty when it shows none."""
    servers: dict[str, Server] = field(default_factory=dict)
    workers: tuple[str, ...] = (WORKER,)
    keeps_tasks: bool = False
    """As Seen.keeps_tasks."""
    worker_queues: tuple[str, ...] = ()
    """Of each worker, where they are not called like the worker."""

    def __post_init__(self) -> None:
        self.servers.update({name: Server(url) for name, url in self.urls.items() if url})

    @property
    def shards(self) -> tuple[str, ...]:
        """The brokers of this cell, the first one first."""
        return several(BROKER, sum(component(name) == BROKER for name in self.urls))

    @property
    def ids(self) -> dict[str, str]:
        """By which the master knows each worker: with its number, but the first one's."""
        return {name: f"Worker.{self.site}" + f".{n}" * (n > 0) for n, name in enumerate(self.workers)}

    @property
    def queues(self) -> dict[str, str]:
        """The queue of each member of the trio."""
        of_workers = dict(zip(self.workers, self.worker_queues or self.ids.values(), strict=True))
        return {MASTER: f"Master.{self.site}", **of_workers, DESIGNER: "fogflow-designer"}


def look(members: Members, kube: Kube, memory: Memory) -> Snapshot:
    """The cell as it is now. Raises http_json.ERRORS when the API server does not answer."""
    servers = members.servers
    before = kube.pods()
    answers = _answers(servers)
    counts = connections = None
    if RABBITMQ in servers:
        answers[RABBITMQ], counts, connections = _consumers(members)
    beats, workload, room = _workers(members) if answers[MASTER] else (None, 0, None)
    discovery = brokers = expected = database = None
    try:
        if answers[DISCOVERY]:
            discovery = ngsi.read_discovery(servers[DISCOVERY], memory.snapshot[DISCOVERY])
            brokers = len(servers[DISCOVERY].call("GET", "/ngsi9/broker") or {})
    except ERRORS:
        answers[DISCOVERY] = False
    held = {name: _held(servers[name]) if answers[name] else None for name in members.shards}
    try:
        if answers[DESIGNER]:
            database = ngsi.read_database(servers[DESIGNER])
            expected = subscriptions(database) if database else ngsi.read_functions(servers[DESIGNER])
    except ERRORS:
        pass  # the next look will tell
    pods, tasks = kube.pods(), kube.tasks()
    if pods.get(DISCOVERY) != before.get(DISCOVERY):
        discovery = None  # of which process it is cannot be told
    held = {name: one if pods.get(name) == before.get(name) else None for name, one in held.items()}
    return Snapshot(
        pods=pods, tasks=tuple(sorted(tasks)), topologies={name: of for name, of in tasks.items() if of}, answers=answers, consumers=counts, connections=connections, checks_consumers=RABBITMQ in servers,
        worker_beat=None if beats is None else beats.pop(WORKER), beats=beats or {}, workers=members.workers, workload=workload, room=room,
        keeps_tasks=members.keeps_tasks,
        brokers=brokers, shards=members.shards, discovery=discovery, broker=held.pop(BROKER), more=held,
        expected=expected, designer=database,
    )  # fmt: skip


def _answers(servers: Mapping[str, Server]) -> dict[str, bool]:
    """Whether each answers; all are asked at once, for each that is silent takes its time."""
    paths = {name: path for name in servers if (path := _HEALTH.get(component(name)))}
    with ThreadPoolExecutor(max(len(paths), 1)) as pool:
        return dict(zip(paths, pool.map(lambda name: ngsi.answers(servers[name], paths[name]), paths), strict=True))


def _held(broker: Server) -> dict[str, Any] | None:
    try:
        return ngsi.read_broker(broker)
    except ERRORS:
        return None  # the next look will tell


def _consumers(members: Members) -> tuple[bool, dict[str, int] | None, int | None]:
    """Whether RabbitMQ answers at all, and the consumers and connections that it counts."""
    try:
        text = str(members.servers[RABBITMQ].call("GET", _METRICS) or "")
    except Refused:
        return True, None, None
    except ERRORS:
        return False, None, None
    by_queue = consumers(text)
    return True, {name: by_queue.get(queue, 0) for name, queue in members.queues.items()}, text.count(_PER_CONNECTION)


def _workers(members: Members) -> tuple[dict[str, str] | None, int, int | None]:
    """What changes with each heartbeat of each worker (empty when it is not listed), the tasks of all, and room for how many more."""
    try:
        listed = members.servers[MASTER].call("GET", "/workers") or {}
    except ERRORS:
        return None, 0, None
    profiles: dict[str, Mapping[str, Any]] = {name: listed.get(id_) or {} for name, id_ in members.ids.items()}
    loads = [(int(one.get("capacity") or 0), int(one.get("workload") or 0)) for one in profiles.values() if one]
    room = (
        sum(max(0, capacity - load) for capacity, load in loads) if loads and all(each[0] for each in loads) else None
    )
    return {name: _beat(one) for name, one in profiles.items()}, sum(load for _, load in loads), room


def _beat(profile: Mapping[str, Any]) -> str:
    if not profile:
        return ""
    return str(profile.get("Last_Heartbeat_Update") or profile.get("last_heartbeat_update") or "listed")
