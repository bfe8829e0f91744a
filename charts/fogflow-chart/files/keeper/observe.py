"""One look at the cell: asks every member what only it knows, and Kubernetes for the pods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import ngsi
from cell import BROKER, DESIGNER, DISCOVERY, MASTER, NGINX, RABBITMQ, WORKER, Memory, Seen
from gate import consumers
from http_json import ERRORS, Refused, Server
from kube import Kube

_HEALTH = {DISCOVERY: "/ngsi9/status", BROKER: "/version", MASTER: "/status", DESIGNER: "/config.js", NGINX: "/healthz"}
_METRICS = "/metrics/detailed?family=queue_consumer_count"


@dataclass
class Members:
    """Where the members are; a server is asked over one kept connection."""

    site: str
    urls: Mapping[str, str]
    """By component; rabbitmq's is that of its metrics, empty when it shows none."""
    servers: dict[str, Server] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.servers.update({name: Server(url) for name, url in self.urls.items() if url})

    @property
    def queues(self) -> dict[str, str]:
        """The queue of each member of the trio."""
        return {MASTER: f"Master.{self.site}", WORKER: f"Worker.{self.site}", DESIGNER: "fogflow-designer"}


def look(members: Members, kube: Kube, memory: Memory) -> Seen:
    """The cell as it is now. Raises http_json.ERRORS when the API server does not answer."""
    servers = members.servers
    before = kube.pods()
    answers = {name: ngsi.answers(servers[name], path) for name, path in _HEALTH.items() if name in servers}
    counts = None
    if RABBITMQ in servers:
        answers[RABBITMQ], counts = _consumers(members)
    beat, workload = _worker(members) if answers[MASTER] else (None, 0)
    discovery = broker = brokers = functions = database = None
    try:
        if answers[DISCOVERY]:
            discovery = ngsi.read_discovery(servers[DISCOVERY], memory.snapshot[DISCOVERY])
            brokers = len(servers[DISCOVERY].call("GET", "/ngsi9/broker") or {})
    except ERRORS:
        answers[DISCOVERY] = False
    try:
        broker = ngsi.read_broker(servers[BROKER]) if answers[BROKER] else None
        if answers[DESIGNER]:
            functions, database = ngsi.read_functions(servers[DESIGNER]), ngsi.read_database(servers[DESIGNER])
    except ERRORS:
        pass  # the next look will tell
    pods = kube.pods()
    if pods.get(DISCOVERY) != before.get(DISCOVERY):
        discovery = None  # of which process it is cannot be told
    if pods.get(BROKER) != before.get(BROKER):
        broker = None
    return Seen(
        pods=pods, tasks=kube.tasks(), answers=answers, consumers=counts, checks_consumers=RABBITMQ in servers,
        worker_beat=beat, workload=workload, brokers=brokers, discovery=discovery, broker=broker, functions=functions, designer=database,
    )  # fmt: skip


def _consumers(members: Members) -> tuple[bool, dict[str, int] | None]:
    """Whether RabbitMQ answers at all, and the consumers that it counts."""
    try:
        text = str(members.servers[RABBITMQ].call("GET", _METRICS) or "")
    except Refused:
        return True, None
    except ERRORS:
        return False, None
    by_queue = consumers(text)
    return True, {name: by_queue.get(queue, 0) for name, queue in members.queues.items()}


def _worker(members: Members) -> tuple[str | None, int]:
    """What changes with each heartbeat of the worker (empty when it is not listed), and its tasks."""
    try:
        listed = members.servers[MASTER].call("GET", "/workers") or {}
    except ERRORS:
        return None, 0
    profile: Mapping[str, Any] = listed.get(members.queues[WORKER]) or {}
    if not profile:
        return "", 0
    beat = profile.get("Last_Heartbeat_Update") or profile.get("last_heartbeat_update") or "listed"
    return str(beat), int(profile.get("workload") or 0)
