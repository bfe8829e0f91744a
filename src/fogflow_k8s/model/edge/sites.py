"""The edges of a cloud: what is on record about each, what is seen of it, and the way in that the release gives them. Pure."""

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
    """What the cloud has noted about an edge's token. Times are seconds since 1970."""

    site: str
    id: str
    issued: int
    expires: int
    joined: bool
    definitions: Mapping[str, Any]

    def text(self) -> str:
        """As it is stored; RabbitMQ's gate reads `definitions` out of it."""
        kept = {"v": 1, "id": self.id, "issued": self.issued, "expires": self.expires, "joined": self.joined}
        return json.dumps({**kept, "definitions": self.definitions}, separators=(",", ":"), sort_keys=True)

    def state(self, now: float) -> State:
        """joined, or open until it expires."""
        return "joined" if self.joined else "open" if now <= self.expires else "expired"


@dataclass(frozen=True)
class Edge:
    """One row of the list. None means: could not be asked."""

    site: str
    state: State
    expires: int = 0
    broker: bool | None = None
    worker: bool | None = None
    url: str = ""
    """Of its broker, as it told discovery."""
    seen: str = ""
    """When the master or discovery last heard of it, in their words."""
    tasks: int = 0


@dataclass(frozen=True)
class Live:
    """What discovery, master and RabbitMQ know at the moment; None: could not be asked."""

    brokers: Mapping[str, Any] | None
    workers: Mapping[str, Any] | None
    queues: Mapping[str, int] | None

    def has(self, site: str, marks: Iterable[str] = ()) -> bool:
        """Whether anything of the site is seen, or one of the marks that a join leaves."""
        return (
            f"Broker.{site}" in (self.brokers or {})
            or f"Worker.{site}" in (self.workers or {})
            or any(mark in (self.queues or {}) for mark in marks)
        )


def parse(site: str, text: str) -> Record | None:
    """A stored record; None when it is of somebody else's making."""
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
    """A row for each edge on record, and for each that joined without us."""
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
    """The config.json that a release gives a component; empty when it has none."""
    for obj in objects:
        if manifests.key_of(obj)[::2] == ("ConfigMap", f"{component}-config"):
            return dict(json.loads((obj.get("data") or {}).get("config.json") or "{}"))
    return {}


def services(objects: Iterable[Obj]) -> dict[str, Obj]:
    """The Services that let edges in, by what they lead to."""
    by_name = {manifests.key_of(o)[2]: o for o in objects if o.get("kind") == "Service"}
    return {what: by_name[name] for what, name in SERVICES.items() if name in by_name}


def cidrs(objects: Iterable[Obj]) -> tuple[str, ...]:
    """Whom the policies let in to RabbitMQ from outside."""
    found: list[str] = []
    for obj in objects:
        if manifests.key_of(obj)[::2] == ("NetworkPolicy", "rabbitmq"):
            peers = [p for rule in obj["spec"].get("ingress") or [] for p in rule.get("from") or []]
            found += [str(peer["ipBlock"]["cidr"]) for peer in peers if peer.get("ipBlock")]
    return tuple(dict.fromkeys(found))


def uncovered(wanted: Iterable[str], allowed: Iterable[str]) -> list[str]:
    """Those of the wanted ranges that lie in none of the allowed ones. Raises ValueError for what is no range."""
    open_to = [ipaddress.ip_network(each, strict=False) for each in allowed]
    return [
        each for each in wanted if not any(_within(ipaddress.ip_network(each, strict=False), net) for net in open_to)
    ]


def _within(inner: Any, outer: Any) -> bool:
    return inner.version == outer.version and bool(inner.subnet_of(outer))


def _get(obj: Mapping[str, Any], *names: str) -> Any:
    lowered = {key.lower(): value for key, value in obj.items()}
    return next((lowered[name.lower()] for name in names if name.lower() in lowered), None)
