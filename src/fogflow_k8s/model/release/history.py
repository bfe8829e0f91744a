"""The history of a release: which revisions worked, where a rollback goes, and how to repair an interrupted operation.

Input is Helm's history and the record, a ConfigMap in which this program notes the revisions that became ready.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

PENDING = ("pending-install", "pending-upgrade", "pending-rollback")
UNINSTALLING = "uninstalling"
WORKED = ("deployed", "superseded")
_ROLLBACK = re.compile(r"Rollback to (\d+)")
_DEPLOYED = re.compile(r"fogflow-k8s .* by (\S+)")


@dataclass(frozen=True)
class Revision:
    """One revision of Helm's history. `verified`, from the record: a deploy or rollback saw it become ready."""

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
    """How to make a release usable again that an interrupted operation left pending; its history is kept."""

    action: Literal["rollback"]
    revision: int
    reason: str


def revisions(history: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> list[Revision]:
    """Helm's history joined with the record, oldest first."""
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
            by=str((known.get(str(h["revision"])) or {}).get("by", "")) or _maker(str(h.get("description", ""))),
        )
        for h in sorted(history, key=lambda h: int(h["revision"]))
    ]


def _maker(description: str) -> str:
    """Who made a revision, as the description that `deploy` gives to Helm says; "" for another one."""
    found = _DEPLOYED.fullmatch(description)
    return found[1] if found else ""


def taken_back(history: Sequence[Revision]) -> set[int]:
    """The revisions after which a rollback was made to an earlier one, as Helm's description of the next revision says."""
    targets = ((each.number, _ROLLBACK.fullmatch(following.description)) for each, following in pairwise(history))
    return {number for number, target in targets if target and int(target[1]) < number}


def last_that_worked(history: Sequence[Revision], *, before: int | None = None) -> Revision | None:
    """The newest verified revision; without one, the newest that Helm calls deployed or superseded.

    `before` leaves out that revision and all later ones.
    """
    older = [r for r in history if before is None or r.number < before]
    for good in ([r for r in older if r.verified and r.status in WORKED], [r for r in older if r.status in WORKED]):
        if good:
            return good[-1]
    return None


def passed_over(history: Sequence[Revision], good: Revision, *, before: int) -> Revision | None:
    """The newest revision between `good` and `before` that may have worked, although no operation saw it; None without one."""
    return last_that_worked([r for r in history if r.number > good.number], before=before)


def rollback_target(history: Sequence[Revision]) -> Revision | None:
    """The target of `rollback` without a number: the last revision that worked before the current one, and differs from it.

    After a rollback the current revision has the objects of an earlier one, so that one is left out. So is a revision that
    was taken back and was never seen working.
    """
    if not history:
        return None
    same, back = in_force(history), taken_back(history)
    may_be = [r for r in history if r.number not in same and (r.verified or r.number not in back)]
    return last_that_worked(may_be, before=history[-1].number)


def in_force(history: Sequence[Revision]) -> set[int]:
    """The current revision, and the earlier ones whose objects it has because of rollbacks; empty while it is not deployed."""
    if not history or history[-1].status != "deployed":
        return set()
    source: dict[int, int] = {}
    for each in history:
        target = _ROLLBACK.fullmatch(each.description)
        source[each.number] = source.get(int(target[1]), int(target[1])) if target else each.number
    newest = source[history[-1].number]
    return {number for number, origin in source.items() if origin == newest}


def repair(history: Sequence[Revision]) -> Repair | None:
    """How to repair a release whose last operation was interrupted; None when that is not the case.

    Helm refuses upgrades of a pending release, but not rollbacks. An interrupted first install is rolled back to itself:
    `rollback NAME 1` creates revision 2, deployed, and keeps revision 1 (tested with Helm 4.3). So is an interrupted
    uninstall, which creates the deleted objects again.
    """
    if not history or history[-1].status not in (*PENDING, UNINSTALLING):
        return None
    newest = history[-1]
    good = None if newest.status == UNINSTALLING else last_that_worked(history, before=newest.number)
    target = good.number if good else newest.number
    return Repair("rollback", target, f"revision {newest.number} was left {newest.status} by an interrupted operation")
