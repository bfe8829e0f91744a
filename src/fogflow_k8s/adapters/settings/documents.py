"""Read settings files (JSON or YAML) and remember the line of every key.

Error messages about a key need its file and line, which parsers do not keep. Every way in which a file can be broken
raises a ConfigError. A config.json holds the `config` section of values.yaml, so its key paths are translated.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fogflow_k8s.errors import ConfigError

if TYPE_CHECKING:
    import yaml

KeyPath = tuple[str | int, ...]
_MAX_BYTES = 1_000_000  # a settings file has some hundred lines; a larger file is not one
_MAX_KEYS = 20_000  # YAML aliases can expand a small file to many keys
_MAX_DEPTH = 50  # values.yaml has fewer than ten levels; a much deeper file would exceed Python's recursion limit
_EXAMPLE = "write an example (config.json and values.yaml): fogflow-k8s render -o DIR"


@dataclass(frozen=True)
class Document:
    """A settings file: its data, and the line of every key."""

    name: str
    data: dict[str, Any]
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    is_config: bool = False  # a config.json: its data is the `config` section of values.yaml
    local_paths: Mapping[KeyPath, KeyPath] = field(
        default_factory=dict
    )  # of a config.json: key path in values.yaml -> key path here

    def line_of(self, path: KeyPath) -> int | None:
        """Return the line of the key at `path` in this file, counted from 1; None when the file does not have it."""
        return self.lines.get(path)

    def local_path(self, path: KeyPath) -> KeyPath:
        """Return the key path in this file for a key path in values.yaml."""
        return self.local_paths.get(path) or (path[1:] if self.is_config else path)

    def defines(self, path: KeyPath) -> bool:
        """Whether this file has the key of values.yaml, or a key below it."""
        if self.is_config and path[:1] != ("config",) and path not in self.local_paths:
            return False
        local_path = self.local_path(path)
        return any(place[: len(local_path)] == local_path for place in self.lines)

    def location(self, local_path: KeyPath) -> str:
        """Return FILE:LINE: KEY for the key at `local_path` of this file; an unknown line and an empty key are left out."""
        line = self.line_of(local_path)
        return ": ".join(
            part for part in (f"{self.name}:{line}" if line else self.name, dotted_path(local_path)) if part
        )


def source_of(path: KeyPath, documents: Sequence[Document]) -> Document | None:
    """Return the document that sets this key of values.yaml; the last one wins."""
    return next((document for document in reversed(documents) if document.defines(path)), None)


def load_document(path: Path) -> Document:
    """Read the JSON (by its suffix) or YAML file at `path`. Raises ConfigError unless it is one mapping without duplicates."""
    text = _read_text(path)
    if not text.strip():
        raise ConfigError(f"{path} is empty", hint=f"leave the option away to use the defaults, or {_EXAMPLE}")
    data, lines = _from_json(path, text) if path.suffix == ".json" else _from_yaml(path, text)
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: a mapping of keys is needed at the top, found {_type_name(data)}", hint=_EXAMPLE)
    return Document(str(path), data, lines)


def _read_text(path: Path) -> str:
    try:
        raw = path.read_bytes() if path.stat().st_size <= _MAX_BYTES else None
    except FileNotFoundError:
        raise ConfigError(
            f"{path} does not exist", hint="check the path; it is relative to the current folder"
        ) from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder", hint="give the path of the file in it") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    if raw is None:
        raise ConfigError(f"{path} is larger than {_MAX_BYTES // 1000} kB: not a settings file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not text in UTF-8 (byte {error.start})", hint="save it as UTF-8") from error


def _type_name(data: Any) -> str:
    names = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(data), "nothing")


# ---- JSON: the standard library parses; a second pass finds the lines ------------------------------------------------


def _from_json(path: Path, text: str) -> tuple[Any, dict[KeyPath, int]]:
    try:
        data = json.loads(text, parse_constant=_reject_constant)
        keys = ((location, text.count("\n", 0, offset) + 1) for location, offset in _JsonWalk(text).keys())  # noqa: SIM118
        return data, _line_numbers(path, keys)
    except json.JSONDecodeError as error:
        cut = " (the file ends too early)" if error.pos >= len(text.rstrip()) else ""
        raise ConfigError(f"{path}:{error.lineno}: not JSON: {error.msg.lower()}{cut}") from error
    except RecursionError as error:
        raise _too_deep(str(path)) from error
    except ValueError as error:
        raise ConfigError(f"{path}: not JSON: {error}") from error


def _reject_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


class _JsonWalk:
    """Finds every key of a valid JSON text, with its path and offset."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._decoder = json.JSONDecoder()

    def keys(self, path: KeyPath = ()) -> Iterator[tuple[KeyPath, int]]:
        """Yield the keys of the value that starts here; move behind it."""
        self._skip(" \t\r\n")
        opening = self.text[self.at]
        if opening == "{":
            yield from self._members(path, "}")
        elif opening == "[":
            yield from self._members(path, "]")
        elif opening == '"':
            self._string()
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]} \t\r\n":
                self.at += 1

    def _members(self, path: KeyPath, closing: str) -> Iterator[tuple[KeyPath, int]]:
        self.at += 1
        index = 0
        while True:
            self._skip(" \t\r\n,")
            if self.text[self.at] == closing:
                self.at += 1
                return
            start, key = self.at, index
            location: KeyPath = (*path, key)
            if closing == "}":
                name = self._string()
                location = (*path, name)
                self._skip(" \t\r\n:")
            yield location, start
            yield from self.keys(location)
            index += 1

    def _string(self) -> str:
        text, self.at = self._decoder.raw_decode(self.text, self.at)
        return str(text)

    def _skip(self, characters: str) -> None:
        while self.at < len(self.text) and self.text[self.at] in characters:
            self.at += 1


# ---- YAML ----------------------------------------------------------------------------------------------------------


def _from_yaml(path: Path, text: str) -> tuple[Any, dict[KeyPath, int]]:
    import yaml

    loader = None
    try:
        loader = _yaml_loader(path)(text)
        node = loader.get_single_node()
        lines = _line_numbers(
            path, _yaml_keys(path, node, ()) if node else ()
        )  # before merge keys are resolved, which may repeat a key
        return loader.construct_document(node) if node else None, lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{line}: not YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    finally:
        if loader:
            loader.dispose()


def _line_numbers(path: Path, keys: Iterable[tuple[KeyPath, int]]) -> dict[KeyPath, int]:
    """Return the line of each key.

    Raises ConfigError for a duplicate key, which readers resolve differently, and for too many keys or levels.
    """
    lines: dict[KeyPath, int] = {}
    for location, line in keys:
        if location in lines:
            raise ConfigError(
                f"{path}:{line}: {dotted_path(location)} is given twice (first in line {lines[location]})"
            )
        if len(location) > _MAX_DEPTH:
            raise _too_deep(f"{path}:{line}")
        if len(lines) >= _MAX_KEYS:
            raise ConfigError(f"{path} has more than {_MAX_KEYS} keys: not a settings file")
        lines[location] = line
    return lines


def _too_deep(location: str) -> ConfigError:
    return ConfigError(
        f"{location}: nested more than {_MAX_DEPTH} levels deep, and at most {_MAX_DEPTH} are allowed", hint=_EXAMPLE
    )


def _yaml_loader(path: Path) -> Any:
    """Return PyYAML's safe loader without dates, as a date in a settings file is text, and with a limit of levels."""
    import yaml

    class Loader(yaml.SafeLoader):
        levels = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.levels > _MAX_DEPTH:  # here, as PyYAML takes seconds for some thousand levels
                raise _too_deep(f"{path}:{self.line + 1}")
            self.levels += 1
            node = super().compose_node(parent, index)
            self.levels -= 1
            return node

        yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own attribute
            first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    return Loader


def _yaml_keys(
    file: Path, node: yaml.Node, path: KeyPath, above: tuple[yaml.Node, ...] = ()
) -> Iterator[tuple[KeyPath, int]]:
    """Yield the keys of a node that is part of the nodes `above`, with their lines. Raises ConfigError."""
    import yaml

    if any(node is each for each in above):
        raise ConfigError(
            f"{file}:{node.start_mark.line + 1}: {dotted_path(path)}: the anchor (&NAME) of this value is used inside the value "
            "itself; an alias (*NAME) may only stand outside of it",
            hint=_EXAMPLE,
        )
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            location: KeyPath = (*path, str(key.value))
            yield location, key.start_mark.line + 1
            yield from _yaml_keys(file, value, location, (*above, node))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*path, index), value.start_mark.line + 1
            yield from _yaml_keys(file, value, (*path, index), (*above, node))


def dotted_path(path: KeyPath) -> str:
    """Return a key path as users write it: a.b[0].c."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
