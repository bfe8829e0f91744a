"""Whether a pod may run on a node, apart from free resources, and if not, why.

The rules are those of the scheduler: readiness, cordons, taints, node selector, required node affinity. Preferences are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fogflow_k8s.model.diagnosis.pod_status import condition
from fogflow_k8s.model.kubernetes import Obj, labels_of, metadata_of, spec_of

CORDONED = "node.kubernetes.io/unschedulable"
_HARD = ("NoSchedule", "NoExecute")
# Kubernetes sets and removes taints with this prefix for the state of a node; they do not reserve it for other pods.
PASSING = "node.kubernetes.io/"


def name(obj: Obj) -> str:
    """The name of an object."""
    return str(metadata_of(obj).get("name") or "")


def taints(node: Obj) -> list[Obj]:
    """The taints that keep pods off the node; PreferNoSchedule does not."""
    return [t for t in spec_of(node).get("taints") or [] if t.get("effect") in _HARD]


def tolerated(taint: Obj, tolerations: Sequence[Obj]) -> bool:
    """Whether one of the tolerations matches this taint."""
    return any(_tolerates(each, taint) for each in tolerations)


def takes_pods(node: Obj) -> str:
    """Why the node accepts no new pod: not ready, or cordoned; "" when it accepts pods."""
    if condition(node, "Ready") != "True":
        return "not ready"
    return "cordoned" if spec_of(node).get("unschedulable") else ""


def why_not(spec: Obj, node: Obj) -> str:
    """The first reason why a pod of this specification may not run on the node, apart from free resources; "" when it may."""
    tolerations = spec.get("tolerations") or []
    state = takes_pods(node)
    if state == "cordoned" and tolerated({"key": CORDONED, "effect": "NoSchedule"}, tolerations):
        state = ""
    if state:
        return state
    for taint in taints(node):
        if not tolerated(taint, tolerations) and taint.get("key") != CORDONED:
            return f"taint {format_taint(taint)}"
    if labels_of(node).get("kubernetes.io/os", "linux") != "linux":
        return f"runs {labels_of(node)['kubernetes.io/os']}, and the images are for linux"
    for key, value in (spec.get("nodeSelector") or {}).items():
        if labels_of(node).get(key) != value:
            return f"no label {key}={value}" if value else f"no label {key}"
    affinity = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    if affinity and not in_terms(affinity, node):
        return f"outside the required node affinity ({format_node_selector(affinity)})"
    return ""


def in_terms(selector: Obj, node: Obj) -> bool:
    """Whether one of the terms of a node selector matches this node; an empty term matches no node."""
    return any(_in_term(term, node) for term in selector.get("nodeSelectorTerms") or [])


def matches(selector: Obj | None, values: Mapping[str, str]) -> bool:
    """Whether a label selector (matchLabels and matchExpressions) matches these labels; None matches nothing."""
    if selector is None:
        return False
    exact = all(values.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    return exact and all(_holds(each, values) for each in selector.get("matchExpressions") or [])


def format_taint(taint: Obj) -> str:
    """The taint as kubectl writes it: KEY[=VALUE]:EFFECT."""
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint.get('key')}{value}:{taint.get('effect')}"


def format_node_selector(selector: Obj) -> str:
    """A node selector as a short phrase."""
    terms = selector.get("nodeSelectorTerms") or []
    return (
        " or ".join(", ".join(_format_expression(e) for e in _expressions(term)) or "nothing" for term in terms)
        or "nothing"
    )


def _tolerates(toleration: Obj, taint: Obj) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    exists = toleration.get("operator") == "Exists"
    if not toleration.get("key"):
        return exists
    if toleration["key"] != taint.get("key"):
        return False
    if toleration.get("operator", "Equal") not in {"Equal", "Exists"}:
        return True  # Gt and Lt of Kubernetes 1.35: not evaluated here, and assumed to match
    return exists or (toleration.get("value") or "") == (taint.get("value") or "")


def _in_term(term: Obj, node: Obj) -> bool:
    expressions, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    if not expressions and not fields:
        return False
    by_field = {"metadata.name": name(node)}
    return all(_holds(e, labels_of(node)) for e in expressions) and all(_holds(f, by_field) for f in fields)


def _holds(expression: Obj, values: Mapping[str, str]) -> bool:
    key, wanted = str(expression.get("key")), expression.get("values") or []
    value = values.get(key)
    match expression.get("operator"):
        case "In":
            return value in wanted
        case "NotIn":  # codespell:ignore notin
            return value not in wanted
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt" as operator:
            return _compares(value, str(operator), wanted)
    return True  # an operator of a later Kubernetes version: assumed to match


def _compares(value: str | None, operator: str, wanted: Sequence[Any]) -> bool:
    try:
        have, limit = int(value or ""), int(wanted[0])
    except (ValueError, IndexError, TypeError):
        return False
    return have > limit if operator == "Gt" else have < limit


def _expressions(term: Obj) -> list[Obj]:
    return [*(term.get("matchExpressions") or []), *(term.get("matchFields") or [])]


def _format_expression(expression: Obj) -> str:
    values = "|".join(map(str, expression.get("values") or []))
    return f"{expression.get('key')} {expression.get('operator')} {values}".rstrip()
