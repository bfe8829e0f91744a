"""Do all pods of a release together fit into what the namespace's quotas have left? Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from fogflow_k8s.model.manifests import pod_spec
from fogflow_k8s.model.resources import Amounts, amounts, plus, quantity, requests_of, said

Obj = Mapping[str, Any]
_PODS = ("pods", "count/pods")


def breaches(quotas: Sequence[Obj], workloads: Sequence[Obj], own: Sequence[Obj]) -> list[str]:
    """A line for each limit of a quota that the workloads would go over; `own` pods of the release are given back first.

    Quotas with scopes are for some pods only, and are left to the API server.
    """
    replicas = (int((w.get("spec") or {}).get("replicas", 1)) for w in workloads)
    wanted = plus(*(_times(_counts(pod_spec(w)), n) for w, n in zip(workloads, replicas, strict=True)))
    back = plus(*(_counts(pod.get("spec") or {}) for pod in own))
    found = []
    for quota in quotas:
        spec, used = quota.get("spec") or {}, amounts((quota.get("status") or {}).get("used"))
        if spec.get("scopes") or spec.get("scopeSelector"):
            continue
        for key, hard in (spec.get("hard") or {}).items():
            need = wanted.get(key, Fraction())
            free = quantity(hard) - used.get(key, Fraction()) + back.get(key, Fraction())
            if need > free:
                what = key.rpartition(".")[2]
                left = said(what, free, up=False)
                found.append(
                    f"quota {quota['metadata']['name']}, {key}: {said(what, need)} wanted, {left} left of {hard}"
                )
    return found


def _counts(spec: Obj) -> Amounts:
    """What one pod of a specification counts for, in a quota's own names."""
    asked = {name: amount for name, amount in requests_of(spec).items() if name != "pods"}
    limits = plus(*(amounts((c.get("resources") or {}).get("limits")) for c in spec.get("containers") or []))
    named = {f"{part}.{name}": amount for part, some in (("requests", asked), ("limits", limits)) for name, amount in some.items()}  # fmt: skip
    return {**asked, **named, **dict.fromkeys(_PODS, Fraction(1))}  # a quota may leave out the word `requests`


def _times(some: Amounts, count: int) -> Amounts:
    return {name: amount * count for name, amount in some.items()}
