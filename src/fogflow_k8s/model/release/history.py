"""What to do with a release: from Helm's history and our record to install, upgrade, nothing or repair. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

PENDING = ("pending-install", "pending-upgrade", "pending-rollback")
UNINSTALLING = "uninstalling"
WORKED = ("deployed", "superseded")


@dataclass(frozen=True)
class Revision:
    """One line of Helm's history. `verified` is ours: that revision was seen ready by a deploy or rollback."""

    number: int
    status: str
    chart: str = ""
    app_version: str = ""
    updated: str = ""
    description: str = ""
    verified: bool = False
    by: str = ""


@dataclass(frozen=True)
class Repair:
    """How a release that a dead operation left pending is made usable, with its history kept."""

    action: Literal["rollback"]
    revision: int
    reason: str


def revisions(history: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> list[Revision]:
    """Helm's history joined with our record, oldest first."""
    known = record.get("revisions") or {}
    return [
        Revision(
            number=int(h["revision"]),
            status=str(h.get("status", "")),
            chart=str(h.get("chart", "")),
            app_version=str(h.get("app_version", "")),
            updated=str(h.get("updated", "")),
            description=str(h.get("description", "")),
            verified=str(h["revision"]) in known,
            by=str((known.get(str(h["revision"])) or {}).get("by", "")),
        )
        for h in sorted(history, key=lambda h: int(h["revision"]))
    ]


def last_that_worked(history: Sequence[Revision], *, before: int | None = None) -> Revision | None:
    """The newest revision seen ready by us; without any, the newest that Helm calls deployed or superseded.

    `before` leaves out that revision and all later ones.
    """
    older = [r for r in history if before is None or r.number < before]
    for good in ([r for r in older if r.verified and r.status in WORKED], [r for r in older if r.status in WORKED]):
        if good:
            return good[-1]
    return None


def rollback_target(history: Sequence[Revision]) -> Revision | None:
    """Where `rollback` without a number goes: the last revision that worked before the current one."""
    return last_that_worked(history, before=history[-1].number) if history else None


def repair(history: Sequence[Revision]) -> Repair | None:
    """How to get a release going again in the middle of which an operation died; None when none did.

    Helm refuses every upgrade of a pending release; it rolls back all the same. A first install has nothing to go back
    to but itself: `rollback NAME 1` makes it revision 2, deployed, with revision 1 kept (tried with Helm 4.3). What was
    being uninstalled was deployed before: going back to itself makes the objects anew that are gone already.
    """
    if not history or history[-1].status not in (*PENDING, UNINSTALLING):
        return None
    newest = history[-1]
    good = None if newest.status == UNINSTALLING else last_that_worked(history, before=newest.number)
    target = good.number if good else newest.number
    return Repair("rollback", target, f"revision {newest.number} was left {newest.status} by an operation that died")
