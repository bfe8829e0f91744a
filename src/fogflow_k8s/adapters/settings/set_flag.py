"""Parse `--set key.path=value` in Helm's syntax.

This program parses it itself and passes the values to Helm on stdin, because a process list shows arguments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from fogflow_k8s.adapters.settings.documents import KeyPath, dotted_path
from fogflow_k8s.errors import ConfigError

_CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None, "{}": []}
_INTEGER = re.compile(r"^(0|-?[1-9][0-9]*)$")
_MAX_INDEX = 1000


@dataclass(frozen=True)
class Assignment:
    """One `key.path=value`. `raw` is the value's text, for a key that needs text or a number with a fraction."""

    path: KeyPath
    value: Any
    raw: str


def parse_set(text: str) -> list[Assignment]:
    """Return the assignments in `text`, e.g. a.b=c,d[0].e={x,y}; a backslash escapes the next character. Raises ConfigError."""
    found: list[Assignment] = []
    for part in _split(text, ","):
        key, equals, raw = _partition(part, "=")
        if not equals or not key.strip():
            raise ConfigError(f"--set {part}: key.path=value is needed", hint="e.g. --set broker.image.tag=3.2.8")
        path = _parse_path(key)
        if raw.startswith("{") and raw.endswith("}") and raw != "{}":
            items = _split(raw[1:-1], ",")
            values = [_parse_value(item) for item in items]
            found.append(Assignment(path, values, raw))
        else:
            found.append(Assignment(path, _parse_value(raw), _unescape(raw)))
    return found


def assign(data: dict[str, Any], assignment: Assignment) -> None:
    """Set the value at its path in `data`, creating missing mappings and lists. Raises ConfigError for an invalid path."""
    holder: Any = data
    for part, following in pairwise([*assignment.path, None]):
        if isinstance(holder, list if isinstance(part, str) else dict):
            kind = "list, not a mapping" if isinstance(part, str) else "mapping, not a list"
            raise ConfigError(f"--set {dotted_path(assignment.path)}: what stands before {part} is a {kind}")
        if isinstance(part, int):
            if part > len(holder):
                hint = "lists start at [0], without gaps"
                raise ConfigError(
                    f"--set {dotted_path(assignment.path)}: [{part}] is past the end of the list", hint=hint
                )
            if part == len(holder):
                holder.append(None)
        if following is None:
            holder[part] = assignment.value
        elif not isinstance(_child(holder, part), list | dict):  # absent, or a scalar
            holder[part] = [] if isinstance(following, int) else {}
        holder = _child(holder, part)


def _child(holder: Any, part: str | int | None) -> Any:
    return holder.get(part) if isinstance(holder, dict) else holder[part]


def _parse_value(raw: str) -> Any:
    """Convert a value like Helm: true, false, null and integers keep their type, everything else is text."""
    if raw in _CONSTANTS:
        return _CONSTANTS[raw]
    return int(raw) if _INTEGER.match(raw) else _unescape(raw)


def _parse_path(key: str) -> KeyPath:
    path: list[str | int] = []
    for part in _split(key.strip(), "."):
        match = re.fullmatch(r"((?:[^\[\]\\]|\\.)*)((?:\[[0-9]+\])*)", part)
        if not match or not match[1]:
            raise ConfigError(
                f"--set {key}: not a key path",
                hint="parts are joined by dots; a list item is name[0]; a dot inside a name is \\.",
            )
        path.append(_unescape(match[1]))
        indexes = [int(index) for index in re.findall(r"\[([0-9]+)\]", match[2])]
        if any(index > _MAX_INDEX for index in indexes):
            raise ConfigError(f"--set {key}: a list index is {_MAX_INDEX} at most")
        path.extend(indexes)
    return tuple(path)


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _partition(text: str, separator: str) -> tuple[str, str, str]:
    """Split at the first separator without a backslash: before, separator, after."""
    first = _split(text, separator)[0]
    return first, text[len(first) : len(first) + 1], text[len(first) + 1 :]


def _split(text: str, separator: str) -> list[str]:
    """Split at every separator that has no backslash before it and is not inside braces; backslashes stay."""
    parts, depth, at, start = [], 0, 0, 0
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
        elif character == "{" and (at == 0 or text[at - 1] in "=,{"):
            depth += 1
        elif character == "}" and depth:
            depth -= 1
        elif character == separator and not depth:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    return [*parts, text[start:]]
