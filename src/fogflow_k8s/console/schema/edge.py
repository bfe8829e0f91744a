"""The documents of `edge`."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from fogflow_k8s.console.schema.common import Document, Step
from fogflow_k8s.console.schema.release import OperationParts
from fogflow_k8s.model.edge.sites import State as TokenState


class EdgeToken(Document):
    """What `edge token create` prints."""

    kind: Literal["EdgeToken"]
    """Kind of this document."""
    site: str
    """Site id of the edge."""
    user: str
    """User that the edge logs in to RabbitMQ with."""
    expiresAt: str
    """When the token expires, if no edge has joined with it."""
    token: str
    """The token. It is a secret."""


class Edge(TypedDict):
    """One edge of the cloud; null where the cloud could not be asked."""

    site: str
    """Site id."""
    tokenState: TokenState
    """State of its token. open: no edge has joined with it yet."""
    expiresAt: str | None
    """When its token expires."""
    brokerListed: bool | None
    """Whether the cloud's discovery lists its broker."""
    workerListed: bool | None
    """Whether the cloud's master lists its worker."""
    taskCount: int
    """Number of its tasks."""
    url: str | None
    """Address of its broker, as the broker registered it."""
    lastSeen: str | None
    """When the master or discovery last heard of it, in their words."""


class EdgeList(Document):
    """What `edge list` prints."""

    kind: Literal["EdgeList"]
    """Kind of this document."""
    edges: list[Edge]
    """Every edge."""
    prunedSites: list[str]
    """Sites whose expired token was removed."""


class EdgeCheck(Document):
    """What `edge check` prints."""

    kind: Literal["EdgeCheck"]
    """Kind of this document."""
    site: str
    """Site id of this edge."""
    url: str
    """Address under which the cloud reaches this edge's broker."""
    ok: bool
    """Whether every step works."""
    inbound: bool
    """Whether the cloud reaches this edge."""
    outbound: bool
    """Whether this edge reaches the cloud."""
    connectivity: str
    """How the cloud reaches this edge, as --connectivity says: direct or overlay."""
    summary: str
    """The result in one sentence."""
    causeId: str | None
    """Id of the catalogue, when a step fails."""
    steps: list[Step]
    """Each step of the test, in order."""


class CloudView(TypedDict):
    """What the cloud sees of this edge."""

    brokerListed: bool
    """Whether the cloud's discovery lists its broker."""
    workerConnected: bool
    """Whether its worker is a consumer at the cloud's RabbitMQ."""


class JoinedEdge(TypedDict):
    """This edge."""

    site: str
    """Site id."""
    url: str
    """Address under which the cloud reaches its broker."""
    cloud: CloudView | None
    """What the cloud sees; null when it was not asked."""


class EdgeJoin(Document, OperationParts):
    """What `edge join` prints: the document of a deploy, and what the cloud sees."""

    kind: Literal["EdgeJoin"]
    """Kind of this document."""
    edge: JoinedEdge
    """This edge."""
