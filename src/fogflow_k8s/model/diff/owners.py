"""Field owners: which tool set a field of a live object, from `metadata.managedFields`.

The API server lists there, for each field manager (helm, kubectl-edit, ...), the fields that it set. The format (`f:` a field,
`k:` an element of a list by its keys, `v:` one by its value, `.` the element itself) is described with FieldsV1 in the reference
of the Kubernetes API.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.model.diff.fields import ABSENT, Item, Path, value_at
from fogflow_k8s.model.kubernetes import Obj, metadata_of

HELM = "helm"  # the field manager that Helm sets itself, whatever the name of its binary
# fields that these set are not changes by hand
_MACHINES = ("kube-controller-manager", "kube-scheduler", "kubelet", "cloud-controller-manager", "fogflow-k8s")


@dataclass(frozen=True)
class Owner:
    """A field manager, and the subresource that it used (`scale`); empty when the owner is unknown."""

    manager: str = ""
    subresource: str = ""

    def __str__(self) -> str:
        return f"{self.manager} ({self.subresource})" if self.subresource else self.manager


NO_OWNER = Owner()


def owner_of(live: Obj, path: Path) -> Owner:
    """The owner, other than Helm, of a field or of the nearest part with an owner; of several the last, NO_OWNER without one."""
    best, depth = NO_OWNER, 0
    for entry in _entries(live):
        found = _depth(entry.get("fieldsV1") or {}, live, path)
        if found and found >= depth:
            best, depth = _owner(entry), found
    return best


def additions(live: Obj, *known: Obj | None) -> Iterator[tuple[Path, Any, Owner]]:
    """The fields that others added to the object and that none of the manifests `known` contains; an apply keeps them."""
    for entry in _entries(live):
        owner = _owner(entry)
        if owner.manager.startswith(_MACHINES):
            continue
        for path in _leaves(entry.get("fieldsV1") or {}, live, ()):
            if all(not each or value_at(each, path) is ABSENT for each in known):
                yield path, value_at(live, path), owner


def _entries(live: Obj) -> list[Obj]:
    """The entries of managers other than Helm, oldest first, without those about the status."""
    entries: Sequence[Obj] = metadata_of(live).get("managedFields") or []
    others = [e for e in entries if e.get("manager") != HELM and e.get("subresource") != "status"]
    return sorted(others, key=lambda e: str(e.get("time") or ""))


def _owner(entry: Obj) -> Owner:
    return Owner(str(entry.get("manager") or "unknown"), str(entry.get("subresource") or ""))


def _depth(fields: Any, live: Any, path: Path) -> int:
    """How many steps of the path the entry owns: all, or the steps to an ancestor that it owns as a whole; else 0."""
    for n, step in enumerate(path, start=1):
        name = f"f:{step}" if isinstance(step, str) else _element_key(fields, live, step)
        if not isinstance(fields, Mapping) or name not in fields:
            return 0
        live, fields = value_at(live, (step,)), fields[name]
        if fields == {}:  # owned as a whole: a value, or a list without keys
            return n
    return len(path)


def _element_key(fields: Any, live: Any, item: Item) -> str:
    """The `k:` or `v:` key of a list's element; "" without one."""
    element = value_at(live, (item,))
    return next((k for k in fields if _is_key_of(k, element)), "")


def _is_key_of(key: str, element: Any) -> bool:
    kind, _, text = key.partition(":")
    if kind == "k" and isinstance(element, Mapping):
        return all(element.get(name) == value for name, value in json.loads(text).items())
    return kind == "v" and not isinstance(element, Mapping) and json.loads(text) == element


def _leaves(fields: Obj, live: Any, path: Path) -> Iterator[Path]:
    """The paths of the fields that an entry owns; a list element that it added is a single path."""
    here = value_at(live, path)
    for name, below in fields.items():
        kind, _, text = name.partition(":")
        if kind == "f":
            step: str | Item | None = text
        else:
            step = _item(name, here) if kind in ("k", "v") else None
        if step is None:
            continue
        brought = isinstance(step, Item) and "." in below
        if brought or not any(k != "." for k in below):
            yield (*path, step)
        else:
            yield from _leaves(below, live, (*path, step))


def _item(name: str, elements: Any) -> Item | None:
    """The element that a `k:` or `v:` key identifies; by its position when its key has several parts."""
    if not isinstance(elements, list):
        return None
    place = next((i for i, e in enumerate(elements) if _is_key_of(name, e)), None)
    if place is None:
        return None
    keys = json.loads(name[2:]) if name.startswith("k:") else {}
    if len(keys) == 1 or "containerPort" in keys or "port" in keys:
        key = next((k for k in ("containerPort", "port") if k in keys), next(iter(keys)))
        return Item(key, keys[key])
    return Item("", place)
