"""Settings files as data that knows its lines: JSON and YAML, every way of being broken told as a ConfigError."""

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
_LARGEST_BYTES = 1_000_000  # a settings file has some hundred lines; what is larger is something else
_MOST_KEYS = 20_000  # YAML's aliases can make more of a small file


@dataclass(frozen=True)
class Document:
    """A settings file: its data, and the line of every key."""

    name: str
    data: dict[str, Any]
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    is_config: bool = False  # a config.json: its data is the `config` section of values.yaml
    places: Mapping[KeyPath, KeyPath] = field(default_factory=dict)  # of a config.json: place in values.yaml -> here

    def line_of(self, path: KeyPath) -> int | None:
        """Line of the key at `path` in this file, counted from 1; None when it is not here."""
        return self.lines.get(path)

    def own(self, path: KeyPath) -> KeyPath:
        """The place in values.yaml `path` in this file's own terms."""
        return self.places.get(path) or (path[1:] if self.is_config else path)

    def has(self, path: KeyPath) -> bool:
        """Whether the place in values.yaml `path`, or something below it, was written here."""
        if self.is_config and path[:1] != ("config",) and path not in self.places:
            return False
        own = self.own(path)
        return any(place[: len(own)] == own for place in self.lines)

    def where(self, own: KeyPath) -> str:
        """FILE:LINE: KEY of the key that stands at `own` in this file; without what is not known or empty."""
        line = self.line_of(own)
        return ": ".join(part for part in (f"{self.name}:{line}" if line else self.name, dotted(own)) if part)


def source_of(path: KeyPath, documents: Sequence[Document]) -> Document | None:
    """Which of the documents, the last word last, gave the place in values.yaml `path`."""
    return next((document for document in reversed(documents) if document.has(path)), None)


def load(path: Path) -> Document:
    """The JSON (by its name) or YAML file at `path`. Raises ConfigError when it is not a whole, unambiguous mapping."""
    text = _text(path)
    if not text.strip():
        raise ConfigError(
            f"{path} is empty", hint="an example to start from: fogflow-k8s render -o DIR writes both files"
        )
    data, lines = _from_json(path, text) if path.suffix == ".json" else _from_yaml(path, text)
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: a mapping of keys is needed at the top, found {_kind(data)}")
    return Document(str(path), data, lines)


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes() if path.stat().st_size <= _LARGEST_BYTES else None
    except FileNotFoundError:
        raise ConfigError(
            f"{path} does not exist", hint="check the path; it is relative to the current folder"
        ) from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder", hint="name the file in it") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    if raw is None:
        raise ConfigError(f"{path} is larger than {_LARGEST_BYTES // 1000} kB: not a settings file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not text in UTF-8 (byte {error.start})", hint="save it as UTF-8") from error


def _kind(data: Any) -> str:
    names = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(data), "nothing")


# ---- JSON: the standard library parses, a second small walk finds the lines ----------------------------------------


def _from_json(path: Path, text: str) -> tuple[Any, dict[KeyPath, int]]:
    try:
        data = json.loads(text, parse_constant=_no_constant)
        keys = ((where, text.count("\n", 0, offset) + 1) for where, offset in _JsonWalk(text).keys())  # noqa: SIM118
        return data, _lines(path, keys)
    except json.JSONDecodeError as error:
        cut = " (the file ends too early)" if error.pos >= len(text.rstrip()) else ""
        raise ConfigError(f"{path}:{error.lineno}: not JSON: {error.msg.lower()}{cut}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not JSON: {error}") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


class _JsonWalk:
    """Every key of a JSON text that is known to be valid, with its path and offset."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._decoder = json.JSONDecoder()

    def keys(self, path: KeyPath = ()) -> Iterator[tuple[KeyPath, int]]:
        """The keys of the value that starts here; afterwards we stand behind it."""
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
            where: KeyPath = (*path, key)
            if closing == "}":
                name = self._string()
                where = (*path, name)
                self._skip(" \t\r\n:")
            yield where, start
            yield from self.keys(where)
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
        loader = _yaml_loader()(text)
        node = loader.get_single_node()
        lines = _lines(
            path, _yaml_keys(node, ()) if node else ()
        )  # before merge keys are resolved: those may repeat a key
        return loader.construct_document(node) if node else None, lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{line}: not YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    finally:
        if loader:
            loader.dispose()


def _lines(path: Path, keys: Iterable[tuple[KeyPath, int]]) -> dict[KeyPath, int]:
    """Line of each key. Raises ConfigError for a key given twice: every reader would take another one."""
    lines: dict[KeyPath, int] = {}
    for where, line in keys:
        if where in lines:
            raise ConfigError(f"{path}:{line}: {dotted(where)} is given twice (first in line {lines[where]})")
        if len(lines) >= _MOST_KEYS:
            raise ConfigError(f"{path} has more than {_MOST_KEYS} keys: not a settings file")
        lines[where] = line
    return lines


def _yaml_loader() -> Any:
    """PyYAML's safe loader without dates: a date in a settings file is text."""
    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own attribute
            first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    return Loader


def _yaml_keys(node: yaml.Node, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
    import yaml

    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            where: KeyPath = (*path, str(key.value))
            yield where, key.start_mark.line + 1
            yield from _yaml_keys(value, where)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*path, index), value.start_mark.line + 1
            yield from _yaml_keys(value, (*path, index))


def dotted(path: KeyPath) -> str:
    """A key path as people write it: a.b[0].c."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
