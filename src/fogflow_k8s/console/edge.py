"""What the verbs of edges print."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from fogflow_k8s.actions.edge.check import ConnectivityReport
from fogflow_k8s.actions.edge.cloud import Listing
from fogflow_k8s.actions.edge.join import Joined
from fogflow_k8s.console.documents import outcome_parts
from fogflow_k8s.console.parts import step_documents
from fogflow_k8s.console.schema import API
from fogflow_k8s.model.edge.sites import Edge
from fogflow_k8s.model.edge.token import Token

if TYPE_CHECKING:
    from fogflow_k8s.console.schema import edge as schema

_NO = "-"


def token_document(token: Token, text: str) -> schema.EdgeToken:
    """The document of `edge token create`; the token is a secret."""
    return {
        "apiVersion": API,
        "kind": "EdgeToken",
        "site": token.site,
        "user": token.user,
        "expiresAt": _time(token.expires),
        "token": text,
    }


def list_screen(listing: Listing) -> Table | Text:
    """A row per edge."""
    if not listing.edges:
        return Text("no edges: fogflow-k8s edge token create --site 002 --external-ip ADDRESS")
    table = Table(box=None, pad_edge=False)
    for column in ("SITE", "TOKEN", "BROKER", "WORKER", "TASKS", "ADDRESS", "LAST SEEN"):
        table.add_column(column, overflow="fold")
    for edge in listing.edges:
        cells = (
            edge.site,
            _token(edge),
            _listed(edge.broker),
            _listed(edge.worker),
            str(edge.tasks),
            edge.url,
            edge.seen,
        )
        table.add_row(*(Text(cell or _NO) for cell in cells))
    return table


def list_document(listing: Listing) -> schema.EdgeList:
    """The document of `edge list`; null means that the cloud could not be asked."""
    return {
        "apiVersion": API,
        "kind": "EdgeList",
        "edges": [
            {
                "site": edge.site,
                "tokenState": edge.state,
                "expiresAt": _time(edge.expires) if edge.expires else None,
                "brokerListed": edge.broker,
                "workerListed": edge.worker,
                "taskCount": edge.tasks,
                "url": edge.url or None,
                "lastSeen": edge.seen or None,
            }
            for edge in listing.edges
        ],
        "prunedSites": list(listing.pruned),
    }


def way_screen(way: ConnectivityReport) -> Text:
    """Every step, and the verdict."""
    lines = [
        f"{'ok  ' if step.ok else 'FAIL'} {step.name} ({step.ms:.0f} ms)" + ("" if step.ok else f": {step.why}")
        for step in way.proof.steps
    ]
    return Text("\n".join([*lines, "", f"Site {way.site} at {way.url}: {way.verdict}."]))


def way_document(way: ConnectivityReport) -> schema.EdgeCheck:
    """The document of `edge check`."""
    return {
        "apiVersion": API,
        "kind": "EdgeCheck",
        "site": way.site,
        "url": way.url,
        "ok": way.proof.ok,
        "inbound": way.inbound,
        "outbound": way.outbound,
        "connectivity": way.connectivity,
        "summary": way.verdict,
        "causeId": None if way.proof.ok else "FK-6109" if way.outbound else "FK-6105",
        "steps": step_documents(way.proof),
    }


def joined_document(joined: Joined) -> schema.EdgeJoin:
    """The document of `edge join`: that of the deploy, with what the cloud sees; null when it was not asked."""
    seen = joined.seen
    cloud: schema.CloudView | None = None
    if seen:
        cloud = {"brokerListed": seen.broker, "workerConnected": seen.consumers > 0}
    return {
        "apiVersion": API,
        "kind": "EdgeJoin",
        **outcome_parts(joined.outcome),
        "edge": {"site": joined.site, "url": joined.url, "cloud": cloud},
    }


def joined_lines(joined: Joined) -> list[str]:
    """What is known now, and what is not."""
    if joined.seen is None:
        return [f"Site {joined.site}: whether the cloud sees it was not asked."]
    return [
        f"Site {joined.site} has joined: the cloud's discovery lists its broker, and its worker listens at the cloud's RabbitMQ.",
        "Not seen from here: whether the master lists the worker (at the cloud: fogflow-k8s edge list), and whether the cloud",
        f"reaches {joined.url} (fogflow-k8s edge check).",
    ]


def _token(edge: Edge) -> str:
    return f"open until {_time(edge.expires)}" if edge.state == "open" else edge.state


def _listed(found: bool | None) -> str:
    return "not asked" if found is None else "listed" if found else "no"


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
