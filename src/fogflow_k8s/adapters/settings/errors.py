"""Turn pydantic's validation errors into messages for users.

A message names the file, line and key, what is wrong with the value, and what is allowed or was probably meant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fogflow_k8s.adapters.settings.documents import Document, KeyPath, dotted_path, source_of
from fogflow_k8s.model.settings.patterns import in_words
from fogflow_k8s.model.suggestions import nearest

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

_SECRET_KEYS = {"password"}
_TYPE_NAMES = {
    "string": "text: put it in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping of keys",
    "model": "a mapping of keys",
}


def describe_problems(
    error: ValidationError, documents: Document | Sequence[Document], model: type[BaseModel] | None = None
) -> list[str]:
    """Return one line per problem: its file, line and key, what is wrong, and what is allowed or was probably meant."""
    if model is None:
        from fogflow_k8s.model.settings.values import Values

        model = Values
    sources = [documents] if isinstance(documents, Document) else list(documents)
    return [
        _describe_problem(each, sources, model)
        for found in error.errors(include_url=False)
        for each in _one_per_key(found)
    ]


def _one_per_key(error: ErrorDetails) -> list[ErrorDetails]:
    """Split pydantic's error for a whole unknown section of config.json into one error per key."""
    if (
        error["type"] != "extra_forbidden"
        or error["loc"] != ("config", "rabbitmq")
        or not isinstance(error["input"], Mapping)
    ):
        return [error]
    return [{**error, "loc": (*error["loc"], key), "input": each} for key, each in error["input"].items()] or [error]


def _describe_problem(each: ErrorDetails, documents: Sequence[Document], model: type[BaseModel]) -> str:
    path: KeyPath = each["loc"]
    source = source_of(path, documents)
    location = source.location(source.local_path(path)) if source else dotted_path(path)
    return ": ".join(part for part in (location, _describe_error(each, path, model)) if part)


def _describe_error(each: ErrorDetails, path: KeyPath, model: type[BaseModel]) -> str:
    kind, context = each["type"], each.get("ctx") or {}
    if kind == "extra_forbidden":
        return _describe_unknown_key(path, model)
    if kind == "literal_error":
        allowed = str(context.get("expected", "")).replace("'", "")
        return f"must be {allowed}{_found_value(each, path)}"
    if kind == "string_pattern_mismatch":
        return f"must be {in_words(str(context.get('pattern')))}{_found_value(each, path)}"
    for prefix, name in _TYPE_NAMES.items():
        if kind in {f"{prefix}_type", f"{prefix}_parsing", f"{prefix}_from_float"}:
            return f"must be {name}{_found_value(each, path)}"
    message = each["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return f"must be {message}{_found_value(each, path)}" if each["msg"].startswith("Input") else message


def _describe_unknown_key(path: KeyPath, model: type[BaseModel]) -> str:
    from fogflow_k8s.model.settings.config_keys import MOVED, UPSTREAM_EDGE_VALUES, advice, unused

    local_path = tuple(map(str, path[1:]))
    if path[0] == "config" and (why := advice(local_path)):
        return why
    if upstreams := unused(tuple(map(str, path)), UPSTREAM_EDGE_VALUES):
        return f"no effect here: remove it ({upstreams.instead})"
    known = _known_keys(model, path[:-1]) or [key for section, key in MOVED if (section,) == local_path[:-1]]
    if guess := nearest(str(path[-1]), known):
        return f"unknown key; did you mean {guess}?"
    return f"unknown key; allowed here: {', '.join(sorted(known))}"


def _known_keys(model: type[BaseModel], path: KeyPath) -> list[str]:
    from pydantic import BaseModel

    from fogflow_k8s.model.settings.base import key_names

    at: type[BaseModel] = model
    for part in path:
        fields = {field.alias or name: field for name, field in at.model_fields.items()}
        inner = fields[str(part)].annotation if str(part) in fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        at = inner
    return key_names(at)


def _found_value(each: ErrorDetails, path: KeyPath) -> str:
    if str(path[-1] if path else "") in _SECRET_KEYS:
        return ""
    text = json.dumps(each["input"], ensure_ascii=False, default=str)
    return f" (found {text if len(text) <= 60 else text[:57] + '...'})"
