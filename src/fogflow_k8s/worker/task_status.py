"""The status of a task, from what its Deployment and its pods show. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from fogflow_k8s.model.diagnosis.pod_status import condition, statuses
from fogflow_k8s.model.diagnosis.pods import pod_causes
from fogflow_k8s.model.kubernetes import Obj, metadata_of, status_of
from fogflow_k8s.model.task.fogflow_task import PORT
from fogflow_k8s.model.task.record import NAME, REASON_LIMIT, STARTING, Status


def task_status(deployment: Obj | None, pods: Sequence[Obj]) -> Status:
    """`running` when a pod is ready; `failed` with the cause from the catalogue (docs/errors.md); otherwise `pending`."""
    alive = sorted((pod for pod in pods if not metadata_of(pod).get("deletionTimestamp")), key=_created)
    if any(condition(pod, "Ready") == "True" for pod in alive):
        return Status("running")
    for pod in reversed(alive):
        if causes := pod_causes(pod, (), NAME):
            return failed(f"{causes[0].id} {causes[0].summary.removeprefix(f'{NAME}: ')}")
    refused = _condition_message(deployment or {}, "ReplicaFailure")
    if refused and not alive:
        return failed(refused)
    runs = any("running" in (status.get("state") or {}) for pod in alive for _, status in statuses(pod))
    return Status("pending", f"runs, but does not listen on port {PORT} yet") if runs else STARTING


def failed(reason: str) -> Status:
    """The status `failed`, with the reason on one line of at most REASON_LIMIT characters."""
    return Status("failed", " ".join(reason.split())[:REASON_LIMIT])


def is_reachable(slices: Sequence[Obj]) -> bool:
    """Whether a Service routes to a ready pod, from its EndpointSlices."""
    return any(
        (endpoint.get("conditions") or {}).get("ready") is not False
        for each in slices
        for endpoint in each.get("endpoints") or ()
    )


def _condition_message(deployment: Obj, kind: str) -> str:
    conditions = status_of(deployment).get("conditions") or []
    return next((str(c.get("message")) for c in conditions if c.get("type") == kind and c.get("status") == "True"), "")


def _created(pod: Obj) -> str:
    return str(metadata_of(pod).get("creationTimestamp") or "")
