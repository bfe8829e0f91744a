"""Records that a revision works which no operation has waited for, as after `deploy --no-wait`.

A deploy that fails rolls back to the newest recorded revision, and would pass over this one.
"""

from __future__ import annotations

from fogflow_k8s.actions import record
from fogflow_k8s.actions.observe import track
from fogflow_k8s.actions.observe.status import Installed
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.release.drift import drift
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model.diagnosis.assessment import Assessment


def note_if_it_works(op: Operation, installed: Installed | None, seen: Assessment | None = None) -> None:
    """Record the newest revision if it works now and is not recorded yet.

    `seen`: what the caller has observed, and has compared with the live objects; without it, both are done here.
    """
    if not installed or installed.newest.verified or installed.newest.status != "deployed":
        return
    if seen.works if seen else _works_unchanged(op, installed):
        record.note_worked(op, installed.newest.number, digest="")


def _works_unchanged(op: Operation, installed: Installed) -> bool:
    """Whether FogFlow works, and with the objects of the revision: what somebody changed by hand does not come back."""
    try:
        if not track.observe(op, installed.expected).works:
            return False
        found = drift(op, installed.objects, installed.objects)
    except ClusterError:
        return False  # the deploy does not depend on it
    return not found.unseen and all(each.effect == "left" for each in found.drift)
