"""The permissions that a deploy needs, and which of them the user lacks.

The API server is asked for the rules of the user in each namespace (SelfSubjectRulesReview), and about each permission that
they do not grant (SelfSubjectAccessReview). So the answer is exact whatever authoriser it uses: one that cannot list its rules
makes the list incomplete, and an incomplete one counts for nothing. A deploy needs about a hundred permissions, of which the
rules of most users answer nearly all: over a slow network that is the difference between a second and many.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.errors import ClusterError, Forbidden
from fogflow_k8s.model.kubernetes import Obj, status_of
from fogflow_k8s.model.release.permissions import Right, granted, namespaces, needed, role

MOST = 12  # missing permissions listed in one message


def require(op: Operation, objects: Sequence[Obj]) -> None:
    """Raises Forbidden, with every missing permission and the Role that grants all of them, if one is missing."""
    everywhere = namespaces(objects, op.namespace)
    there = existing(op, objects)
    if missing_rights := missing(op, needed(objects, op.namespace, there)):
        raise _forbidden(op, objects, missing_rights, [name for name in everywhere if name not in there])


def missing(op: Operation, rights: Iterable[Right]) -> list[Right]:
    """The permissions among `rights` that the user does not have."""
    wanted = list(rights)
    with ThreadPoolExecutor(max_workers=8) as pool:
        spaces = sorted({right.namespace for right in wanted if _is_listed(right)})
        rules = dict(zip(spaces, pool.map(lambda namespace: _rules(op, namespace), spaces), strict=True))
        open_ = [r for r in wanted if not (_is_listed(r) and granted(r, rules[r.namespace]))]
        allowed = list(pool.map(lambda right: _may(op, right), open_))
    return [right for right, yes in zip(open_, allowed, strict=True) if not yes]


def existing(op: Operation, objects: Sequence[Obj]) -> set[str]:
    """The namespaces of the release that exist."""
    return {name for name in namespaces(objects, op.namespace) if exists(op, name)}


def exists(op: Operation, namespace: str) -> bool:
    """Whether the namespace exists; False without the permission to read it."""
    try:
        return op.cluster.get("Namespace", namespace) is not None
    except ClusterError as error:
        if error.status == 403:
            return False
        raise


def _is_listed(right: Right) -> bool:
    """Whether a list of rules can tell of it: those of a namespace say nothing of what belongs to none."""
    return bool(right.namespace) and right.resource != "namespaces"


def _rules(op: Operation, namespace: str) -> list[Obj]:
    """What the user may do in the namespace; empty when the API server cannot tell all of it."""
    try:
        reviewed = op.cluster.create(
            _review("SelfSubjectRulesReview", "authorization.k8s.io/v1", {"namespace": namespace})
        )
    except ClusterError as error:
        if error.status in {403, 404, 405}:  # an API server that does not offer it
            return []
        raise
    status = status_of(reviewed)
    return [] if status.get("incomplete") else list(status.get("resourceRules") or ())


def _may(op: Operation, right: Right) -> bool:
    resource, _, sub = right.resource.partition("/")
    asked = {"verb": right.verb, "group": right.group, "resource": resource, "subresource": sub}
    where = {"namespace": right.namespace, **({"name": right.namespace} if resource == "namespaces" else {})}
    review = _review("SelfSubjectAccessReview", "authorization.k8s.io/v1", {"resourceAttributes": {**asked, **where}})
    return bool(status_of(op.cluster.create(review)).get("allowed"))


def _user_name(op: Operation) -> str:
    """The user's name at the API server; a placeholder before Kubernetes 1.28, which does not report it."""
    try:
        listed = op.cluster.create(_review("SelfSubjectReview", "authentication.k8s.io/v1", {}))
    except ClusterError:
        return "YOUR-USER"
    return str((status_of(listed).get("userInfo") or {}).get("username") or "YOUR-USER")


def _review(kind: str, version: str, spec: Obj) -> dict[str, Any]:
    return {"kind": kind, "apiVersion": version, "metadata": {}, **({"spec": spec} if spec else {})}


def _forbidden(
    op: Operation, objects: Sequence[Obj], missing_rights: Sequence[Right], unseen: Collection[str]
) -> Forbidden:
    import yaml

    user = _user_name(op)
    everywhere = namespaces(objects, op.namespace)
    documents = role(needed(objects, op.namespace, everywhere), f"{op.namespace}-{op.release}", user, sorted(unseen))
    listed = [str(right) for right in missing_rights[:MOST]]
    listed += [f"and {len(missing_rights) - MOST} more"] if len(missing_rights) > MOST else []
    return Forbidden(
        f"{user} does not have the permissions that a deploy needs; missing:\n"
        + "\n".join(f"  {line}" for line in listed),
        hint="nothing was changed. Let an administrator apply the Role below (kubectl apply -f FILE), then run the command again",
        manifest=yaml.safe_dump_all(documents, sort_keys=False, default_flow_style=None, width=120),
    )
