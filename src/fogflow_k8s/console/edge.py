"""The screens and documents of `edge`: tokens, the list of edges, the test of a connection, and the result of a join."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from fogflow_k8s.actions.edge.check import ConnectivityReport
from fogflow_k8s.actions.edge.cloud import EdgeList
from fogflow_k8s.actions.edge.join import JoinResult
from fogflow_k8s.console.documents import outcome_parts
from fogflow_k8s.console.parts import step_documents
from fogflow_k8s.console.schema import API
from fogflow_k8s.model.edge.sites import Edge
from fogflow_k8s.model.edge.token import Token

if TYPE_CHECKING:
    from fogflow_k8s.console.schema import edge as schema

_EMPTY = "-"


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


def list_screen(listing: EdgeList) -> Table | Text:
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
        table.add_row(*(Text(cell or _EMPTY) for cell in cells))
    return table


def list_document(listing: EdgeList) -> schema.EdgeList:
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


def connectivity_screen(report: ConnectivityReport) -> Text:
    """A line per step of the test, and the verdict."""
    lines = [
        f"{'ok  ' if step.ok else 'FAIL'} {step.name} ({step.ms:.0f} ms)" + ("" if step.ok else f": {step.why}")
        for step in report.proof.steps
    ]
    return Text("\n".join([*lines, "", f"Site {report.site} at {report.url}: {report.verdict}."]))


def connectivity_document(report: ConnectivityReport) -> schema.EdgeCheck:
    """The document of `edge check`."""
    return {
        "apiVersion": API,
        "kind": "EdgeCheck",
        "site": report.site,
        "url": report.url,
        "ok": report.proof.ok,
        "inbound": report.inbound,
        "outbound": report.outbound,
        "connectivity": report.connectivity,
        "summary": report.verdict,
        "causeId": None if report.proof.ok else "FK-6109" if report.outbound else "FK-6105",
        "steps": step_documents(report.proof),
    }


def joined_document(joined: JoinResult) -> schema.EdgeJoin:
    """The document of `edge join`: that of a deploy, and what the cloud sees, which is null when it was not asked."""
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


def joined_lines(joined: JoinResult) -> list[str]:
    """What the join has shown, and what it has not tested."""
    if joined.seen is None:
        return [f"Site {joined.site}: not tested whether the cloud sees it."]
    return [
        f"Site {joined.site} has joined: the cloud's discovery lists its broker, and its worker is connected to the cloud's RabbitMQ.",
        "Not tested: whether the master lists the worker (at the cloud: fogflow-k8s edge list), and whether the cloud",
        f"reaches {joined.url} (fogflow-k8s edge check).",
    ]


def _token(edge: Edge) -> str:
    return f"open until {_time(edge.expires)}" if edge.state == "open" else edge.state


def _listed(found: bool | None) -> str:
    return "not asked" if found is None else "listed" if found else "no"


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
