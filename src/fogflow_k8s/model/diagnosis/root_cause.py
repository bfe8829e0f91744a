"""Whose fault it is: causes in, the causes as a user should read them out. Pure; any order of input gives the same answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fogflow_k8s.model.components import BY_NAME, NAMES, upstream_of
from fogflow_k8s.model.diagnosis import admission_words
from fogflow_k8s.model.diagnosis.catalogue import Cause, Kind, cause
from fogflow_k8s.model.diagnosis.events import about, last, message
from fogflow_k8s.model.kubernetes import Obj, spec_of, status_of

_MAY_BE_DEPENDENT = ("FK-5001", "FK-5003", "FK-5004", "FK-5005", "FK-5006", "FK-5011", "FK-5014")


def owner_causes(owner: Obj, events: Sequence[Obj], component: str) -> list[Cause]:
    """Why a workload's controller does not make its pods: it is paused, or the API server does not let it."""
    name = f"{str(owner.get('kind')).lower()}/{owner['metadata']['name']}"
    spec, status = spec_of(owner), status_of(owner)
    namespace = str(owner["metadata"].get("namespace", ""))
    if spec.get("paused"):
        what = f"{component}: its rollout is paused, so nothing new is rolled out"
        return [cause("FK-7003", component, name, what, namespace=namespace)]
    told = [
        str(c.get("message"))
        for c in status.get("conditions") or []
        if c.get("type") == "ReplicaFailure" and c.get("status") == "True"
    ]
    if not told and int(status.get("replicas") or 0) < int(spec.get("replicas", 1)):
        told = [message(last(about(owner, events), "FailedCreate"))]
    for words in filter(None, told):
        return [_not_made(words, component, name, namespace)]
    return []


def _not_made(words: str, component: str, name: str, namespace: str) -> Cause:
    """Why a controller could not make a pod, by what it was told; permanent only where admission is known to refuse the pod."""
    found = admission_words.refusal(admission_words.from_first(words))
    what = found.about("the pod") if found else "its pod cannot be made yet"
    return cause(
        found.id if found else "FK-3011", component, name, f"{component}: {what}", evidence=(words,),
        kind=None if found else "transient", namespace=namespace, plural="priorityclasses",
    )  # fmt: skip


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
    rank: dict[Kind, int] = {"permanent": 0, "transient": 1, "blocked": 2}
    depth = len(upstream_of(each.component)) if each.component in BY_NAME else 99
    return rank[each.kind], depth, each.id, each.component, each.object
