"""Checks as data: what `check`, `images check` and the start of `deploy` run and show.

A check has a description, a sentence that is true when the check passes, and a probe, a function that finds out. The probe
returns an outcome; `run` turns the outcomes into results in the order of the checks. An outcome without an answer, for example
because the user may not read an object, is skipped and never counts as a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "skipped", "warning", "failed"]


@dataclass(frozen=True)
class CheckOutcome:
    """What a probe found. `ok`: True = passed, False = failed, None = the probe cannot tell.

    `detail` is what was found (a version, a reason), `remedy` a command or an instruction for the user.
    """

    ok: bool | None
    detail: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Check:
    """One check. With `warning`, a failure does not stop the operation."""

    id: str
    description: str
    probe: Callable[[], CheckOutcome]
    warning: bool = False
    category: str = ""


@dataclass(frozen=True)
class Result:
    """A check and its outcome; `state` also tells whether a failure is only a warning."""

    check: Check
    state: State
    detail: str
    remedy: str


def run(checks: Sequence[Check], observe: Callable[[Result], None] = lambda _: None) -> list[Result]:
    """Run every check in order and return the results; `observe` gets each one as soon as it is known."""
    results = []
    for check in checks:
        found = check.probe()
        state = _state(check, found)
        result = Result(check, state, found.detail, found.remedy)
        observe(result)
        results.append(result)
    return results


def _state(check: Check, found: CheckOutcome) -> State:
    if found.ok is None:
        return "skipped"
    return "ok" if found.ok else "warning" if check.warning else "failed"
