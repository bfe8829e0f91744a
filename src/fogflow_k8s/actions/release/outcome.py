"""The outcome of a deploy or rollback, as one object for the screen and for JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fogflow_k8s.actions.observe.status import Report
from fogflow_k8s.model.diagnosis.catalogue import Cause
from fogflow_k8s.model.diff.three_way import Difference
from fogflow_k8s.model.settings.presets import Preset

Result = Literal[
    "installed",
    "upgraded",
    "rotated",
    "unchanged",
    "rolled-back",
    "left-failed",
    "rollback-failed",
    "timed-out",
    "interrupted",
]


@dataclass(frozen=True)
class Outcome:
    """The end of a deploy or rollback. `report`: the state afterwards; `causes`: why it failed, also after a rollback."""

    result: Result
    exit_code: int
    report: Report
    causes: tuple[Cause, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)  # total, helm, wait
    detail: str = ""  # what was done about a failure, in one sentence
    bundle: Path | None = None  # the support archive of a failure
    before: int = 0  # the revision before
    error: str = ""  # the error message of Helm or the API server
    difference: Difference | None = None  # of a dry run: what would change
    preset: Preset | None = None  # of a deploy: the preset used, and why

    @property
    def dry_run(self) -> bool:
        """Whether it was a dry run."""
        return self.difference is not None
