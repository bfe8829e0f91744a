"""Load the user's settings: merge config.json, values.yaml, --set and --external-ip, and validate the result.

Later sources override earlier ones. All problems of all files are reported in one error, so that a user does not fix
them one at a time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from fogflow_k8s.adapters.settings.documents import Document, KeyPath, load_document, source_of
from fogflow_k8s.adapters.settings.errors import describe_problems
from fogflow_k8s.adapters.settings.set_flag import Assignment, assign, parse_set
from fogflow_k8s.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from fogflow_k8s.model.settings.config_upstream import Note
    from fogflow_k8s.model.settings.values import Values

__all__ = ["Document", "load_document", "load_settings", "parse_set"]

M = TypeVar("M", bound="BaseModel")


class Settings(NamedTuple):
    """Validated values, and one line for each key that was ignored, translated, or has a weak value."""

    values: Values
    notes: tuple[str, ...]


class _MergedSources(NamedTuple):
    """All sources merged; the documents that they came from, in order of precedence; and the notes about them."""

    data: dict[str, Any]
    documents: list[Document]
    assignments: list[Assignment]
    notes: list[str]


def load_settings(
    config_path: Path | None = None,
    values_paths: Sequence[Path] = (),
    sets: Sequence[str] = (),
    external_ips: Sequence[str] = (),
    *,
    force: bool = False,
) -> Settings:
    """Return the values of all sources; later ones win: config.json, values files, --set, --external-ip.

    `force` accepts several shards of the broker, like the value `broker.acceptNotificationLoops`.
    Raises ConfigError with every problem of every file, each with its file, line and key path.
    """
    from pydantic import ValidationError

    from fogflow_k8s.model.settings.values import Values

    data, documents, assignments, notes = _merge_sources(config_path, values_paths, sets, external_ips)
    if force and isinstance(broker := data.get("broker"), dict) and broker.get("shards", 1) != 1:
        broker["acceptNotificationLoops"] = True
    try:
        values = _validated(data, assignments, Values)
    except ValidationError as error:
        found = describe_problems(error, documents)
        count = "a problem" if len(found) == 1 else f"{len(found)} problems"
        hint = "every key with its meaning: fogflow-k8s config explain KEY"
        raise ConfigError("\n  ".join([f"the settings have {count}:", *found]), hint=hint) from error
    return Settings(values, (*notes, *_weak_password_notes(values, documents)))


def load_edge_settings(values_paths: Sequence[Path], sets: Sequence[str], base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the user's values for the edge chart; merged into `base` they must be valid. Raises ConfigError."""
    from pydantic import ValidationError

    from fogflow_k8s.model.settings.base import merge
    from fogflow_k8s.model.settings.edge import EdgeValues

    data, documents, assignments, _ = _merge_sources(None, values_paths, sets, (), edge=True)
    try:
        _validated(merge(base, data), assignments, EdgeValues)
    except ValidationError as error:
        found = describe_problems(error, documents, EdgeValues)
        count = "a problem" if len(found) == 1 else f"{len(found)} problems"
        hint = "every key with its meaning: charts/fogflow-edge-chart/values.yaml"
        raise ConfigError("\n  ".join([f"the settings have {count}:", *found]), hint=hint) from error
    return data


def origin_of(
    path: KeyPath,
    config_path: Path | None = None,
    values_paths: Sequence[Path] = (),
    sets: Sequence[str] = (),
    external_ips: Sequence[str] = (),
) -> str:
    """Return which source sets a key of values.yaml, as FILE:LINE or a flag's name; "" when no source does."""
    documents = _merge_sources(config_path, values_paths, sets, external_ips).documents
    if (source := source_of(path, documents)) is None:
        return ""
    line = source.line_of(source.local_path(path))
    return f"{source.name}:{line}" if line else source.name


def _merge_sources(
    config_path: Path | None,
    values_paths: Sequence[Path],
    sets: Sequence[str],
    external_ips: Sequence[str],
    *,
    edge: bool = False,
) -> _MergedSources:
    """Merge all sources. For an edge, keys of upstream's chart are kept here and refused by the validation."""
    from fogflow_k8s.model.settings.base import merge
    from fogflow_k8s.model.settings.config_upstream import adopt, adopt_values
    from fogflow_k8s.model.settings.former_names import adopt_former_names

    documents: list[Document] = []
    data: dict[str, Any] = {}
    notes: list[str] = []
    if config_path:
        document = load_document(config_path)
        _require_kind(document, "config.json", "--values")
        adopted = adopt(document.data)
        documents.append(replace(document, is_config=True, local_paths=adopted.places))
        data = adopted.values
        notes += [_format_note(note, document) for note in adopted.notes]
    for path in values_paths:
        document = load_document(path)
        if not edge:
            _require_kind(document, "values.yaml", "--config")
        documents.append(document)
        known, more = (document.data, ()) if edge else adopt_values(document.data)
        data = merge(data, known)
        notes += [_format_note(note, document) for note in more]
    data = json.loads(json.dumps(data, default=str))  # a copy, because YAML aliases can put one object in two places
    assignments = [each for text in sets for each in parse_set(text)]
    for assignment in assignments:
        assign(data, assignment)
        documents.append(Document("--set", {}, {assignment.path: 0}))
    notes += adopt_former_names(data)
    if external_ips:
        documents.append(_apply_external_ips(data, external_ips))
    return _MergedSources(data, documents, assignments, notes)


def _require_kind(document: Document, kind: str, other_flag: str) -> None:
    """Raises ConfigError for a file that was given with the flag of the other kind."""
    from fogflow_k8s.model.settings.file_kind import kind_of

    found = kind_of(document.data)
    if found and found != kind:
        raise ConfigError(
            f"{document.name} is a {found}, not a {kind}, by its keys", hint=f"{other_flag} {document.name}"
        )


def _format_note(note: Note, document: Document) -> str:
    """Return a note with its file, line and key."""
    return f"{document.location(note.path)}: {note.text}"


def _weak_password_notes(values: Values, documents: Sequence[Document]) -> list[str]:
    """Return a warning when the password in the settings is easy to guess."""
    from fogflow_k8s.model.redaction.secret_values import weakness

    path = ("rabbitmq", "auth", "password")
    source = source_of(path, documents)
    why = weakness(values.rabbitmq.auth.password) if source else ""
    if source is None or not why:
        return []
    return [f"{source.location(source.local_path(path))}: {why}; leave it out, and deploy creates a random one"]


def _apply_external_ips(data: dict[str, Any], addresses: Sequence[str]) -> Document:
    """Set in `data` what --external-ip means; the flag as a source of these keys. Raises ConfigError."""
    from fogflow_k8s.model.settings.external_address import AddressConflict, set_external_ips

    try:
        paths = set_external_ips(data, addresses)
    except AddressConflict as error:
        hint = "leave coreservice_ip out of config.json, or use the same address for --external-ip"
        raise ConfigError(f"--external-ip {error}", hint=hint) from error
    return Document("--external-ip", {}, dict.fromkeys(paths, 0))


def _validated(data: dict[str, Any], assignments: Sequence[Assignment], model: type[M]) -> M:
    """Validate `data`. Where a key needs it, a number from --set becomes text, and a text from --set a number with fraction."""
    from pydantic import ValidationError

    try:
        return model.model_validate(data)
    except ValidationError as error:
        by_path = {each.path: each for each in assignments}
        retry = False
        for each in error.errors(include_url=False):
            assignment = by_path.get(each["loc"])
            if assignment and (better := _converted(each["type"], assignment.raw)) is not None:
                assign(data, Assignment(assignment.path, better, assignment.raw))
                retry = True
        if not retry:
            raise
        return model.model_validate(data)


def _converted(kind: str, raw: str) -> str | float | None:
    if kind == "string_type":
        return raw
    if kind == "float_type":
        try:
            return float(raw)
        except ValueError:
            return None
    return None
