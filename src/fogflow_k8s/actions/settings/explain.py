"""`config explain`: what a key of the settings means, which values it allows, and its value with its origin.

Descriptions, limits and defaults come from the model that validates the settings (model/settings). Keys of a config.json of any
FogFlow version are explained by the key of values.yaml that they become.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from fogflow_k8s.adapters.settings.documents import KeyPath, dotted_path
from fogflow_k8s.errors import UsageError
from fogflow_k8s.model.redaction.redactor import Redactor
from fogflow_k8s.model.settings.base import schema_of
from fogflow_k8s.model.settings.config_keys import REPLACED, meaning, place
from fogflow_k8s.model.settings.patterns import in_words
from fogflow_k8s.model.settings.values import Values
from fogflow_k8s.model.suggestions import nearest


def explain(key: str, values: Values, origin: str) -> list[str]:
    """The lines to print. `origin`: the file or option that set the value; "" when it is not set.

    `key`: a key of values.yaml, or one of config.json of any FogFlow version. Raises UsageError, with the nearest key, for a
    key that does not exist.
    """
    schema = _schema()
    path = settings_path(key)
    own = tuple(part for part in path if isinstance(part, str))
    if path and not _exists(path, schema) and (unused := meaning(_in_config_json(own))):
        return [key, *(f"  {line}" for line in unused)]
    node = _node(key, path, schema)
    target = resolve_schema(node, schema)
    current, default = (
        _at(values.model_dump(mode="json", by_alias=True), path),
        _at(Values().model_dump(mode="json", by_alias=True), path),
    )
    lines = [key, f"  {node.get('description') or target.get('description') or '(no description)'}"]
    if dotted_path(path) != key:
        lines.append(f"  key      {dotted_path(path)} in values.yaml")
    lines.append(f"  allowed  {allowed_values(target, schema)}")
    if known := REPLACED.get(own[1:]):
        listed = ", ".join(json.dumps(each) for each in known.values)
        lines.append(f"           in config.json also {listed}, read as {known.by}: {known.reason}")
    lines.append(f"  default  {json.dumps(default, ensure_ascii=False)}")
    from_ = origin or ("derived from what was given" if current != default else "default")
    shown = json.dumps(Redactor().object({own[-1]: current})[own[-1]], ensure_ascii=False)
    lines.append(f"  value    {shown}  ({from_})")
    return lines


@cache
def _schema() -> dict[str, Any]:
    """The schema of values.yaml; cached, so callers must not change it."""
    return schema_of(Values)


def settings_path(key: str) -> KeyPath:
    """The path in values.yaml of a dotted key. A key that values.yaml does not have counts as one of config.json."""
    path: KeyPath = tuple(int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", key))
    schema = _schema()
    if not path or _exists(path, schema):
        return path
    moved = place(_in_config_json(tuple(map(str, path))))
    return moved if _exists(moved, schema) else path


def _in_config_json(path: tuple[str, ...]) -> tuple[str, ...]:
    """The path of the same key in a config.json, which is the section `config` of values.yaml."""
    return path[1:] if path[0] == "config" and len(path) > 1 else path


def _exists(path: KeyPath, schema: dict[str, Any]) -> bool:
    node: dict[str, Any] | None = schema
    for part in path:
        node = _child(node, part, schema) if node is not None else None
    return node is not None


def _node(key: str, path: KeyPath, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema at `path`. Raises UsageError when the path does not exist."""
    if not path:
        raise UsageError("the key is empty", hint="fogflow-k8s config explain config.worker.capacity")
    node: dict[str, Any] = schema
    for depth, part in enumerate(path):
        below = _child(node, part, schema)
        if below is None:
            known = _properties(node, schema)
            close = nearest(str(part), known)
            where = dotted_path(path[:depth]) or "the top level"
            hint = (
                f"did you mean {dotted_path((*path[:depth], close))}?"
                if close
                else f"keys here: {', '.join(sorted(known))}"
            )
            raise UsageError(f"{key}: there is no key {part} at {where}", hint=hint)
        node = below
    return node


def _child(node: dict[str, Any], part: str | int, schema: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of a key, or of an item of a list, below `node`; None when the schema does not allow it."""
    resolved = resolve_schema(node, schema)
    if isinstance(part, int):
        items = resolved.get("items")
        return dict(items) if isinstance(items, dict) else None
    found = (resolved.get("properties") or {}).get(part)
    if found is None and isinstance(more := resolved.get("additionalProperties"), dict | bool) and more:
        found = more if isinstance(more, dict) else {}
    return None if found is None else dict(found)


def keys_below(started: str) -> list[str]:
    """The completions of a partly typed dotted key, for the shell; a section ends with a dot."""
    schema: dict[str, Any] = _schema()
    node = schema
    *above, last = started.split(".")
    for part in above:
        node = _properties(node, schema).get(part, {})
    head = "".join(f"{part}." for part in above)
    known = {name: bool(_properties(below, schema)) for name, below in _properties(node, schema).items()}
    found = [f"{head}{name}{'.' if more else ''}" for name, more in sorted(known.items()) if name.startswith(last)]
    if len(found) == 1 and found[0].endswith("."):  # a shell would append a space to a single completion
        return keys_below(found[0])
    return found


def resolve_schema(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The definition in `schema` that a node refers to, else the node itself; of a value that may be null, the other type."""
    if "$ref" in node:
        return dict(schema["definitions"][node["$ref"].rsplit("/", 1)[1]])
    for option in node.get("anyOf") or node.get("allOf") or []:
        if option.get("type") != "null":
            return resolve_schema(option, schema)
    return node


def _properties(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return dict(resolve_schema(node, schema).get("properties") or {})


def allowed_values(target: dict[str, Any], schema: dict[str, Any]) -> str:
    """The values that a resolved node of `schema` allows, in words."""
    if "enum" in target:
        return ", ".join(map(str, target["enum"]))
    if "const" in target:
        return f"only {json.dumps(target['const'])}".replace('"', "")
    kind = str(target.get("type", "any"))
    if kind == "object" and target.get("properties"):
        return "keys " + ", ".join(_properties(target, schema))
    words = {
        "minimum": "from {}",
        "maximum": "to {}",
        "exclusiveMinimum": "more than {}",
        "minLength": "at least {} characters",
    }
    parts = [kind, *(text.format(target[word]) for word, text in words.items() if word in target)]
    pattern = f": {in_words(target['pattern'])}" if "pattern" in target else ""
    return f"{' '.join(parts)}{pattern}"


def _at(document: Any, path: KeyPath) -> Any:
    for part in path:
        if isinstance(part, int):
            document = document[part] if isinstance(document, list) and part < len(document) else None
        else:
            document = document.get(part) if isinstance(document, dict) else None
    return document
