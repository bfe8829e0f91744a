"""Render settings models as the two files that users keep, config.json and values.yaml, with Jinja templates.

Each result is parsed again and compared with the model, so that a mistake in a template is found before it is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fogflow_k8s.adapters.assets import asset
from fogflow_k8s.errors import FogflowError
from fogflow_k8s.model import manifests

if TYPE_CHECKING:
    from fogflow_k8s.model.settings.config import FogflowConfig
    from fogflow_k8s.model.settings.values import Values

SCHEMA = "values.schema.json"  # a relative path, so that the file is the same on every machine
# Keys that every reader of YAML 1.1 or 1.2 takes as text; `y` and `on` would become true, `1e3` a number.
_BARE_KEY = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{2,}$")
_RESERVED_WORDS = {"yes", "true", "false", "null", "off", "nan", "inf"}


def render_config(config: FogflowConfig) -> str:
    """Return a complete config.json. The same config gives the same bytes."""
    data = config.model_dump(mode="json", by_alias=True)
    return _render_template("config.json.j2", {"config": data}, data, json.loads)


def render_values(values: Values, schema: str = SCHEMA) -> str:
    """Return values.yaml with all settings, and in its first line the path of its schema, for editors."""
    data = values.given()
    return _render_template("values.yaml.j2", {"values": data, "schema": schema}, data, _read_yaml)


def as_yaml(value: Any, depth: int = 0) -> str:
    """Return `value` as YAML behind a key: empty collections in flow style, others as a block, text in double quotes.

    JSON's escapes are valid in YAML, and quoted text has the same type for every reader.
    """
    pad = "\n" + "  " * depth
    if isinstance(value, Mapping) and value:
        return "".join(f"{pad}{yaml_key(key)}:{as_yaml(each, depth + 1)}" for key, each in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{pad}-{_item(each, depth)}" for each in value)
    return f" {_scalar(value)}"


def yaml_key(key: str) -> str:
    """Return the key in a form that every reader takes as text."""
    return key if _BARE_KEY.match(key) and key.lower() not in _RESERVED_WORDS else _quoted(key)


def _item(value: Any, depth: int) -> str:
    if isinstance(value, Mapping | list) and value:  # JSON is YAML, and a compact form is easier to read in a list
        return f" {_flow(value)}"
    return as_yaml(value, depth + 1)


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_quoted(key)}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    text = json.dumps(value, allow_nan=False)
    # a YAML 1.1 reader takes 1e-07 as text: it needs a dot
    return re.sub(r"^(-?[0-9]+)(e)", r"\1.0\2", text) if isinstance(value, float) else text


def _quoted(text: str) -> str:
    """Return a JSON string that keeps readable characters: only those that YAML cannot print are escaped."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(each if _printable(each) else _escaped(each) for each in quoted)


def _printable(character: str) -> bool:
    """Whether YAML 1.1 allows the character unescaped (line separators and the byte order mark are not)."""
    point = ord(character)
    if point < 0xA0:
        return 0x20 <= point < 0x7F
    return not 0xD800 <= point < 0xE000 and point not in {0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF}


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}"


def _json(value: Any, depth: int = 0) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False).replace("\n", "\n" + "  " * depth)


def _render_template(template: str, context: Mapping[str, Any], data: Any, read: Callable[[str], Any]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

    environment = Environment(  # noqa: S701 - JSON and YAML, quoted by our filters; HTML escapes would be wrong
        loader=FileSystemLoader(asset("templates")), undefined=StrictUndefined, keep_trailing_newline=True
    )
    environment.filters |= {"json": _json, "yaml": as_yaml, "yaml_key": yaml_key}
    try:
        text = environment.get_template(template).render(context)
    except TemplateError as error:
        raise FogflowError(f"templates/{template} is broken: {error}") from error
    if read(text) != data:
        raise FogflowError(
            f"templates/{template} rendered a file that differs from its input", hint="this is a bug: please report it"
        )
    return text


def _read_yaml(text: str) -> Any:
    import yaml

    return yaml.load(text, Loader=manifests.safe_loader()) or {}  # noqa: S506 - safe
