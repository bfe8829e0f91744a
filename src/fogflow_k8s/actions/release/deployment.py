"""The state of a deploy in progress: what was prepared, and what its steps have changed since.

`prepare` returns an immutable Prepared; a Deployment adds the few facts that change while the deploy runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fogflow_k8s.actions.observe import status, track
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.release import rollout
from fogflow_k8s.actions.release.outcome import Outcome, Result
from fogflow_k8s.actions.release.prepare import Prepared
from fogflow_k8s.actions.release.request import Request
from fogflow_k8s.actions.release.rotation import Rotation
from fogflow_k8s.model.diagnosis.assessment import Assessment
from fogflow_k8s.model.diagnosis.catalogue import Cause
from fogflow_k8s.model.diff.three_way import Difference


@dataclass
class Deployment:
    """A deploy in progress. `prepared`: what was decided before; the other fields change on the way."""

    op: Operation
    prepared: Prepared
    watch: rollout.Stopwatch
    installed: status.Installed | None  # the release as last read; another operation may change it before the Lease
    rotation: Rotation = field(default_factory=Rotation)  # of RabbitMQ's password
    helm_started: bool = False  # for this deploy; not for the repair of a release that was left pending
    revision_before: int = 0  # the newest revision when Helm began; 0 for a first install
    rollback_revision: int = 0  # to which the recovery from a failure has begun to roll back; 0 while it has not
    rolled_back: bool = False  # Helm has completed that rollback
    agreed: bool = False  # the user saw what was changed by hand, and agreed to overwrite it

    @property
    def request(self) -> Request:
        """The request of the user."""
        return self.prepared.request


def assess(work: Deployment) -> Assessment:
    """The state of the installed release at this moment."""
    return track.observe(work.op, work.installed.expected if work.installed else [])


def outcome(
    work: Deployment,
    result: Result,
    exit_code: int,
    seen: Assessment,
    *,
    causes: tuple[Cause, ...] = (),
    detail: str = "",
    bundle: Path | None = None,
    error: str = "",
    difference: Difference | None = None,
) -> Outcome:
    """The end of the deploy, with the state as last seen; the other arguments as in Outcome."""
    op, installed = work.op, work.installed
    before = installed.objects if installed else ()
    objects = before if result == "rolled-back" else work.prepared.objects
    return Outcome(
        result,
        exit_code,
        status.report(op, installed.newest if installed else None, seen, objects),
        causes=causes,
        seconds=work.watch.seconds(),
        detail=detail,
        bundle=bundle,
        error=error,
        difference=difference,
        preset=work.prepared.preset,
    )
