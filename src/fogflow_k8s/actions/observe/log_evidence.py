"""Adds the logs of failed containers to the evidence of causes.

A cause, derived from Kubernetes objects, says that a container crashes or does not become ready; its log often says why.
"""

from __future__ import annotations

from dataclasses import replace

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model.diagnosis.assessment import Assessment
from fogflow_k8s.model.diagnosis.catalogue import Cause
from fogflow_k8s.model.diagnosis.log_excerpt import notable

MOST = 2  # causes whose logs are read: the first one, and one more
LINES = 200  # of a log's end
_CRASHED = ("FK-5001", "FK-5002", "FK-5004", "FK-5006")  # the log of the previous container says why
_ASKED = (*_CRASHED, "FK-5003", "FK-5005", "FK-5014")


def diagnosed(op: Operation, seen: Assessment) -> Assessment:
    """The assessment, with log lines added to the evidence of its first causes. Logs that cannot be read are left out."""
    asked = [c for c in seen.causes if c.kind != "blocked" and c.container and c.id in _ASKED][:MOST]
    found = {c: _with_log(op, c) for c in asked}
    return replace(seen, causes=tuple(found.get(c, c) for c in seen.causes)) if found else seen


def _with_log(op: Operation, cause: Cause) -> Cause:
    for previous in (True, False) if cause.id in _CRASHED else (False,):
        try:
            text = op.cluster.logs(
                op.namespace, cause.object.removeprefix("pod/"), cause.container, previous=previous, lines=LINES
            )
        except ClusterError:
            continue
        if lines := notable(op.mask(text)):
            return replace(cause, evidence=(*cause.evidence, *(f"log: {line}" for line in lines)))
    return cause
