"""How an operation on a release ended, in one object."""

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
    """The end of a deploy or rollback. `report` is the state afterwards; `causes` what went wrong (kept after a rollback)."""

    result: Result
    exit_code: int
    report: Report
    causes: tuple[Cause, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)  # total, helm, wait
    says: str = ""  # what was done, for the failure block
    bundle: Path | None = None  # the support archive of a failure
    before: int = 0  # the revision before
    error: str = ""  # Helm's own words, when it was Helm that failed
    difference: Difference | None = None  # of a dry run: what would change
    preset: Preset | None = None  # of a deploy: which one was in force, and why

    @property
    def dry_run(self) -> bool:
        """True when nothing was done."""
        return self.difference is not None
