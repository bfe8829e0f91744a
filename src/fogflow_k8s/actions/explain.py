"""What one key of the settings means, from the same model that validates it."""

from __future__ import annotations

import json
from typing import Any

from fogflow_k8s.errors import UsageError
from fogflow_k8s.model.nearest import nearest
from fogflow_k8s.model.redact import Redactor
from fogflow_k8s.model.values import Values
from fogflow_k8s.model.values_base import schema_of


def explain(key: str, values: Values, origin: str) -> list[str]:
    """The lines to print; `origin` is where the value was given, if it was. Raises UsageError, naming the nearest key, for one that does not exist."""
    schema = schema_of(Values)
    node: dict[str, Any] = schema
    seen: list[str] = []
    for part in key.split("."):
        known = _properties(node, schema)
        if part not in known:
            close = nearest(part, known)
            where = ".".join(seen) or "the top level"
            hint = f"did you mean {'.'.join([*seen, close])}?" if close else f"keys here: {', '.join(sorted(known))}"
            raise UsageError(f"{key}: there is no key {part} at {where}", hint=hint)
        node = known[part]
        seen.append(part)
    target = _resolve(node, schema)
    current, default = (
        _at(values.model_dump(mode="json", by_alias=True), seen),
        _at(Values().model_dump(mode="json", by_alias=True), seen),
    )
    lines = [key, f"  {node.get('description') or target.get('description') or '(no description)'}"]
    lines.append(f"  allowed  {_allowed(target, schema)}")
    lines.append(f"  default  {json.dumps(default, ensure_ascii=False)}")
    from_ = origin or ("derived from what was given" if current != default else "default")
    shown = json.dumps(Redactor().object({seen[-1]: current})[seen[-1]], ensure_ascii=False)
    lines.append(f"  value    {shown}  ({from_})")
    return lines


def keys_below(started: str) -> list[str]:
    """The keys that a dotted key as far as it was typed can go on with; a section ends with its dot."""
    schema: dict[str, Any] = schema_of(Values)
    node = schema
    *above, last = started.split(".")
    for part in above:
        node = _properties(node, schema).get(part, {})
    head = "".join(f"{part}." for part in above)
    known = {name: bool(_properties(below, schema)) for name, below in _properties(node, schema).items()}
    found = [f"{head}{name}{'.' if more else ''}" for name, more in sorted(known.items()) if name.startswith(last)]
    if len(found) == 1 and found[0].endswith("."):  # a shell would put a blank behind the only answer
        return keys_below(found[0])
    return found


def _resolve(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        return dict(schema["definitions"][node["$ref"].rsplit("/", 1)[1]])
    for option in node.get("anyOf") or node.get("allOf") or []:
        if option.get("type") != "null":
            return _resolve(option, schema)
    return node


def _properties(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return dict(_resolve(node, schema).get("properties") or {})


def _allowed(target: dict[str, Any], schema: dict[str, Any]) -> str:
    if "enum" in target:
        return ", ".join(map(str, target["enum"]))
    if "const" in target:
        return f"only {target['const']}"
    kind = str(target.get("type", "any"))
    if kind == "object" and target.get("properties"):
        return "keys " + ", ".join(_properties(target, schema))
    words = {
        "minimum": "from {}",
        "maximum": "to {}",
        "pattern": "like {}",
        "exclusiveMinimum": "more than {}",
        "minLength": "at least {} characters",
    }
    return " ".join([kind, *(text.format(target[word]) for word, text in words.items() if word in target)])


def _at(document: Any, path: list[str]) -> Any:
    for part in path:
        if not isinstance(document, dict) or part not in document:
            return None
        document = document[part]
    return document
