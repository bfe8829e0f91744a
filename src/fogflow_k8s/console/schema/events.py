"""The lines of `-o jsonl`: one event each."""

from __future__ import annotations

from typing import Literal

from fogflow_k8s.console.schema.common import Cause, Document, Error
from fogflow_k8s.console.schema.edge import EdgeJoin
from fogflow_k8s.console.schema.release import Operation
from fogflow_k8s.console.schema.status import Replicas, Status
from fogflow_k8s.model.diagnosis.readiness import State as RolloutState

Result = Status | Operation | EdgeJoin | Error


class EventParts(Document):
    """What every event has."""

    kind: Literal["Event"]
    """Kind of this document."""
    time: str
    """When it happened, in UTC."""
    step: int
    """Number of the step that it belongs to; 0 before the first."""


class TextEvent(EventParts):
    """A new step, a fact in a step, or a warning."""

    type: Literal["step", "log", "warning"]
    """Type of the event."""
    text: str
    """One sentence."""


class ProgressEvent(EventParts):
    """How far something countable is."""

    type: Literal["progress"]
    """Type of the event."""
    text: str
    """What is counted."""
    done: int
    """How much of it is done."""
    total: int
    """How much there is, approximately."""


class ComponentEvent(EventParts, Replicas):
    """The state of a component changed."""

    type: Literal["component"]
    """Type of the event."""
    component: str
    """Name of the component."""
    state: RolloutState
    """State of its rollout."""
    reason: str | None
    """Why it is not ready."""


class CauseEvent(EventParts):
    """A cause was found for the first time."""

    type: Literal["cause"]
    """Type of the event."""
    cause: Cause
    """The cause."""


class ResultEvent(EventParts):
    """The result: the last line, and with `status --watch` one line for each observation."""

    type: Literal["result"]
    """Type of the event."""
    document: Result
    """The document that -o json prints."""


Event = TextEvent | ProgressEvent | ComponentEvent | CauseEvent | ResultEvent
