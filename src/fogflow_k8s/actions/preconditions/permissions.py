"""May we do what a deploy takes? The API server is asked about each right by itself, so the answer is exact."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.errors import ClusterError, Forbidden
from fogflow_k8s.model.kubernetes import Obj, status_of
from fogflow_k8s.model.release.permissions import Right, namespaces, needed, role

MOST = 12  # missing rights told in one message


def require(op: Operation, objects: Sequence[Obj]) -> None:
    """Raises Forbidden, with every missing right and the Role that gives them all; nothing when nothing is missing."""
    everywhere = namespaces(objects, op.namespace)
    there = existing(op, objects)
    if absent := missing(op, needed(objects, op.namespace, there)):
        raise _forbidden(op, objects, absent, [name for name in everywhere if name not in there])


def missing(op: Operation, rights: Iterable[Right]) -> list[Right]:
    """Those of the rights that we do not have."""
    wanted = list(rights)
    with ThreadPoolExecutor(max_workers=8) as pool:
        allowed = list(pool.map(lambda right: _may(op, right), wanted))
    return [right for right, yes in zip(wanted, allowed, strict=True) if not yes]


def existing(op: Operation, objects: Sequence[Obj]) -> set[str]:
    """Those of the namespaces that the release lives in which are there."""
    return {name for name in namespaces(objects, op.namespace) if exists(op, name)}


def exists(op: Operation, namespace: str) -> bool:
    """Whether the namespace is there, as far as we can tell: one that we may not read counts as absent."""
    try:
        return op.cluster.get("Namespace", namespace) is not None
    except ClusterError as error:
        if error.status == 403:
            return False
        raise


def _may(op: Operation, right: Right) -> bool:
    resource, _, sub = right.resource.partition("/")
    asked = {"verb": right.verb, "group": right.group, "resource": resource, "subresource": sub}
    where = {"namespace": right.namespace, **({"name": right.namespace} if resource == "namespaces" else {})}
    review = _review("SelfSubjectAccessReview", "authorization.k8s.io/v1", {"resourceAttributes": {**asked, **where}})
    return bool(status_of(op.cluster.create(review)).get("allowed"))


def _who(op: Operation) -> str:
    """Our name as the API server knows it; a placeholder where it does not tell (Kubernetes before 1.28)."""
    try:
        told = op.cluster.create(_review("SelfSubjectReview", "authentication.k8s.io/v1", {}))
    except ClusterError:
        return "YOUR-USER"
    return str((status_of(told).get("userInfo") or {}).get("username") or "YOUR-USER")


def _review(kind: str, version: str, spec: Obj) -> dict[str, Any]:
    return {"kind": kind, "apiVersion": version, "metadata": {}, **({"spec": spec} if spec else {})}


def _forbidden(op: Operation, objects: Sequence[Obj], absent: Sequence[Right], unseen: Collection[str]) -> Forbidden:
    import yaml

    user = _who(op)
    everywhere = namespaces(objects, op.namespace)
    documents = role(needed(objects, op.namespace, everywhere), f"{op.namespace}-{op.release}", user, sorted(unseen))
    told = [str(right) for right in absent[:MOST]]
    told += [f"and {len(absent) - MOST} more"] if len(absent) > MOST else []
    return Forbidden(
        f"{user} may not do what a deploy takes: cannot\n" + "\n".join(f"  {line}" for line in told),
        hint="let an administrator apply the Role below (kubectl apply -f FILE), then try again; nothing was changed",
        manifest=yaml.safe_dump_all(documents, sort_keys=False, default_flow_style=None, width=120),
    )
