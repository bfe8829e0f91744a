"""What differs between two objects or two sets of manifests. Pure, on plain dicts; secret values never come out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fogflow_k8s.model.manifests import key_of
from fogflow_k8s.model.redact import MASK, Redactor

Obj = Mapping[str, Any]
_SERVER_METADATA = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp")


@dataclass(frozen=True)
class Change:
    """One difference. `path` is dotted; values are short texts, masked in a Secret."""

    verb: Literal["add", "remove", "change"]
    object: str  # Kind/name
    path: str = ""
    old: str = ""
    new: str = ""
    manager: str = ""  # who owns the field now, when known

    def __str__(self) -> str:
        if self.verb != "change":
            return f"{'+' if self.verb == 'add' else '-'} {self.object}"
        who = f"  (changed by {self.manager})" if self.manager else ""
        return f"~ {self.object} {self.path}: {self.old} -> {self.new}{who}"


def changes(old: Sequence[Obj], new: Sequence[Obj]) -> list[Change]:
    """What turns one set of manifests into the other: objects added and removed, fields changed."""
    before, after = {key_of(o): o for o in old}, {key_of(o): o for o in new}
    found: list[Change] = []
    for key in sorted(before.keys() | after.keys()):
        name = f"{key[0]}/{key[2]}"
        if key not in before:
            found.append(Change("add", name))
        elif key not in after:
            found.append(Change("remove", name))
        else:
            found.extend(object_changes(before[key], after[key]))
    return found


def object_changes(old: Obj, new: Obj) -> list[Change]:
    """The fields in which two states of one object differ; what only a server writes is left out."""
    kind, _, name = key_of(new)
    found = []
    for path, was, now in _walk(_own(old), _own(new), ()):
        hide = kind == "Secret" and path[:1] in (("data",), ("stringData",))
        texts = (MASK, MASK) if hide else (_shown(path, was), _shown(path, now))
        found.append(Change("change", f"{kind}/{name}", _dotted(path), *texts))
    return found


def owner_of(obj: Obj, path: str) -> str:
    """The field manager that owns the top of a dotted path ("" when unknown): whom to ask about a drifted field."""
    parts = [p.split("[")[0] for p in path.split(".")]
    best = ""
    for entry in (obj.get("metadata") or {}).get("managedFields") or []:
        node: Any = entry.get("fieldsV1") or {}
        for part in parts:
            if f"f:{part}" not in node:
                break
            node = node[f"f:{part}"]
        else:
            if entry.get("manager") != "helm":
                best = str(entry.get("manager"))
    return best


def _own(obj: Obj) -> Obj:
    """The object without what only a server writes."""
    metadata = {k: v for k, v in (obj.get("metadata") or {}).items() if k not in _SERVER_METADATA}
    return {**{k: v for k, v in obj.items() if k != "status"}, "metadata": metadata}


_ABSENT = object()


def _walk(old: Any, new: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted(old.keys() | new.keys(), key=str):
            yield from _walk(old.get(key, _ABSENT), new.get(key, _ABSENT), (*path, str(key)))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _walk_lists(old, new, path)
    elif old is not new and (type(old) is not type(new) or old != new):
        yield path, old, new


def _walk_lists(old: list[Any], new: list[Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    names = [{e["name"]: e for e in side if isinstance(e, Mapping) and "name" in e} for side in (old, new)]
    if len(names[0]) == len(old) and len(names[1]) == len(new):  # containers, env, volumes: by name, not by place
        for name in dict.fromkeys([*names[0], *names[1]]):
            where = (*path[:-1], f"{path[-1]}[{name}]") if path else (f"[{name}]",)
            yield from _walk(names[0].get(name, _ABSENT), names[1].get(name, _ABSENT), where)
    else:
        for i in range(max(len(old), len(new))):
            where = (*path[:-1], f"{path[-1]}[{i}]") if path else (f"[{i}]",)
            yield from _walk(old[i] if i < len(old) else _ABSENT, new[i] if i < len(new) else _ABSENT, where)


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(path)


def _shown(path: tuple[str, ...], value: Any) -> str:
    """The value as a short text; what is called a password is masked, and variables and annotations that nobody knows."""
    if value is _ABSENT or not path:
        return _short(value)
    *before, last = path
    above = before[-1] if before else ""
    mask = Redactor().object
    if above.endswith("nnotations"):
        return _short(mask({above: {last: value}})[above].get(last, MASK))
    if last.startswith("env["):
        return _short(mask({"env": [value]})["env"][0])
    if above.startswith("env["):
        return _short(mask({"env": [{"name": above[4:-1], last: value}]})["env"][0][last])
    return _short(mask({last: value})[last])


def _short(value: Any, limit: int = 60) -> str:
    if value is _ABSENT:
        return "(absent)"
    text = value if isinstance(value, str) else repr(value)
    text = text.replace("\n", "\\n")
    return text if len(text) <= limit else text[: limit - 1] + "…"
