"""How a task is, by what its Deployment and its pods show. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from fogflow_k8s.model.diagnosis.pod_status import condition, statuses
from fogflow_k8s.model.diagnosis.pods import pod_causes
from fogflow_k8s.model.kubernetes import Obj, status_of
from fogflow_k8s.model.task.record import NAME, PORT, REASON_LIMIT, STARTING, Status


def judge(deployment: Obj | None, pods: Sequence[Obj]) -> Status:
    """Running when a pod is ready; failed with the reason that a person needs; else pending."""
    alive = sorted((p for p in pods if not p["metadata"].get("deletionTimestamp")), key=_age)
    if any(condition(pod, "Ready") == "True" for pod in alive):
        return Status("running")
    for pod in reversed(alive):
        if causes := pod_causes(pod, (), NAME):
            return failed(f"{causes[0].id} {causes[0].summary.removeprefix(f'{NAME}: ')}")
    refused = _condition(deployment or {}, "ReplicaFailure")
    if refused and not alive:
        return failed(refused)
    runs = any("running" in (c.get("state") or {}) for pod in alive for _, c in statuses(pod))
    return Status("pending", f"runs, and does not listen on {PORT} yet") if runs else STARTING


def failed(reason: str) -> Status:
    """The failure with its reason on one line."""
    return Status("failed", " ".join(reason.split())[:REASON_LIMIT])


def is_reachable(slices: Sequence[Obj]) -> bool:
    """Whether the Service leads to a pod that is ready."""
    return any(
        (endpoint.get("conditions") or {}).get("ready") is not False
        for each in slices
        for endpoint in each.get("endpoints") or ()
    )


def _condition(deployment: Obj, kind: str) -> str:
    conditions = status_of(deployment).get("conditions") or []
    return next((str(c.get("message")) for c in conditions if c.get("type") == kind and c.get("status") == "True"), "")


def _age(pod: Obj) -> str:
    return str(pod["metadata"].get("creationTimestamp") or "")
