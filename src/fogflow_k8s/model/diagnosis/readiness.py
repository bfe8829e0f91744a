"""Readiness: whether an object is ready, and if not, why. One function for each kind.

A workload is ready when its controller has seen the newest generation, every replica has the newest template and is available,
and no old replica is left. The functions read the status fields that `kubectl rollout status` reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fogflow_k8s.model.kubernetes import metadata_of, spec_of, status_of

State = Literal["ready", "waiting", "failed"]


@dataclass(frozen=True)
class Verdict:
    """The readiness of one object; `reason` is a phrase for people, "" when it is ready. The numbers count replicas."""

    state: State
    reason: str = ""
    desired: int = 0
    ready: int = 0
    updated: int = 0


def judge(obj: Mapping[str, Any]) -> Verdict:
    """The verdict on any object; a kind without a rule is ready as soon as it exists."""
    rule = _RULES.get(str(obj.get("kind", "")))
    return rule(obj) if rule else Verdict("ready")


def judge_deployment(obj: Mapping[str, Any]) -> Verdict:
    """Ready when the generation was seen, all replicas have the new template and are available, and no old one is left.

    Failed when it is not ready and the controller gave up the rollout of this generation (ProgressDeadlineExceeded).
    """
    spec, status = spec_of(obj), status_of(obj)
    desired = int(spec.get("replicas", 1))
    updated, ready = int(status.get("updatedReplicas") or 0), int(status.get("readyReplicas") or 0)
    available, total = int(status.get("availableReplicas") or 0), int(status.get("replicas") or 0)
    numbers = {"desired": desired, "ready": ready, "updated": updated}
    if not _observed(obj):
        return Verdict("waiting", "the controller has not seen the new version yet", **numbers)
    if updated < desired:
        why = f"{updated} of {desired} replicas are of the new version"
    elif total > updated:
        why = f"{total - updated} old replicas still run"
    elif available < desired:
        why = f"{available} of {desired} replicas are available"
    else:
        return Verdict("ready", "", **numbers)
    if _given_up(status):
        limit_s = int(spec.get("progressDeadlineSeconds") or 600)
        return Verdict("failed", f"{why}, and there was no progress for {limit_s} s", **numbers)
    return Verdict("waiting", why, **numbers)


def _given_up(status: Mapping[str, Any]) -> bool:
    given_up = ("Progressing", "False", "ProgressDeadlineExceeded")
    return any((c.get("type"), c.get("status"), c.get("reason")) == given_up for c in status.get("conditions") or [])


def judge_statefulset(obj: Mapping[str, Any]) -> Verdict:
    """Ready when the generation was seen and exactly the desired replicas are ready and of the update revision.

    With manual (OnDelete) or partitioned updates, replicas of the older revision are accepted.
    """
    spec, status = spec_of(obj), status_of(obj)
    desired = int(spec.get("replicas", 1))
    updated, ready = int(status.get("updatedReplicas") or 0), int(status.get("readyReplicas") or 0)
    numbers = {"desired": desired, "ready": ready, "updated": updated}
    if not _observed(obj):
        return Verdict("waiting", "the controller has not seen the new version yet", **numbers)
    strategy = spec.get("updateStrategy") or {}
    partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    if strategy.get("type") != "OnDelete" and updated < desired - partition:
        return Verdict("waiting", f"{updated} of {desired - partition} replicas are of the new version", **numbers)
    if ready < desired:
        return Verdict("waiting", f"{ready} of {desired} replicas are ready", **numbers)
    if (total := int(status.get("replicas") or 0)) > desired:
        return Verdict("waiting", f"{total - desired} old replicas still run", **numbers)
    return Verdict("ready", "", **numbers)


def judge_daemonset(obj: Mapping[str, Any]) -> Verdict:
    """Ready when the generation was seen and each node that needs a pod has an updated and available one."""
    status = status_of(obj)
    desired = int(status.get("desiredNumberScheduled") or 0)
    updated, ready = int(status.get("updatedNumberScheduled") or 0), int(status.get("numberAvailable") or 0)
    numbers = {"desired": desired, "ready": ready, "updated": updated}
    if not _observed(obj):
        return Verdict("waiting", "the controller has not seen the new version yet", **numbers)
    if min(updated, ready) < desired:
        return Verdict("waiting", f"{min(updated, ready)} of {desired} nodes are served", **numbers)
    return Verdict("ready", "", **numbers)


def judge_job(obj: Mapping[str, Any]) -> Verdict:
    """Complete is ready; Failed is failed, because a Job does not try again after its limit."""
    for condition in status_of(obj).get("conditions") or []:
        if condition.get("status") == "True" and condition.get("type") == "Complete":
            return Verdict("ready", "", 1, 1, 1)
        if condition.get("status") == "True" and condition.get("type") == "Failed":
            return Verdict("failed", str(condition.get("message") or "the job failed"), 1)
    return Verdict("waiting", "the job runs", 1)


def judge_pod(obj: Mapping[str, Any]) -> Verdict:
    """Succeeded or Ready is ready, Failed is failed, every other state is waiting."""
    status = status_of(obj)
    if status.get("phase") == "Succeeded":
        return Verdict("ready", "", 1, 1, 1)
    if status.get("phase") == "Failed":
        return Verdict("failed", str(status.get("message") or status.get("reason") or "the pod failed"), 1)
    for condition in status.get("conditions") or []:
        if condition.get("type") == "Ready" and condition.get("status") == "True":
            return Verdict("ready", "", 1, 1, 1)
    return Verdict("waiting", str(status.get("phase") or "Pending"), 1)


def judge_claim(obj: Mapping[str, Any]) -> Verdict:
    """A lost claim is failed. A pending one is ready, because some classes bind a claim only for its first pod."""
    if status_of(obj).get("phase") == "Lost":
        return Verdict("failed", "its volume no longer exists")
    return Verdict("ready")


def _observed(obj: Mapping[str, Any]) -> bool:
    generation = metadata_of(obj).get("generation")
    return generation is None or int(status_of(obj).get("observedGeneration") or 0) >= int(generation)


_RULES: dict[str, Callable[[Mapping[str, Any]], Verdict]] = {
    "Deployment": judge_deployment,
    "StatefulSet": judge_statefulset,
    "DaemonSet": judge_daemonset,
    "Job": judge_job,
    "Pod": judge_pod,
    "PersistentVolumeClaim": judge_claim,
}
