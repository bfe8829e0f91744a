"""Why a pod has no node.

The reason is in the messages of the scheduler (condition PodScheduled) and of the cluster autoscaler (events). The scheduler's
message counts the nodes for each reason; this module picks the reason that was closest to a fit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fogflow_k8s.model.diagnosis.catalogue import Cause
from fogflow_k8s.model.diagnosis.events import about, last, message
from fogflow_k8s.model.diagnosis.pod_status import condition, is_away, pod_cause
from fogflow_k8s.model.kubernetes import Obj, labels_of, spec_of, status_of

# The scheduler's phrases ("0/3 nodes are available: 1 Insufficient cpu, 2 ... taint"). It counts a node once, under the first
# filter that rejects it: name, taint, affinity, ports, resources, volumes. A node that a later filter rejects was closer to a
# fit, so the phrases of later filters come first here.
_PHRASES = (
    (r"Insufficient cpu", "FK-3001", "no node has enough free CPU"),
    (r"Insufficient memory", "FK-3002", "no node has enough free memory"),
    (r"Too many pods", "FK-3003", "the nodes are full"),
    (r"didn't have free ports", "FK-3007", "the host port is taken on every node"),
    (r"volume|PersistentVolume", "FK-3006", "no node can give it its volume"),
    (r"untolerated taint", "FK-3004", "every node it may run on has a taint that it does not tolerate"),
    (r"didn't match Pod's node affinity/selector|didn't match pod (anti-)?affinity", "FK-3005", "no node matches its selector or affinity"),
)  # fmt: skip
_COMING = ("TriggeredScaleUp", "Nominated")  # of the cluster autoscaler, and of Karpenter
_NOT_COMING = "NotTriggerScaleUp"


def unschedulable(pod: Obj, events: Sequence[Obj], component: str, nodes: Sequence[Obj]) -> Cause:
    """The cause of PodScheduled=False. `nodes`, if the user may list them, distinguish a taint from a selector without a match."""
    words = next(
        (str(c.get("message") or "") for c in status_of(pod).get("conditions") or [] if c.get("type") == "PodScheduled"), ""
    )  # fmt: skip
    autoscaler = last(about(pod, events), *_COMING, _NOT_COMING)
    messages = tuple(filter(None, (words, message(autoscaler))))
    if autoscaler and autoscaler.get("reason") in _COMING:
        return pod_cause("FK-3008", pod, component, "a node is being added for it", evidence=messages)
    selector = spec_of(pod).get("nodeSelector") or {}
    selected = [n for n in nodes if selector.items() <= labels_of(n).items()]
    for pattern, id_, what in _PHRASES:
        if id_ == "FK-3004" and nodes and not selected:
            continue  # the tainted nodes do not match the selector, either
        if re.search(pattern, words):
            if id_ == "FK-3006":
                return _without_volume(pod, events, component, nodes, what, messages)
            return pod_cause(id_, pod, component, what, evidence=messages)
    return pod_cause("FK-3009", pod, component, "the scheduler finds no node for it", evidence=messages)


def _without_volume(
    pod: Obj, events: Sequence[Obj], component: str, nodes: Sequence[Obj], what: str, messages: tuple[str, ...]
) -> Cause:
    """The cause for a volume that no node can reach, with its claims, their events, and the nodes that are not ready.

    A volume on the disk of a node is available only while that node is.
    """
    volumes = spec_of(pod).get("volumes") or []
    claims = [str(v["persistentVolumeClaim"].get("claimName")) for v in volumes if v.get("persistentVolumeClaim")]
    away = [str(n["metadata"]["name"]) for n in nodes if is_away(n)]
    what += f" (claim {', '.join(claims)})" if claims else ""
    what += f"; not ready, and perhaps the one that has it: node {', '.join(away)}" if away else ""
    for name in claims:
        claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": name}}
        if word := message(last(about(claim, events), "ProvisioningFailed", "FailedBinding", "ExternalProvisioning")):
            messages = (*messages, f"claim {name}: {word}")
    return pod_cause("FK-3006", pod, component, what, evidence=messages)


def is_unscheduled(pod: Obj) -> bool:
    """Whether the scheduler found no node for the pod."""
    return condition(pod, "PodScheduled") == "False"
