"""What the verbs of edges print."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from fogflow_k8s.actions.edge.check import ConnectivityReport
from fogflow_k8s.actions.edge.cloud import Listing
from fogflow_k8s.actions.edge.join import Joined
from fogflow_k8s.console.documents import V, outcome_document
from fogflow_k8s.model.edge.sites import Edge
from fogflow_k8s.model.edge.token import Token

_NO = "-"


def token_document(token: Token, text: str) -> dict[str, Any]:
    """The token for programs; it is a secret."""
    return {"v": V, "site": token.site, "user": token.user, "expires": _time(token.expires), "token": text}


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


def list_document(listing: Listing) -> dict[str, Any]:
    """The same for programs; null means that it could not be asked."""
    return {
        "v": V,
        "edges": [
            {
                "site": edge.site, "token": edge.state, "expires": _time(edge.expires) if edge.expires else None,
                "broker": edge.broker, "worker": edge.worker, "tasks": edge.tasks, "address": edge.url, "seen": edge.seen,
            }
            for edge in listing.edges
        ],
        "pruned": list(listing.pruned),
    }  # fmt: skip


def way_screen(way: ConnectivityReport) -> Text:
    """Every step, and the verdict."""
    lines = [
        f"{'ok  ' if step.ok else 'FAIL'} {step.name} ({step.ms:.0f} ms)" + ("" if step.ok else f": {step.why}")
        for step in way.proof.steps
    ]
    return Text("\n".join([*lines, "", f"Site {way.site} at {way.url}: {way.verdict}."]))


def way_document(way: ConnectivityReport) -> dict[str, Any]:
    """The same for programs."""
    return {
        "v": V, "site": way.site, "address": way.url, "ok": way.proof.ok, "inbound": way.inbound, "outbound": way.outbound,
        "connectivity": way.connectivity, "verdict": way.verdict, "id": None if way.proof.ok else "FK-6109" if way.outbound else "FK-6105",
        "steps": [{"name": s.name, "ok": s.ok, "why": s.why, "ms": s.ms} for s in way.proof.steps],
    }  # fmt: skip


def joined_document(joined: Joined) -> dict[str, Any]:
    """The deploy's document, with what the cloud sees; null when it was not asked."""
    seen = joined.seen
    about = {"site": joined.site, "address": joined.url}
    cloud = {"broker": seen.broker, "worker": seen.consumers > 0} if seen else None
    return {**outcome_document(joined.outcome), "edge": {**about, "cloud": cloud}}


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
