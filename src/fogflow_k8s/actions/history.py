"""The revisions of a release: Helm's history joined with our record."""

from __future__ import annotations

from fogflow_k8s.actions import record, status
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.model.release import Revision, revisions


def history(op: Operation) -> list[Revision]:
    """The revisions, oldest first. Raises NotInstalled."""
    child = op.helm.start_history()
    known = record.load(op)
    found = revisions(op.helm.read_history(child), known)
    if not found:
        raise status.absent(op)
    return found
