"""What an action says while it works; console shows it, tests collect it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fogflow_k8s.model.diagnosis.catalogue import Cause
    from fogflow_k8s.model.diagnosis.readiness import Verdict


class Reporter(Protocol):
    """Receives progress. Implementations never raise and never print on stdout."""

    def step(self, text: str) -> None:
        """A new stage begins: one short sentence."""

    def log(self, text: str) -> None:
        """A fact worth a line, inside the current stage."""

    def warn(self, text: str) -> None:
        """Something the user should know, that stops nothing."""

    def progress(self, text: str, done: int, total: int) -> None:
        """A countable stage is at `done` of about `total`; replaced by the next such call."""

    def verdicts(self, now: Mapping[str, Verdict], causes: Sequence[Cause] = ()) -> None:
        """The state of every component as of now; called at each look, changed or not."""


class Silent:
    """A Reporter that says nothing."""

    def step(self, text: str) -> None: ...
    def log(self, text: str) -> None: ...
    def warn(self, text: str) -> None: ...
    def progress(self, text: str, done: int, total: int) -> None: ...
    def verdicts(self, now: Mapping[str, Verdict], causes: Sequence[Cause] = ()) -> None: ...
