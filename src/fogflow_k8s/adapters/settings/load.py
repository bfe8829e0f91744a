"""From what a person gives (config.json, values.yaml, --set, --external-ip) to values, or every problem at once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from fogflow_k8s.adapters.settings.documents import Document, KeyPath, load, source_of
from fogflow_k8s.adapters.settings.errors import problems
from fogflow_k8s.adapters.settings.set_flag import Assignment, assign, parse_set
from fogflow_k8s.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from fogflow_k8s.model.settings.config_upstream import Note
    from fogflow_k8s.model.settings.values import Values

__all__ = ["Document", "load", "parse_set", "settings"]

M = TypeVar("M", bound="BaseModel")


class Settings(NamedTuple):
    """Validated values, and a line for everything that was ignored, read as something else, or is weak."""

    values: Values
    notes: tuple[str, ...]


class _Given(NamedTuple):
    """All sources laid upon each other; the documents they came from, the last word last; and what there is to say."""

    data: dict[str, Any]
    documents: list[Document]
    assignments: list[Assignment]
    notes: list[str]


def settings(
    config_path: Path | None = None,
    values_paths: Sequence[Path] = (),
    sets: Sequence[str] = (),
    external_ips: Sequence[str] = (),
    *,
    force: bool = False,
) -> Settings:
    """The values that all of it makes; later ones win: config.json, values files, --set, --external-ip.

    With `force` several shards of the broker are accepted, as if the values said so.
    Raises ConfigError with every problem of every file, each with its file, line and key path.
    """
    from pydantic import ValidationError

    from fogflow_k8s.model.settings.values import Values

    data, documents, assignments, notes = _gathered(config_path, values_paths, sets, external_ips)
    if force and isinstance(broker := data.get("broker"), dict) and broker.get("shards", 1) != 1:
        broker["acceptNotificationLoops"] = True
    try:
        values = _validated(data, assignments, Values)
    except ValidationError as error:
        found = problems(error, documents)
        count = "a problem" if len(found) == 1 else f"{len(found)} problems"
        hint = "every key with its meaning: fogflow-k8s config explain KEY"
        raise ConfigError("\n  ".join([f"the settings have {count}:", *found]), hint=hint) from error
    return Settings(values, (*notes, *_weak(values, documents)))


def edge_settings(values_paths: Sequence[Path], sets: Sequence[str], base: Mapping[str, Any]) -> dict[str, Any]:
    """The values for the edge chart that a person gives; they must be valid upon `base`. Raises ConfigError."""
    from pydantic import ValidationError

    from fogflow_k8s.model.settings.base import merge
    from fogflow_k8s.model.settings.edge import EdgeValues

    data, documents, assignments, _ = _gathered(None, values_paths, sets, (), edge=True)
    try:
        _validated(merge(base, data), assignments, EdgeValues)
    except ValidationError as error:
        found = problems(error, documents, EdgeValues)
        count = "a problem" if len(found) == 1 else f"{len(found)} problems"
        hint = "every key with its meaning: charts/fogflow-edge-chart/values.yaml"
        raise ConfigError("\n  ".join([f"the settings have {count}:", *found]), hint=hint) from error
    return data


def origin(
    path: KeyPath,
    config_path: Path | None = None,
    values_paths: Sequence[Path] = (),
    sets: Sequence[str] = (),
    external_ips: Sequence[str] = (),
) -> str:
    """Which of the sources has the last word on a key of values.yaml, as FILE:LINE or a flag's name; "" when none has."""
    documents = _gathered(config_path, values_paths, sets, external_ips).documents
    if (source := source_of(path, documents)) is None:
        return ""
    line = source.line_of(source.own(path))
    return f"{source.name}:{line}" if line else source.name


def _gathered(
    config_path: Path | None,
    values_paths: Sequence[Path],
    sets: Sequence[str],
    external_ips: Sequence[str],
    *,
    edge: bool = False,
) -> _Given:
    """Everything that was given; of an edge's values, keys of upstream's chart stay, and are refused."""
    from fogflow_k8s.model.settings.base import merge
    from fogflow_k8s.model.settings.config_upstream import adopt, adopt_values

    documents: list[Document] = []
    data: dict[str, Any] = {}
    notes: list[str] = []
    if config_path:
        document = load(config_path)
        adopted = adopt(document.data)
        documents.append(replace(document, is_config=True, places=adopted.places))
        data = adopted.values
        notes += [_noted(note, document) for note in adopted.notes]
    for path in values_paths:
        document = load(path)
        documents.append(document)
        known, more = (document.data, ()) if edge else adopt_values(document.data)
        data = merge(data, known)
        notes += [_noted(note, document) for note in more]
    data = json.loads(json.dumps(data, default=str))  # our own copy: YAML can make one object stand in two places
    assignments = [each for text in sets for each in parse_set(text)]
    for assignment in assignments:
        assign(data, assignment)
        documents.append(Document("--set", {}, {assignment.path: 0}))
    if external_ips:
        documents.append(_expose(data, external_ips))
    return _Given(data, documents, assignments, notes)


def _noted(note: Note, document: Document) -> str:
    """A note with its file, line and key."""
    return f"{document.where(note.path)}: {note.text}"


def _weak(values: Values, documents: Sequence[Document]) -> list[str]:
    """A warning when the password that the settings give is easy to guess."""
    from fogflow_k8s.model.redaction.secret_values import weakness

    path = ("rabbitmq", "auth", "password")
    source = source_of(path, documents)
    why = weakness(values.rabbitmq.auth.password) if source else ""
    if source is None or not why:
        return []
    return [f"{source.where(source.own(path))}: {why}; leave it out, and deploy makes a random one"]


def _expose(data: dict[str, Any], addresses: Sequence[str]) -> Document:
    """Lay --external-ip upon `data`: the reverse proxy gets the addresses, and FogFlow is reached at the first of them."""
    config = data.setdefault("config", {})
    if isinstance(config, dict):
        core = config.get("coreservice_ip")
        if core and core not in addresses:
            raise ConfigError(
                f"--external-ip {addresses[0]} and coreservice_ip {core} are two addresses for one reverse proxy",
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
