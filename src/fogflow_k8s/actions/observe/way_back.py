"""The way back to a revision that worked, as advice where the newest revision was never seen working."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.model.diagnosis.assessment import Assessment
from fogflow_k8s.model.names import release_option
from fogflow_k8s.model.release.history import Revision, rollback_target


def with_way_back(op: Operation, history: Sequence[Revision], seen: Assessment) -> Assessment:
    """The assessment, whose first permanent cause also advises the rollback that `rollback` without a number makes.

    Without a change if the newest revision was seen working (then the cause came later, and an earlier revision may have it,
    too), or if no earlier one was.
    """
    target = rollback_target(history)
    at = next((i for i, each in enumerate(seen.causes) if each.kind == "permanent"), None)
    if at is None or target is None or not target.verified or history[-1].verified:
        return seen
    command = f"fogflow-k8s rollback -n {op.namespace}{release_option(op.release)}"
    advice = (*seen.causes[at].advice, f"to return to revision {target.number}, which worked: {command}")
    causes = (*seen.causes[:at], replace(seen.causes[at], advice=advice), *seen.causes[at + 1 :])
    return replace(seen, causes=causes)
