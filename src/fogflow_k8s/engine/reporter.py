"""How an action reports its progress.

An action gets a Reporter and calls it while it works. The console has one for each output format (live, plain, JSON lines);
tests use one that collects the calls.
"""

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
        """A detail of the current stage, on a line of its own."""

    def warn(self, text: str) -> None:
        """Something that the user should know and that does not stop the action."""

    def progress(self, text: str, done: int, total: int) -> None:
        """A countable stage is at `done` of about `total`; replaced by the next such call."""

    def verdicts(self, now: Mapping[str, Verdict], causes: Sequence[Cause] = ()) -> None:
        """The current state of every component; called after each observation, changed or not."""


class Silent:
    """A Reporter that shows nothing."""

    def step(self, text: str) -> None: ...
    def log(self, text: str) -> None: ...
    def warn(self, text: str) -> None: ...
    def progress(self, text: str, done: int, total: int) -> None: ...
    def verdicts(self, now: Mapping[str, Verdict], causes: Sequence[Cause] = ()) -> None: ...
