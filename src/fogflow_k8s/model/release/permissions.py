"""The permissions that a deploy needs, computed from the manifests, and the Roles that grant them.

`deploy` asks the API server whether the user has them, and prints the Roles for an administrator if some are missing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.model.kubernetes import Obj, metadata_of
from fogflow_k8s.model.manifests import RESOURCES, WORKLOADS, hook_of

_MANAGE = ("get", "create", "patch", "delete")  # what Helm does with an object of a release
_HOOK = (*_MANAGE, "list", "watch")  # and with a hook, for which it waits
_OURS = (  # group, resource, verbs: what fogflow-k8s does in the release's namespace
    ("", "secrets", ("get", "list", "create", "update", "delete")),  # and Helm's storage of revisions
    ("", "configmaps", ("get", "create", "patch", "update", "delete")),
    ("", "persistentvolumeclaims", ("get",)),  # the chart looks for claims of an earlier release
    ("", "pods", ("get", "list", "delete")),
    ("", "pods/log", ("get",)),
    ("", "events", ("list",)),
    ("apps", "replicasets", ("list",)),
    ("coordination.k8s.io", "leases", ("get", "create", "update", "delete")),
)

_SEES_MORE = (("", "nodes"), ("", "pods"), ("storage.k8s.io", "storageclasses"))


@dataclass(frozen=True, order=True)
class Right:
    """One verb on one resource; `namespace` is "" for cluster-wide permissions."""

    namespace: str
    group: str
    resource: str  # with the subresource behind a slash
    verb: str

    def __str__(self) -> str:
        what = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {what}" + (f" in namespace {self.namespace}" if self.namespace else " (cluster-wide)")


def granted(right: Right, rules: Iterable[Obj]) -> bool:
    """Whether one of these rules, as a SelfSubjectRulesReview of the right's namespace lists them, grants it.

    False also for what is granted in a way that a list cannot tell, such as for some names only: then the API server has to
    be asked for this right itself. How rules match: https://kubernetes.io/docs/reference/access-authn-authz/rbac
    """
    _, _, sub = right.resource.partition("/")
    resources = {"*", right.resource, *([f"*/{sub}"] if sub else [])}
    return any(
        {"*", right.verb} & set(rule.get("verbs") or ())
        and {"*", right.group} & set(rule.get("apiGroups") or ())
        and resources & set(rule.get("resources") or ())
        and not rule.get("resourceNames")
        for rule in rules
    )


def needed(objects: Iterable[Obj], namespace: str, existing: Collection[str]) -> list[Right]:
    """The permissions to install, upgrade, observe and delete these objects, including hooks.

    `existing` are the namespaces that exist; the others have to be created.
    """
    found = {Right(namespace, group, resource, verb) for group, resource, verbs in _OURS for verb in verbs}
    found |= _for_namespace(namespace, existing)
    for obj in objects:
        kind, metadata = str(obj.get("kind")), metadata_of(obj)
        if kind == "Namespace":
            found |= _for_namespace(str(metadata.get("name")), existing)
        elif kind in RESOURCES and hook_of(obj) != "test":  # fogflow-k8s does not run `helm test`
            version, plural, namespaced = RESOURCES[kind]
            where = str(metadata.get("namespace") or namespace) if namespaced else ""
            verbs = _HOOK if hook_of(obj) else (*_MANAGE, "list") if kind in WORKLOADS else _MANAGE
            found |= {Right(where, _group(version), plural, verb) for verb in verbs}
            if kind == "Role":  # a user can grant only permissions that the user has
                found |= _given(obj, where)
    return sorted(found)


def helpful() -> list[Right]:
    """Optional permissions: without them a deploy cannot check whether the pods fit and which StorageClasses exist."""
    return [Right("", group, resource, "list") for group, resource in _SEES_MORE]


def namespaces(objects: Iterable[Obj], namespace: str) -> list[str]:
    """The namespaces of the release's objects, its own first."""
    others = {str(metadata_of(o).get("name")) for o in objects if o.get("kind") == "Namespace"}
    return [namespace, *sorted(others - {namespace})]


def role(rights: Sequence[Right], owner: str, user: str, absent: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The objects that grant `user` these permissions: Roles, a ClusterRole if necessary, and bindings.

    `owner`, the release and its namespace, makes the names of cluster-wide objects unique. `absent` namespaces are included,
    because a Role needs its namespace.
    """
    documents: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in absent
    ]
    by_namespace: dict[str, list[Right]] = defaultdict(list)
    for right in rights:
        by_namespace[right.namespace].append(right)
    for namespace, some in sorted(by_namespace.items()):
        documents += _role_in(namespace, some, f"{owner}-deployer", user)
    return documents


def _role_in(namespace: str, rights: Sequence[Right], name: str, user: str) -> list[dict[str, Any]]:
    kind = "Role" if namespace else "ClusterRole"
    group = "rbac.authorization.k8s.io"
    common = {"apiVersion": f"{group}/v1", "metadata": {"name": name} | ({"namespace": namespace} if namespace else {})}
    to = {"apiGroup": group, "kind": kind, "name": name}
    return [
        {**common, "kind": kind, "rules": _rules(rights)},
        {**common, "kind": f"{kind}Binding", "roleRef": to, "subjects": [_subject(user)]},
    ]


def _for_namespace(name: str, existing: Collection[str]) -> set[Right]:
    """Reading a namespace is a permission inside it; creating one is cluster-wide."""
    return {Right(name, "", "namespaces", "get")} | (
        set() if name in existing else {Right("", "", "namespaces", "create")}
    )


def _given(obj: Obj, namespace: str) -> set[Right]:
    return {
        Right(namespace, str(group), str(resource), str(verb))
        for rule in obj.get("rules") or []
        for group in rule.get("apiGroups") or [""]
        for resource in rule.get("resources") or []
        for verb in rule.get("verbs") or []
    }


def _group(version: str) -> str:
    return version.partition("/")[0] if "/" in version else ""


def _rules(rights: Sequence[Right]) -> list[dict[str, Any]]:
    """The fewest rules: resources of one group with the same verbs share a rule."""
    verbs: dict[tuple[str, str], list[str]] = defaultdict(list)
    for right in rights:
        verbs[right.group, right.resource].append(right.verb)
    same: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (group, resource), some in sorted(verbs.items()):
        same[group, tuple(sorted(some))].append(resource)
    return [
        {"apiGroups": [group], "resources": resources, "verbs": list(some)}
        for (group, some), resources in sorted(same.items())
    ]


def _subject(user: str) -> dict[str, str]:
    """The subject of a binding for a user name in the API server's form."""
    if user.startswith("system:serviceaccount:"):
        _, _, namespace, name = user.split(":", 3)
        return {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
