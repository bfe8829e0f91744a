"""Checks as data: a sentence that is true when it passes, a probe, and how bad it is when it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "skipped", "warning", "failed"]


@dataclass(frozen=True)
class CheckOutcome:
    """What a probe found: fine, not fine, or (None) not to be known; with the fact (a version, a reason) and the mend."""

    ok: bool | None
    fact: str = ""
    mend: str = ""


@dataclass(frozen=True)
class Check:
    """One check. `warning`: its failure stops nothing."""

    id: str
    says: str
    probe: Callable[[], CheckOutcome]
    warning: bool = False
    category: str = ""


@dataclass(frozen=True)
class Result:
    """A check and what came of it."""

    check: Check
    state: State
    fact: str
    mend: str


def run(checks: Sequence[Check], observe: Callable[[Result], None] = lambda _: None) -> list[Result]:
    """The result of every check, in order; each is shown to `observe` as it comes."""
    results = []
    for check in checks:
        found = check.probe()
        state = _state(check, found)
        result = Result(check, state, found.fact, found.mend)
        observe(result)
        results.append(result)
    return results


def _state(check: Check, found: CheckOutcome) -> State:
    if found.ok is None:
        return "skipped"
    return "ok" if found.ok else "warning" if check.warning else "failed"
