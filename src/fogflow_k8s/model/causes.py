"""Whose fault it is: causes in, the causes as a user should read them out. Pure; any order of input gives the same answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fogflow_k8s.model.catalogue import Cause, Kind, cause
from fogflow_k8s.model.components import BY_NAME, NAMES, upstream_of

Obj = Mapping[str, Any]

_MAY_BE_DEPENDENT = ("FK-5001", "FK-5003", "FK-5004", "FK-5005", "FK-5006", "FK-5011")


def owner_causes(owner: Obj, events: Sequence[Obj], component: str) -> list[Cause]:
    """Why a workload's controller cannot even make its pods: quota, admission."""
    name = f"{str(owner.get('kind')).lower()}/{owner['metadata']['name']}"
    namespace = str(owner["metadata"].get("namespace", ""))
    messages = [
        str(c.get("message"))
        for c in (owner.get("status") or {}).get("conditions") or []
        if c.get("type") == "ReplicaFailure" and c.get("status") == "True"
    ]
    messages += [str(e.get("message")) for e in events if e.get("reason") == "FailedCreate" and _is_of(e, owner)]
    for message in dict.fromkeys(messages):
        quota = "exceeded quota" in message or "failed quota" in message
        id_ = "FK-3010" if quota else "FK-3011"
        what = "a ResourceQuota does not allow the pod" if quota else "admission refuses the pod"
        return [cause(id_, component, name, f"{component}: {what}", evidence=(message,), namespace=namespace)]
    return []


def root_first(causes: Iterable[Cause], not_ready: Iterable[str]) -> list[Cause]:
    """The causes as a user should read them: what is to blame first, then those who wait for it.

    A part that crashes, fails its probe or sits in its init container while something it needs is not ready is not to
    blame: FogFlow's parts do that when what they dial is absent. It waits, and so does every part that is not ready and
    shows no cause of its own. The roots named are those with a cause of their own, if there are any.
    """
    found = sorted(set(causes), key=_order)
    down = set(not_ready) | {c.component for c in found}
    kept: list[Cause] = []
    waiting: dict[str, tuple[str, ...]] = {}
    for name in [*NAMES, *sorted(down - set(NAMES))]:
        mine = [c for c in found if c.component == name]
        blockers = [n for n in NAMES if n in upstream_of(name) & down]
        own = [c for c in mine if not blockers or c.id not in _MAY_BE_DEPENDENT]
        kept.extend(own)
        if name in down and not own and blockers:
            waiting[name] = tuple(f"{c.id}: {c.summary}" for c in mine)
    roots = {c.component for c in kept}
    for name, evidence in waiting.items():
        blockers = [n for n in NAMES if n in upstream_of(name) & down]
        named = [n for n in blockers if n in roots] or blockers
        summary = f"{name} waits for {' and '.join(named)}"
        kept.append(cause("FK-6001", name, f"deployment/{name}", summary, evidence=evidence))
    return sorted(kept, key=_order)


def _order(each: Cause) -> tuple[int, int, str, str, str]:
    rank: dict[Kind, int] = {"fatal": 0, "curable": 1, "dependent": 2}
    depth = len(upstream_of(each.component)) if each.component in BY_NAME else 99
    return rank[each.kind], depth, each.id, each.component, each.object


def _is_of(event: Obj, owner: Obj) -> bool:
    about = event.get("involvedObject") or {}
    uid = owner["metadata"].get("uid")
    return bool(about["uid"] == uid if about.get("uid") and uid else about.get("name") == owner["metadata"]["name"])
