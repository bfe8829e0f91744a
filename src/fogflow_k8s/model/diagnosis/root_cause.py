"""Root causes: which component is to blame, and which ones only wait for it.

Input are the causes found for single pods and workloads. FogFlow's programs crash or fail their probes when a program that they
connect to is missing, so such a cause counts only if everything that the component needs is ready; otherwise the component is
reported as blocked (FK-6001). The result does not depend on the order of the input.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fogflow_k8s.model.components import BY_NAME, NAMES, upstream_of
from fogflow_k8s.model.diagnosis import admission_messages
from fogflow_k8s.model.diagnosis.catalogue import Cause, Kind, cause
from fogflow_k8s.model.diagnosis.events import about, last, message
from fogflow_k8s.model.kubernetes import Obj, spec_of, status_of

_MAY_BE_DEPENDENT = ("FK-5001", "FK-5003", "FK-5004", "FK-5005", "FK-5006", "FK-5011", "FK-5014")


def owner_causes(owner: Obj, events: Sequence[Obj], component: str) -> list[Cause]:
    """Why a workload's controller does not create its pods: the rollout is paused, or the API server refuses the pods."""
    name = f"{str(owner.get('kind')).lower()}/{owner['metadata']['name']}"
    spec, status = spec_of(owner), status_of(owner)
    namespace = str(owner["metadata"].get("namespace", ""))
    if spec.get("paused"):
        what = f"{component}: its rollout is paused, so nothing new is rolled out"
        return [cause("FK-7003", component, name, what, namespace=namespace)]
    messages = [
        str(c.get("message"))
        for c in status.get("conditions") or []
        if c.get("type") == "ReplicaFailure" and c.get("status") == "True"
    ]
    if not messages and int(status.get("replicas") or 0) < int(spec.get("replicas", 1)):
        messages = [message(last(about(owner, events), "FailedCreate"))]
    for words in filter(None, messages):
        return [_not_made(words, component, name, namespace)]
    return []


def _not_made(words: str, component: str, name: str, namespace: str) -> Cause:
    """The cause from the API server's message to the controller; permanent only when admission refuses the pod."""
    found = admission_messages.refusal(admission_messages.from_first(words))
    what = found.about("the pod") if found else "its pod cannot be created yet"
    return cause(
        found.id if found else "FK-3011", component, name, f"{component}: {what}", evidence=(words,),
        kind=None if found else "transient", namespace=namespace, plural="priorityclasses",
    )  # fmt: skip


def root_first(causes: Iterable[Cause], not_ready: Iterable[str]) -> list[Cause]:
    """The causes in the order in which a user should read them: the components to blame, then those that wait for them.

    A component that crashes, fails its probe or stays in its init container while a component that it needs is not ready is
    blocked by that one. So is every component that is not ready and has no cause of its own. The summary of a blocked
    component names the components with a cause of their own, if there are any.
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
