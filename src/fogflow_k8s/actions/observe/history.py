"""The revisions of a release: Helm's history, joined with the record of the revisions that worked."""

from __future__ import annotations

from fogflow_k8s.actions.observe import status
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.model.release.history import Revision


def history(op: Operation) -> list[Revision]:
    """The revisions, oldest first. Raises NotInstalled."""
    found = status.stored(op)
    if found is None:
        raise status.not_installed(op)
    return list(found.history)
