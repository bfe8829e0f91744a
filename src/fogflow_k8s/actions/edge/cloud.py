"""The cloud's commands for edges: create a token, list the edges, remove one.

A token holds what an edge needs to join: the cloud's addresses, and the login of a RabbitMQ user for its site. The users are
kept in two places: in RabbitMQ, and (hashes only) in Secret `fogflow-edges`, from which RabbitMQ's bootstrap container restores
them at every start, as RabbitMQ has no volume. All sites share one Secret, with a key each, so that the pod mounts only one.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fogflow_k8s.actions.edge import rabbitmq
from fogflow_k8s.actions.edge.endpoints import endpoints, require_open
from fogflow_k8s.actions.observe import status
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters.kubernetes.client import Conflict
from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl
from fogflow_k8s.errors import EdgeRefused, FogflowError, OperationFailed, UsageError
from fogflow_k8s.model.edge.sites import Edge, Live, Record, config_of, parse, rows
from fogflow_k8s.model.edge.token import Token, checked_site, definitions, mark_of, queues_of, user_of

SECRET = "fogflow-edges"  # noqa: S105 - a Secret's name
_TRIES = 5


@dataclass(frozen=True)
class TokenRequest:
    """A request for a token: the site, how long it is valid (seconds), and which addresses the edge has and uses."""

    site: str
    ttl_s: float
    external_ip: str = ""
    cidrs: tuple[str, ...] = ()


@dataclass(frozen=True)
class EdgeList:
    """All edges of the cloud, and the sites whose expired tokens were removed."""

    edges: tuple[Edge, ...]
    pruned: tuple[str, ...] = ()


def create(op: Operation, kubectl: Kubectl, wanted: TokenRequest) -> Token:
    """Create a token, and the RabbitMQ user that it logs in with. Unused tokens that have expired are removed.

    Raises NotInstalled, UsageError, EdgeRefused, ClusterError.
    """
    objects, cloud_site = _installed(op)
    try:
        checked_site(wanted.site, cloud_site)
    except ValueError as error:
        raise UsageError(f"--site {error}", hint="--site 002") from error
    require_open(op, objects, wanted.cidrs)
    ends = endpoints(op, objects, wanted.external_ip)
    _require_running(op)
    records = _pruned(op, kubectl, _note_joined(op, _records(op), live := rabbitmq.live(kubectl)))[0]
    before = next((one for one in records if one.site == wanted.site), None)
    if (before and before.joined) or live.has(wanted.site):
        raise EdgeRefused(
            "FK-6107",
            f"site {wanted.site} is joined already",
            hint=f"choose another site id; or, if that edge no longer exists: fogflow-k8s edge remove {wanted.site}",
        )
    now = int(op.today().timestamp())
    password = secrets.token_urlsafe(24)
    made = definitions(wanted.site, password, secrets.token_bytes(4))
    record = Record(wanted.site, secrets.token_hex(8), now, now + int(wanted.ttl_s), joined=False, definitions=made)
    _write(op, {f"{wanted.site}.json": record.text()})
    rabbitmq.define(kubectl, made)
    broker = config_of(objects, "cloud-broker")
    return Token(
        id=record.id, site=wanted.site, broker_name=str(broker.get("my_hostip", "")), user=user_of(wanted.site),
        password=password, issued=now, expires=record.expires, cloud_site=cloud_site, **ends,
    )  # fmt: skip


def edges(op: Operation, kubectl: Kubectl, *, prune: bool = False) -> EdgeList:
    """Every edge, with the state that the cloud sees. Raises NotInstalled, ClusterError, FogflowError."""
    _, cloud_site = _installed(op)
    _require_running(op)
    live = rabbitmq.live(kubectl)
    records = _note_joined(op, _records(op), live)
    pruned: tuple[str, ...] = ()
    if prune:
        records, pruned = _pruned(op, kubectl, records)
    return EdgeList(rows(records, live, cloud_site, op.today().timestamp()), pruned)


def remove(op: Operation, kubectl: Kubectl, site: str) -> None:
    """Delete an edge's user and record; RabbitMQ closes the connections of that user. Raises UsageError, ClusterError."""
    _installed(op)
    known = [one for one in _records(op) if one.site == site]
    if not known:
        sites = ", ".join(one.site for one in _records(op)) or "none"
        raise UsageError(f"this cloud has no edge {site}", hint=f"edges: {sites}; fogflow-k8s edge list")
    _require_running(op)
    _forget(op, kubectl, known[0])


def _installed(op: Operation) -> tuple[Sequence[Mapping[str, Any]], str]:
    """The release's objects and the cloud's own site id. Raises NotInstalled, UsageError."""
    found = status.stored(op)
    if found is None:
        raise status.not_installed(op)
    broker = config_of(found.objects, "cloud-broker")
    if not broker:
        raise UsageError(
            f"release {op.release} in namespace {op.namespace} is not a FogFlow cloud",
            hint="run fogflow-k8s edge token create, list and remove at the cloud, and join, check and leave at the edge",
        )
    return found.objects, str(broker.get("site_id", ""))


def _require_running(op: Operation) -> None:
    if op.simulated:
        raise FogflowError(
            f"RabbitMQ does not run here: {status.WHY_SIMULATED}", hint="fogflow-k8s sandbox up --real", exit_code=40
        )


def _records(op: Operation) -> list[Record]:
    found = op.cluster.get("Secret", SECRET, op.namespace)
    texts = {key: base64.b64decode(value).decode() for key, value in ((found or {}).get("data") or {}).items()}
    return [record for key, text in sorted(texts.items()) if (record := parse(key.removesuffix(".json"), text))]


def _note_joined(op: Operation, records: Sequence[Record], live: Live) -> list[Record]:
    """The records, with edges that the cloud sees recorded as joined: their tokens are kept when they disconnect later."""
    now = [replace(r, joined=r.joined or live.has(r.site, [mark_of(r.site, r.id)])) for r in records]
    changed = {f"{new.site}.json": new.text() for new, old in zip(now, records, strict=True) if new != old}
    if changed:
        _write(op, changed)
    return now


def _pruned(op: Operation, kubectl: Kubectl, records: Sequence[Record]) -> tuple[list[Record], tuple[str, ...]]:
    """Remove the users of unused tokens that have expired: the other records, and the sites of those removed."""
    now = op.today().timestamp()
    gone = [record for record in records if record.state(now) == "expired"]
    for record in gone:
        _forget(op, kubectl, record)
    return [record for record in records if record not in gone], tuple(record.site for record in gone)


def _forget(op: Operation, kubectl: Kubectl, record: Record) -> None:
    rabbitmq.forget(kubectl, user_of(record.site), (*queues_of(record.site), mark_of(record.site, record.id)))
    _write(op, {f"{record.site}.json": None})


def _write(op: Operation, changes: Mapping[str, str | None]) -> None:
    """Change keys of the Secret (None removes one). Repeats on a conflict with another client. Raises OperationFailed."""
    labels = {
        "app.kubernetes.io/managed-by": "fogflow-k8s",
        "app.kubernetes.io/instance": op.release,
        "app.kubernetes.io/part-of": "fogflow",
    }
    packed = {key: base64.b64encode(text.encode()).decode() for key, text in changes.items() if text is not None}
    for _ in range(_TRIES):
        found = op.cluster.get("Secret", SECRET, op.namespace)
        kept = {key: value for key, value in ((found or {}).get("data") or {}).items() if key not in changes}
        try:
            if found:
                op.cluster.replace({**found, "kind": "Secret", "apiVersion": "v1", "data": {**kept, **packed}})
            else:
                metadata = {"name": SECRET, "namespace": op.namespace, "labels": labels}
                op.cluster.create(
                    {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": packed}
                )
        except Conflict:
            continue
        return
    raise OperationFailed(
        f"cannot write Secret {SECRET}: another client keeps changing it", hint="run the command again", exit_code=50
    )
