"""Which rights a deploy needs, from the manifests themselves; and the Role that gives them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.model.kubernetes import Obj, metadata_of
from fogflow_k8s.model.manifests import RESOURCES, WORKLOADS, hook_of

_MANAGE = ("get", "create", "patch", "delete")  # what Helm does with an object of a release
_HOOK = (*_MANAGE, "list", "watch")  # and with one that it waits for
_OURS = (  # group, resource, verbs: what this tool itself does in the release's namespace
    ("", "secrets", ("get", "list", "create", "update", "delete")),  # Helm's storage of revisions, too
    ("", "configmaps", ("get", "create", "patch", "update", "delete")),
    ("", "persistentvolumeclaims", ("get",)),  # the chart looks for what an earlier release left
    ("", "pods", ("get", "list", "delete")),
    ("", "pods/log", ("get",)),
    ("", "events", ("list",)),
    ("apps", "replicasets", ("list",)),
    ("coordination.k8s.io", "leases", ("get", "create", "update", "delete")),
)

_SEES_MORE = (("", "nodes"), ("", "pods"), ("storage.k8s.io", "storageclasses"))


@dataclass(frozen=True, order=True)
class Right:
    """One verb on one resource; `namespace` is "" for those that are no namespace's."""

    namespace: str
    group: str
    resource: str  # with the subresource behind a slash
    verb: str

    def __str__(self) -> str:
        what = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {what}" + (f" in namespace {self.namespace}" if self.namespace else " (cluster-wide)")


def needed(objects: Iterable[Obj], namespace: str, existing: Collection[str]) -> list[Right]:
    """Every right that installing, upgrading, watching and removing these objects takes, hooks among them.

    `existing` are the namespaces that are there; others would have to be made.
    """
    found = {Right(namespace, group, resource, verb) for group, resource, verbs in _OURS for verb in verbs}
    found |= _for_namespace(namespace, existing)
    for obj in objects:
        kind, metadata = str(obj.get("kind")), metadata_of(obj)
        if kind == "Namespace":
            found |= _for_namespace(str(metadata.get("name")), existing)
        elif kind in RESOURCES and hook_of(obj) != "test":  # `helm test` is none of ours
            version, plural, namespaced = RESOURCES[kind]
            where = str(metadata.get("namespace") or namespace) if namespaced else ""
            verbs = _HOOK if hook_of(obj) else (*_MANAGE, "list") if kind in WORKLOADS else _MANAGE
            found |= {Right(where, _group(version), plural, verb) for verb in verbs}
            if kind == "Role":  # nobody may give what he does not have
                found |= _given(obj, where)
    return sorted(found)


def helpful() -> list[Right]:
    """Rights without which a deploy goes on and can check less: whether the pods fit, where a volume may come from."""
    return [Right("", group, resource, "list") for group, resource in _SEES_MORE]


def namespaces(objects: Iterable[Obj], namespace: str) -> list[str]:
    """The namespaces that the release lives in, its own first."""
    others = {str(metadata_of(o).get("name")) for o in objects if o.get("kind") == "Namespace"}
    return [namespace, *sorted(others - {namespace})]


def role(rights: Sequence[Right], owner: str, user: str, absent: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What an administrator applies so that `user` has these rights: Roles, a ClusterRole where it must be, and bindings.

    `owner` is the release with its namespace: what is cluster-wide must not be taken from another one of that name.
    `absent` namespaces are made with it, since a Role has to be in one.
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
    """To read a namespace is a right inside it; to make one is cluster-wide."""
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
    """As few rules as say it: resources of one group with the same verbs stand together."""
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
    """The subject of a binding for a user name as the API server tells it."""
    if user.startswith("system:serviceaccount:"):
        _, _, namespace, name = user.split(":", 3)
        return {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
