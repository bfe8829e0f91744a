"""The edges of a cloud: the record of each one's token, its current state, and the Services through which edges connect.

A site is the id of an edge. The cloud stores a record for each token; discovery, master and RabbitMQ know which edges are
connected. `rows` joins the two for `edge list`.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fogflow_k8s.model import manifests
from fogflow_k8s.model.kubernetes import Obj

State = Literal["open", "expired", "joined", "unknown"]
SERVICES = {"rabbitmq": "rabbitmq-edge", "discovery": "discovery-edge", "broker": "cloud-broker-edge"}


@dataclass(frozen=True)
class Record:
    """The cloud's record of an edge's token. Times are seconds since 1970."""

    site: str
    id: str
    issued: int
    expires: int
    joined: bool
    definitions: Mapping[str, Any]

    def text(self) -> str:
        """The stored form; the bootstrap container of RabbitMQ reads `definitions` from it."""
        kept = {"v": 1, "id": self.id, "issued": self.issued, "expires": self.expires, "joined": self.joined}
        return json.dumps({**kept, "definitions": self.definitions}, separators=(",", ":"), sort_keys=True)

    def state(self, now: float) -> State:
        """The state of the token: joined, open (it can still be used) or expired."""
        return "joined" if self.joined else "open" if now <= self.expires else "expired"


@dataclass(frozen=True)
class Edge:
    """One row of the list. None = the program that knows it did not answer."""

    site: str
    state: State
    expires: int = 0
    broker: bool | None = None
    worker: bool | None = None
    url: str = ""
    """URL of its broker, as registered at discovery."""
    seen: str = ""
    """The time of the last heartbeat, as the master or discovery writes it."""
    tasks: int = 0


@dataclass(frozen=True)
class Live:
    """What discovery, master and RabbitMQ know at the moment; None = no answer."""

    brokers: Mapping[str, Any] | None
    workers: Mapping[str, Any] | None
    queues: Mapping[str, int] | None

    def has(self, site: str, marks: Iterable[str] = ()) -> bool:
        """Whether the site has a broker, a worker, or one of the mark queues that a join creates."""
        return (
            f"Broker.{site}" in (self.brokers or {})
            or f"Worker.{site}" in (self.workers or {})
            or any(mark in (self.queues or {}) for mark in marks)
        )


def parse(site: str, text: str) -> Record | None:
    """The record in a stored text; None when the text has another format."""
    try:
        data = json.loads(text)
        return Record(
            site,
            str(data["id"]),
            int(data["issued"]),
            int(data["expires"]),
            bool(data["joined"]),
            dict(data["definitions"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def rows(records: Sequence[Record], live: Live, cloud_site: str, now: float) -> tuple[Edge, ...]:
    """A row for each edge with a record, and for each connected edge without one."""
    known = {record.site: record for record in records}
    others = {name.partition(".")[2] for name in (*(live.brokers or {}), *(live.workers or {}))}
    strangers = {site for site in others if site and site.split(".")[0] != cloud_site and site not in known}
    return tuple(_row(site, known.get(site), live, now) for site in sorted({*known, *strangers}))


def _row(site: str, record: Record | None, live: Live, now: float) -> Edge:
    broker = (live.brokers or {}).get(f"Broker.{site}") or {}
    worker = (live.workers or {}).get(f"Worker.{site}") or {}
    return Edge(
        site=site,
        state=record.state(now) if record else "unknown",
        expires=record.expires if record else 0,
        broker=None if live.brokers is None else bool(broker),
        worker=None if live.workers is None else bool(worker),
        url=str(_get(broker, "providerURL", "MyURL", "url") or ""),
        seen=str(_get(worker, "Last_Heartbeat_Update") or _get(broker, "last_heartbeat_update") or ""),
        tasks=int(_get(worker, "workload") or 0),
    )


def config_of(objects: Iterable[Obj], component: str) -> dict[str, Any]:
    """The config.json of a component in the release's manifests; empty without one."""
    for obj in objects:
        if manifests.key_of(obj)[::2] == ("ConfigMap", f"{component}-config"):
            return dict(json.loads((obj.get("data") or {}).get("config.json") or "{}"))
    return {}


def services(objects: Iterable[Obj]) -> dict[str, Obj]:
    """The Services to which edges connect, by the component behind them."""
    by_name = {manifests.key_of(o)[2]: o for o in objects if o.get("kind") == "Service"}
    return {what: by_name[name] for what, name in SERVICES.items() if name in by_name}


def cidrs(objects: Iterable[Obj]) -> tuple[str, ...]:
    """The address ranges that the NetworkPolicies admit to RabbitMQ."""
    found: list[str] = []
    for obj in objects:
        if manifests.key_of(obj)[::2] == ("NetworkPolicy", "rabbitmq"):
            peers = [p for rule in obj["spec"].get("ingress") or [] for p in rule.get("from") or []]
            found += [str(peer["ipBlock"]["cidr"]) for peer in peers if peer.get("ipBlock")]
    return tuple(dict.fromkeys(found))


def uncovered(wanted: Iterable[str], allowed: Iterable[str]) -> list[str]:
    """The wanted ranges that no allowed range contains. Raises ValueError for a text that is not a range."""
    open_to = [ipaddress.ip_network(each, strict=False) for each in allowed]
    return [
        each for each in wanted if not any(_within(ipaddress.ip_network(each, strict=False), net) for net in open_to)
    ]


def _within(inner: Any, outer: Any) -> bool:
    return inner.version == outer.version and bool(inner.subnet_of(outer))


def _get(obj: Mapping[str, Any], *names: str) -> Any:
    lowered = {key.lower(): value for key, value in obj.items()}
    return next((lowered[name.lower()] for name in names if name.lower() in lowered), None)
