"""The differences between two objects or two sets of manifests, field by field.

A path leads to a field: names, and items for elements of lists. Values are masked where they are secret before they leave this
module.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fogflow_k8s.model.kubernetes import Obj, metadata_of
from fogflow_k8s.model.manifests import key_of
from fogflow_k8s.model.redaction.redactor import MASK, masked, redact

_SERVER_METADATA = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp")
# the key that identifies the elements of a list; the first one that all have (Kubernetes uses the same)
_KEYS = ("name", "mountPath", "containerPort", "port", "topologyKey", "ip")
LONGEST = 60  # characters of a value on a line
_CONTEXT = 2  # lines around a changed one
# changes that follow from others or have no effect on the pods: counted, not listed
_NOISE = {
    ("labels", "helm.sh/chart"): "chart label",
    ("labels", "app.kubernetes.io/version"): "version label",
    ("annotations", "kubectl.kubernetes.io/restartedAt"): "timestamp",
    ("annotations", "kubectl.kubernetes.io/last-applied-configuration"): "last-applied configuration",
    ("annotations", "deployment.kubernetes.io/revision"): "revision number",
}


@dataclass(frozen=True)
class Item:
    """A step of a path into a list: the element whose `key` is `value`; without a key, the element at that position."""

    key: str
    value: Any


Path = tuple[str | Item, ...]


class _Absent:
    """The type of ABSENT, the value of a field that does not exist. Kubernetes treats null in the same way."""

    def __repr__(self) -> str:
        return "(absent)"


ABSENT = _Absent()


@dataclass(frozen=True)
class Field:
    """Two values of one field, masked where they are secret. None means absent."""

    path: str = ""
    old: Any = None
    new: Any = None
    noise: str = ""  # the name under which the change is only counted
    lines: tuple[str, ...] = ()  # of a text of several lines: what differs, as a unified diff

    def __str__(self) -> str:
        return f"{self.path}: {' -> '.join(_side_by_side(self.old, self.new))}"


@dataclass(frozen=True)
class Change:
    """One difference: an object that is added or removed, or a changed field of an object."""

    verb: Literal["add", "remove", "change"]
    object: str  # Kind/name
    namespace: str = ""  # "" = that of the release, or none
    field: Field = Field()

    def __str__(self) -> str:
        if self.verb != "change":
            return f"{'+' if self.verb == 'add' else '-'} {self.object}"
        return f"~ {self.object} {self.field}"


def changes(old: Sequence[Obj], new: Sequence[Obj]) -> list[Change]:
    """The changes from one set of manifests to the other: objects added and removed, fields changed."""
    before, after = {key_of(o): o for o in old}, {key_of(o): o for o in new}
    found: list[Change] = []
    for key in sorted(before.keys() | after.keys()):
        kind, namespace, name = key
        if key not in before:
            found.append(Change("add", f"{kind}/{name}", namespace))
        elif key not in after:
            found.append(Change("remove", f"{kind}/{name}", namespace))
        else:
            found.extend(object_changes(before[key], after[key]))
    return found


def object_changes(old: Obj, new: Obj) -> list[Change]:
    """The fields in which two states of one object differ, without those that only the API server sets."""
    kind, namespace, name = key_of(new)
    return [
        Change("change", f"{kind}/{name}", namespace, field_of(kind, path, was, now))
        for path, was, now in differences(old, new)
    ]


def differences(old: Obj, new: Obj) -> Iterator[tuple[Path, Any, Any]]:
    """Path, old and new value of every field that differs, unmasked; ABSENT where the field does not exist."""
    return _walk(_own(old), _own(new), ())


def field_of(kind: str, path: Path, old: Any, new: Any) -> Field:
    """The two values of a field of an object of that kind, masked."""
    names = tuple(step if isinstance(step, str) else str(step.value) for step in path)
    was, is_ = (None if value is ABSENT else masked(kind, names, value) for value in (old, new))
    return Field(text_of(path), was, is_, noise=_noise(names), lines=_lines(kind, names, old, new))


def value_at(obj: Any, path: Path) -> Any:
    """The value of a field, or ABSENT."""
    for step in path:
        obj = _element(obj, step) if isinstance(step, Item) else obj.get(step) if isinstance(obj, Mapping) else None
        if obj is None:
            return ABSENT
    return obj


def text_of(path: Path) -> str:
    """A path for people: spec.containers[nginx].image, data[nginx.conf]."""
    text = ""
    for step in path:
        if isinstance(step, Item):
            text += f"[{step.value}]"
        elif "." in step or "/" in step:
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def short(value: Any, limit: int = LONGEST) -> str:
    """A value on one line."""
    text = _on_one_line(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _side_by_side(old: Any, new: Any) -> tuple[str, str]:
    """Both values on one line; long ones start shortly before their first difference."""
    texts = [_on_one_line(old), _on_one_line(new)]
    same = next((i for i, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
    if max(map(len, texts)) > LONGEST and same > LONGEST // 2:
        texts = [f"…{text[same - 10 :]}" for text in texts]
    return short(texts[0]), short(texts[1])


def _on_one_line(value: Any) -> str:
    if value is None:
        return "(absent)"
    return (value if isinstance(value, str) else repr(value)).replace("\n", "\\n")


def _own(obj: Obj) -> Obj:
    """The object without the fields that only the API server sets."""
    metadata = {k: v for k, v in metadata_of(obj).items() if k not in _SERVER_METADATA}
    return {**{k: v for k, v in obj.items() if k != "status"}, "metadata": metadata}


def _walk(old: Any, new: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    old, new = (ABSENT if side is None else side for side in (old, new))
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted(old.keys() | new.keys(), key=str):
            yield from _walk(old.get(key), new.get(key), (*path, str(key)))
    elif isinstance(old, list) and isinstance(new, list) and any(isinstance(e, Mapping | list) for e in (*old, *new)):
        yield from _walk_lists(old, new, path)
    elif old is not new and not _same(old, new):
        yield path, old, new


def _walk_lists(old: list[Any], new: list[Any], path: Path) -> Iterator[tuple[Path, Any, Any]]:
    """Compare elements with a key (containers, env, volumes) by that key, others (rules) by position."""
    key = next((k for k in _KEYS if _identifies(k, old) and _identifies(k, new)), "")
    sides = [{e[key]: e for e in side} if key else dict(enumerate(side)) for side in (old, new)]
    for each in dict.fromkeys([*sides[0], *sides[1]]):
        yield from _walk(sides[0].get(each), sides[1].get(each), (*path, Item(key, each)))


def _identifies(key: str, elements: list[Any]) -> bool:
    values = [e.get(key) for e in elements if isinstance(e, Mapping) and isinstance(e.get(key), str | int)]
    return len(values) == len(elements) == len(set(values))


def _same(old: Any, new: Any) -> bool:
    """Whether the values and their types are equal: 1, "1" and true are three different values for Kubernetes."""
    if isinstance(old, list) and isinstance(new, list):
        return [(type(e), e) for e in old] == [(type(e), e) for e in new]
    return type(old) is type(new) and bool(old == new)


def _element(elements: Any, item: Item) -> Any:
    if not isinstance(elements, list):
        return None
    if not item.key:
        return elements[item.value] if item.value < len(elements) else None
    return next((e for e in elements if isinstance(e, Mapping) and e.get(item.key) == item.value), None)


def _noise(names: tuple[str, ...]) -> str:
    if names[-2:-1] == ("annotations",) and names[-1].startswith("checksum/"):
        return "checksum"
    return next((what for end, what in _NOISE.items() if names[-2:] == end), "")


def _lines(kind: str, names: tuple[str, ...], old: Any, new: Any) -> tuple[str, ...]:
    """The unified diff of a text of several lines, or of a list too long for one line; compared unmasked, shown masked."""
    texts = [_as_text(side) for side in (old, new)]
    if None in texts or not any(text and "\n" in text for text in texts):
        return ()
    if isinstance(old, list) and isinstance(new, list) and max(len(repr(old)), len(repr(new))) <= LONGEST:
        return ()
    if any(masked(kind, names, side) == MASK for side in (old, new)):
        return ()
    from difflib import SequenceMatcher

    raw = [(text or "").removesuffix("\n").split("\n") if text else [] for text in texts]
    shown = [redact(text or "").removesuffix("\n").split("\n") for text in texts]
    found: list[str] = []
    for group in SequenceMatcher(None, raw[0], raw[1], autojunk=False).get_grouped_opcodes(_CONTEXT):
        found.append(f"@@ -{group[0][1] + 1} +{group[0][3] + 1} @@")
        for what, a, b, c, d in group:
            if what == "equal":
                found += [f"  {line}" for line in shown[0][a:b]]
            else:
                found += [f"- {line}" for line in shown[0][a:b]] + [f"+ {line}" for line in shown[1][c:d]]
    return tuple(found)


def _as_text(value: Any) -> str | None:
    """A text as it is, a list of texts as lines, ABSENT as ""; None for every other value."""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return "\n".join(value)
    return "" if value is ABSENT else value if isinstance(value, str) else None


def folded(fields: Sequence[Field]) -> dict[str, int]:
    """The numbers of fields that are only counted, by name."""
    return dict(sorted(Counter(f.noise for f in fields if f.noise).items()))
