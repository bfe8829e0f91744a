"""Why a pod is not ready, from its status, its events and its node.

The caller passes only pods of a workload's newest version, because superseded pods cannot be the cause. The result does not
depend on the order of the input.
"""

from __future__ import annotations

from collections.abc import Sequence

from fogflow_k8s.model.diagnosis.catalogue import Cause
from fogflow_k8s.model.diagnosis.containers import config_cause, container_causes
from fogflow_k8s.model.diagnosis.events import about, last, message
from fogflow_k8s.model.diagnosis.pod_status import condition, has_started, is_away, node_of, pod_cause, statuses
from fogflow_k8s.model.diagnosis.scheduling import is_unscheduled, unschedulable
from fogflow_k8s.model.kubernetes import Obj, metadata_of, status_of


def pod_causes(pod: Obj, events: Sequence[Obj], component: str, nodes: Sequence[Obj] = ()) -> list[Cause]:
    """The causes why this pod is not ready; empty when it is ready or being deleted.

    `nodes`, if the user may list them, distinguish a taint from a selector without a match and reveal a lost node.
    """
    status, metadata = status_of(pod), metadata_of(pod)
    if metadata.get("deletionTimestamp") or status.get("phase") == "Succeeded" or condition(pod, "Ready") == "True":
        return []
    if (lost := _lost(pod, component, nodes)) or (lost := _ended_by_kubelet(pod, component)):
        return [lost]
    if is_unscheduled(pod):
        return [unschedulable(pod, events, component, nodes)]
    mine = about({**pod, "kind": "Pod"}, events)
    found: list[Cause] = []
    for init, container in statuses(pod):
        found.extend(container_causes(pod, container, mine, component, init=init))
    if not found and not has_started(pod):
        found.extend(_before_any_container(pod, mine, component))
    return found


def held_back(pod: Obj, component: str, nodes: Sequence[Obj] = ()) -> Cause | None:
    """Why an old pod that is being deleted does not end and so delays its successor; None when nothing holds it."""
    metadata = metadata_of(pod)
    if not metadata.get("deletionTimestamp"):
        return None
    if finalizers := metadata.get("finalizers"):
        what = f"its old pod cannot end: finalizer {', '.join(map(str, finalizers))}"
        return pod_cause("FK-5012", pod, component, what)
    return _lost(pod, component, nodes)


def may_be_lost(pod: Obj) -> bool:
    """Whether the pod's node may be lost: the pod is being deleted, or is not ready although all its containers are."""
    alone = [c for init, c in statuses(pod) if not init]
    contradicts = condition(pod, "Ready") == "False" and bool(alone) and all(c.get("ready") for c in alone)
    return bool(metadata_of(pod).get("deletionTimestamp")) or contradicts


def is_pulling(pod: Obj, events: Sequence[Obj]) -> bool:
    """Whether the kubelet is pulling an image of this pod: its last event is Pulling."""
    waiting = any(
        ((c.get("state") or {}).get("waiting") or {}).get("reason") in ("ContainerCreating", "PodInitializing") for _, c in statuses(pod)
    )  # fmt: skip
    word = last(about({**pod, "kind": "Pod"}, events), "Pulling", "Pulled", "Failed")
    return waiting and word is not None and word.get("reason") == "Pulling"


def _lost(pod: Obj, component: str, nodes: Sequence[Obj]) -> Cause | None:
    node = node_of(pod)
    away = next((n for n in nodes if metadata_of(n).get("name") == node and is_away(n)), None)
    if away is None and status_of(pod).get("reason") != "NodeLost":
        return None
    conditions = status_of(away or {}).get("conditions") or []
    words = next((str(c.get("message")) for c in conditions if c.get("type") == "Ready" and c.get("message")), "")
    what = f"node {node or '?'} is lost, and its pod with it"
    return pod_cause("FK-5009", pod, component, what, evidence=(words,) if words else ())


def _ended_by_kubelet(pod: Obj, component: str) -> Cause | None:
    """The cause when the kubelet evicted the pod or refused it: too little CPU, topology, shutdown of the node."""
    status = status_of(pod)
    reason, words = str(status.get("reason") or ""), str(status.get("message") or "")
    if reason == "Evicted":
        return pod_cause("FK-5008", pod, component, f"evicted: {words}", evidence=(words,) if words else ())
    if status.get("phase") == "Failed" and reason:
        return pod_cause("FK-5015", pod, component, f"the kubelet ended the pod: {reason}", evidence=(words or reason,))
    return None


def _before_any_container(pod: Obj, events: Sequence[Obj], component: str) -> list[Cause]:
    """Causes before the first container starts: volumes and the pod's network."""
    event = last(events, "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "SuccessfulAttachVolume")
    if event is None or event.get("reason") == "SuccessfulAttachVolume":
        return []
    words = message(event)
    if event.get("reason") == "FailedCreatePodSandBox":
        what = f"node {node_of(pod)} cannot set up the pod's sandbox or network"
        return [pod_cause("FK-5013", pod, component, what, evidence=(words,))]
    found = config_cause(pod, component, words, id_="FK-5010")
    if found.id == "FK-5010":
        found = pod_cause("FK-5010", pod, component, "a volume cannot be mounted", evidence=(words,))
    return [found]
