"""What a rule can ask for: one change in the cluster or at FogFlow's API.

A rule returns actions and does not carry them out. `decide.py` lets through what the back-off allows, `act.py` carries it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["delete", "end", "replay", "restore", "unsubscribe", "reap", "remove", "warn"]
"""delete a pod; end (force-delete) a pod that is already being deleted; delete the designer's pod so that it replays; restore what
discovery or a broker lost; unsubscribe subscriptions there; reap (delete) tasks that no worker knows; request of a native worker
to remove tasks; warn users by an Event. The kinds are published in health reports."""


@dataclass(frozen=True)
class ActionKey:
    """Equal for actions that repeat each other, which the back-off counts together."""

    kind: Kind
    member: str
    detail: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.kind, self.member, self.detail)))


@dataclass(frozen=True)
class Action:
    """One thing to do."""

    kind: Kind
    component: str
    """The member that it is about."""
    why: str
    target: str = ""
    """The pod's name."""
    grace_s: int | None = None
    """Grace period of the pod's deletion; None is the pod's own."""
    names: tuple[str, ...] = ()
    """Keys, subscription ids, task names or the number of the replay, by kind."""

    @property
    def key(self) -> ActionKey:
        """What the back-off counts this action under: each replay and each set of subscriptions by itself."""
        separate = self.kind in {"replay", "unsubscribe"} and self.names
        return ActionKey(self.kind, self.component, self.names[0] if separate else "")
