"""From what a person gives (config.json, values.yaml, --set, --external-ip) to values, or every problem at once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fogflow_k8s.adapters.assignments import Assignment, assign, parse_set
from fogflow_k8s.adapters.documents import Document, KeyPath, dotted, load
from fogflow_k8s.errors import ConfigError
from fogflow_k8s.model.nearest import nearest

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

    from fogflow_k8s.model.values import Values

__all__ = ["Document", "load", "merge", "parse_set", "problems", "settings"]

M = TypeVar("M", bound="BaseModel")
_SECRET_KEYS = {"password"}
_KINDS = {
    "string": "text: put it in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping of keys",
    "model": "a mapping of keys",
}


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid upon `base` as Helm does it: mappings are merged, lists and the rest replaced."""
    from fogflow_k8s.model.values_base import merge as merged

    return merged(base, over)


def settings(
    config_path: Path | None = None,
    values_paths: Sequence[Path] = (),
    sets: Sequence[str] = (),
    external_ips: Sequence[str] = (),
    *,
    force: bool = False,
) -> Values:
    """The values that all of it makes; later ones win: config.json, values files, --set, --external-ip.

    With `force` several shards of the broker are accepted, as if the values said so.
    Raises ConfigError with every problem of every file, each with its file, line and key path.
    """
    from pydantic import ValidationError

    from fogflow_k8s.model.values import Values

    data, documents, assignments = _gathered(config_path, values_paths, sets, external_ips)
    if force and isinstance(broker := data.get("broker"), dict) and broker.get("shards", 1) != 1:
        broker["acceptNotificationLoops"] = True
    try:
        return _validated(data, assignments, Values)
    except ValidationError as error:
        found = problems(error, documents)
        count = "a problem" if len(found) == 1 else f"{len(found)} problems"
        hint = "every key with its meaning: fogflow-k8s config explain KEY"
        raise ConfigError("\n  ".join([f"the settings have {count}:", *found]), hint=hint) from error


def edge_settings(values_paths: Sequence[Path], sets: Sequence[str], base: Mapping[str, Any]) -> dict[str, Any]:
    """The values for the edge chart that a person gives; they must be valid upon `base`. Raises ConfigError."""
    from pydantic import ValidationError

    from fogflow_k8s.model.values_edge import EdgeValues

    data, documents, assignments = _gathered(None, values_paths, sets, ())
    try:
        _validated(merge(base, data), assignments, EdgeValues)
    except ValidationError as error:
        found = problems(error, documents, EdgeValues)
        count = "a problem" if len(found) == 1 else f"{len(found)} problems"
        hint = "every key with its meaning: charts/fogflow-edge-chart/values.yaml"
        raise ConfigError("\n  ".join([f"the settings have {count}:", *found]), hint=hint) from error
    return data


def origin(
    key: str,
    config_path: Path | None = None,
    values_paths: Sequence[Path] = (),
    sets: Sequence[str] = (),
    external_ips: Sequence[str] = (),
) -> str:
    """Which of the sources has the last word on a dotted key, as FILE:LINE or a flag's name; "" when none has."""
    path = tuple(key.split("."))
    _, documents, _ = _gathered(config_path, values_paths, sets, external_ips)
    source = next((document for document in reversed(documents) if document.has(path)), None)
    if source is None:
        return ""
    line = source.line_of(source.own(path))
    return f"{source.name}:{line}" if line else source.name


def _gathered(
    config_path: Path | None, values_paths: Sequence[Path], sets: Sequence[str], external_ips: Sequence[str]
) -> tuple[dict[str, Any], list[Document], list[Assignment]]:
    """Everything that was given laid upon each other, and the documents that it came from, the last word last."""
    from fogflow_k8s.model.config import adopt

    documents: list[Document] = []
    data: dict[str, Any] = {}
    if config_path:
        document = load(config_path)
        documents.append(Document(document.name, document.data, document.lines, is_config=True))
        data = adopt(document.data)
    for path in values_paths:
        documents.append(load(path))
        data = merge(data, documents[-1].data)
    data = json.loads(json.dumps(data, default=str))  # our own copy: YAML can make one object stand in two places
    assignments = [each for text in sets for each in parse_set(text)]
    for assignment in assignments:
        assign(data, assignment)
        documents.append(Document("--set", {}, {assignment.path: 0}))
    if external_ips:
        documents.append(_expose(data, external_ips))
    return data, documents, assignments


def problems(
    error: ValidationError, documents: Document | Sequence[Document], model: type[BaseModel] | None = None
) -> list[str]:
    """A line per problem: where it stands, which key, what is wrong, and what is allowed or was probably meant."""
    if model is None:
        from fogflow_k8s.model.values import Values

        model = Values
    sources = [documents] if isinstance(documents, Document) else list(documents)
    return [_problem(each, sources, model) for found in error.errors(include_url=False) for each in _each_key(found)]


def _each_key(error: ErrorDetails) -> list[ErrorDetails]:
    """One error per key that upstream knows and we refuse, where pydantic gives one for the whole section."""
    from fogflow_k8s.model.config import WHY_NOT

    path = tuple(map(str, error["loc"]))
    if error["type"] != "extra_forbidden" or path[:1] != ("config",) or not isinstance(error["input"], Mapping):
        return [error]
    below = [key for key in error["input"] if (*path[1:], key) in WHY_NOT]
    split: list[ErrorDetails] = [{**error, "loc": (*error["loc"], key), "input": error["input"][key]} for key in below]
    return split or [error]


def _expose(data: dict[str, Any], addresses: Sequence[str]) -> Document:
    """Lay --external-ip upon `data`: the front door gets the addresses, and FogFlow is reached at the first of them."""
    config = data.setdefault("config", {})
    if isinstance(config, dict):
        core = config.get("coreservice_ip")
        if core and core not in addresses:
            raise ConfigError(
                f"--external-ip {addresses[0]} and coreservice_ip {core} are two addresses for one front door",
                hint="leave coreservice_ip out of config.json, or give --external-ip the same address",
            )
        config["coreservice_ip"] = core or addresses[0]
    expose = data.setdefault("expose", {})
    if isinstance(expose, dict):
        expose["type"] = "externalIPs"
    data["externalIPs"] = list(dict.fromkeys(addresses))
    lines: dict[KeyPath, int] = {("externalIPs", index): 0 for index in range(len(addresses))}
    return Document(
        "--external-ip", {}, {**lines, ("externalIPs",): 0, ("config", "coreservice_ip"): 0, ("expose", "type"): 0}
    )


def _validated(data: dict[str, Any], assignments: Sequence[Assignment], model: type[M]) -> M:
    """`data` as the model. A number of --set becomes text, and text a fraction, where the key wants that."""
    from pydantic import ValidationError

    try:
        return model.model_validate(data)
    except ValidationError as error:
        by_path = {each.path: each for each in assignments}
        retry = False
        for each in error.errors(include_url=False):
            assignment = by_path.get(each["loc"])
            if assignment and (better := _as_wanted(each["type"], assignment.raw)) is not None:
                assign(data, Assignment(assignment.path, better, assignment.raw))
                retry = True
        if not retry:
            raise
        return model.model_validate(data)


def _as_wanted(kind: str, raw: str) -> str | float | None:
    if kind == "string_type":
        return raw
    if kind == "float_type":
        try:
            return float(raw)
        except ValueError:
            return None
    return None


def _problem(each: ErrorDetails, documents: Sequence[Document], model: type[BaseModel]) -> str:
    path: KeyPath = each["loc"]
    source = next((document for document in reversed(documents) if document.has(path)), None)
    shown = dotted(source.own(path) if source else path)
    if source is None:
        where = ""
    else:
        line = source.line_of(source.own(path))
        where = f"{source.name}:{line}" if line else source.name
    return ": ".join(part for part in (where, shown, _says(each, path, model)) if part)


def _says(each: ErrorDetails, path: KeyPath, model: type[BaseModel]) -> str:
    kind, context = each["type"], each.get("ctx") or {}
    if kind == "extra_forbidden":
        return _unknown(path, model)
    if kind == "literal_error":
        allowed = str(context.get("expected", "")).replace("'", "")
        return f"must be {allowed}{_found(each, path)}"
    if kind == "string_pattern_mismatch":
        return f"must look like {context.get('pattern')}{_found(each, path)}"
    for prefix, name in _KINDS.items():
        if kind in {f"{prefix}_type", f"{prefix}_parsing", f"{prefix}_from_float"}:
            return f"must be {name}{_found(each, path)}"
    message = each["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return f"must be {message}{_found(each, path)}" if each["msg"].startswith("Input") else message


def _unknown(path: KeyPath, model: type[BaseModel]) -> str:
    from fogflow_k8s.model.config import WHY_NOT

    if path[0] == "config" and (why := WHY_NOT.get(tuple(map(str, path[1:])))):
        return f"not used here: {why}"
    known = _keys_at(model, path[:-1])
    if guess := nearest(str(path[-1]), known):
        return f"unknown key; did you mean {guess}?"
    return f"unknown key; allowed here: {', '.join(sorted(known))}"


def _keys_at(model: type[BaseModel], path: KeyPath) -> list[str]:
    from pydantic import BaseModel

    at: type[BaseModel] = model
    for part in path:
        fields = {field.alias or name: field for name, field in at.model_fields.items()}
        inner = fields[str(part)].annotation if str(part) in fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        at = inner
    return [field.alias or name for name, field in at.model_fields.items()]


def _found(each: ErrorDetails, path: KeyPath) -> str:
    if str(path[-1] if path else "") in _SECRET_KEYS:
        return ""
    text = json.dumps(each["input"], ensure_ascii=False, default=str)
    return f" (found {text if len(text) <= 60 else text[:57] + '...'})"
