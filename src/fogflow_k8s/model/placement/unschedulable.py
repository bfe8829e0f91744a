"""Unschedulable pods as causes: what the pods need, the reason of each node, and what to do.

Input is the result of `packing`. Pods with the same reasons share a cause.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from fogflow_k8s.model.components import BY_NAME
from fogflow_k8s.model.diagnosis.catalogue import Cause, cause
from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.placement.node_fit import format_node_selector, in_terms
from fogflow_k8s.model.placement.packing import BoundClaim, Packing, Pod, UnschedulablePod
from fogflow_k8s.model.quantities import format_amounts, plus

ID = "FK-3012"
_SHOWN = 12  # nodes with a line of their own; the rest is counted by reason

_ADVICE = (
    (r"^taint ", "tolerate the taint: set {tolerations} in your values, or remove it: kubectl taint nodes {node} {taint}-"),
    (r"^no label |required node affinity|over which the pods are spread", "correct {values}.nodeSelector or affinity{or_global} in your values, or label a node: kubectl label node NODE KEY=VALUE"),
    (r" needed$|^has no ", "lower {values}.resources.requests in your values, or add a node"),
    (r"^no pod slot", "remove pods that are not needed, or add a node: kubectl get pods -A -o wide"),
    (r"^not ready", "see why the node is not ready: kubectl describe node NODE"),
    (r"^cordoned", "let the node take pods again: kubectl uncordon NODE"),
    (r"^cannot reach the volume", "restore the node with the volume, or delete the claim and its data: kubectl -n {namespace} get persistentvolumeclaims"),
    (r"anti-affinity|uneven$", "ask for fewer replicas (replicaCount), or spread them less strictly"),
    (r"^runs ", "add a node with Linux"),
)  # fmt: skip


def unschedulable_causes(packed: Packing, nodes: Sequence[Obj], *, namespace: str) -> tuple[Cause, ...]:
    """A cause for each set of components with the same reasons, the most important one first."""
    groups: dict[tuple[tuple[str, str], ...], list[UnschedulablePod]] = {}
    for each in packed.unschedulable:
        groups.setdefault(each.why, []).append(each)
    return tuple(_cause(group, why, nodes, namespace) for why, group in groups.items())


def _cause(
    group: Sequence[UnschedulablePod], why: Sequence[tuple[str, str]], nodes: Sequence[Obj], namespace: str
) -> Cause:
    pods = [each.pod for each in group]
    components = list(dict.fromkeys(p.component for p in pods))
    alone = components[0] if len(components) == 1 else "release"
    found = cause(ID, alone, pods[0].object if alone != "release" else "release", _summary(pods, components))
    evidence = [*_elsewhere(pods, nodes), *_by_node(why)]
    beside = group[0].beside
    if beside and any(reason.endswith((" needed", "slot left")) for _, reason in why):
        evidence.append(f"counted as used: the pods that run there, and {_count(beside)} of this release")
    values = BY_NAME[alone].key if alone in BY_NAME else "global"
    advice = tuple(
        line.format(namespace=namespace, **_words(why, values)) for pattern, line in _ADVICE if any(re.search(pattern, r) for _, r in why)
    )  # fmt: skip
    return replace(found, evidence=tuple(evidence), advice=advice or found.advice)


def _words(why: Sequence[tuple[str, str]], values: str) -> dict[str, str]:
    """What _ADVICE inserts: the keys of the values to set, and the node and its taint where there is only one."""
    found = [(node, reason.split()[1]) for node, reason in why if reason.startswith("taint ")]
    nodes, taints = {node for node, _ in found}, {taint for _, taint in found}
    alone = values == "global"
    return {
        "values": values,
        "or_global": "" if alone else " (or those under global)",
        "tolerations": "global.tolerations" if alone else f"{values}.tolerations or global.tolerations",
        "node": nodes.pop() if len(nodes) == 1 else "NODE",
        "taint": taints.pop() if len(taints) == 1 else "KEY",
    }


def _summary(pods: Sequence[Pod], components: Sequence[str]) -> str:
    if len(components) > 1:
        listed = f"{', '.join(components[:-1])} and {components[-1]}"
        return f"{listed} fit on no node; together they need {format_amounts(plus(*(p.needs for p in pods)))}"
    times = f"{len(pods)} pods of {components[0]} fit" if len(pods) > 1 else f"{components[0]} fits"
    each = "each needs" if len(pods) > 1 else "it needs"
    return f"{times} on no node; {each} {format_amounts(pods[0].needs)}"


def _count(pods: int) -> str:
    return "one pod" if pods == 1 else f"{pods} pods"


def _by_node(why: Sequence[tuple[str, str]]) -> list[str]:
    if not why:
        return ["the cluster has no node"]
    lines = [f"{node}: {reason}" for node, reason in why[:_SHOWN]]
    rest: dict[str, int] = {}
    for _, reason in why[_SHOWN:]:
        rest[reason] = rest.get(reason, 0) + 1
    lines += [f"{number} more: {reason}" for reason, number in sorted(rest.items(), key=lambda r: -r[1])[:3]]
    return lines


def _elsewhere(pods: Sequence[Pod], nodes: Sequence[Obj]) -> list[str]:
    """A line for each volume that is available on some nodes only."""
    bounds: list[BoundClaim] = [bound for pod in pods for bound in pod.volumes]
    lines = []
    for bound in dict.fromkeys(bounds):
        gone = "" if any(in_terms(bound.where, n) for n in nodes) else ", and no node of the cluster matches"
        lines.append(f"claim {bound.claim}: its volume is on {format_node_selector(bound.where)}{gone}")
    return lines
