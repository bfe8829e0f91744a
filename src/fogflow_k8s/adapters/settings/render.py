"""Models to the two files that people keep: config.json and values.yaml, through the Jinja templates.

Each result is read back and compared with what went in, so a slip in a template cannot ship.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fogflow_k8s.adapters.assets import asset
from fogflow_k8s.errors import FogflowError

if TYPE_CHECKING:
    from fogflow_k8s.model.settings.config import FogflowConfig
    from fogflow_k8s.model.settings.values import Values

SCHEMA = "values.schema.json"  # beside the file: the same bytes on every machine
# Keys that no reader of YAML 1.1 or 1.2 takes for something else; `y` and `on` would become true, `1e3` a number.
_BARE_KEY = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{2,}$")
_TAKEN = {"yes", "true", "false", "null", "off", "nan", "inf"}


def render_config(config: FogflowConfig) -> str:
    """config.json, complete. The same config gives the same bytes."""
    data = config.model_dump(mode="json", by_alias=True)
    return _checked("config.json.j2", {"config": data}, data, json.loads)


def render_values(values: Values, schema: str = SCHEMA) -> str:
    """values.yaml with everything that was set, and for editors the place of its schema in the first line."""
    data = values.given()
    return _checked("values.yaml.j2", {"values": data, "schema": schema}, data, _read_yaml)


def as_yaml(value: Any, depth: int = 0) -> str:
    """`value` as it stands behind a key: flow for the empty, block below for the rest; text always in double quotes.

    JSON's escapes are YAML's; text in quotes has one type for every reader.
    """
    pad = "\n" + "  " * depth
    if isinstance(value, Mapping) and value:
        return "".join(f"{pad}{yaml_key(key)}:{as_yaml(each, depth + 1)}" for key, each in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{pad}-{_item(each, depth)}" for each in value)
    return f" {_scalar(value)}"


def yaml_key(key: str) -> str:
    """A key that every reader takes for this text."""
    return key if _BARE_KEY.match(key) and key.lower() not in _TAKEN else _quoted(key)


def _item(value: Any, depth: int) -> str:
    if isinstance(value, Mapping | list) and value:  # JSON is YAML: in lists compactness reads better than depth
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
    # 1e-07 is text for a reader of YAML 1.1: it wants a dot
    return re.sub(r"^(-?[0-9]+)(e)", r"\1.0\2", text) if isinstance(value, float) else text


def _quoted(text: str) -> str:
    """JSON's string, readable for people: only what YAML cannot print is escaped."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(each if _printable(each) else _escaped(each) for each in quoted)


def _printable(character: str) -> bool:
    """Whether YAML 1.1 lets it stand as it is (line separators and the byte order mark may not)."""
    point = ord(character)
    if point < 0xA0:
        return 0x20 <= point < 0x7F
    return not 0xD800 <= point < 0xE000 and point not in {0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF}


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}"


def _json(value: Any, depth: int = 0) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False).replace("\n", "\n" + "  " * depth)


def _checked(template: str, context: Mapping[str, Any], data: Any, read: Callable[[str], Any]) -> str:
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
            f"templates/{template} does not say what it was given", hint="this is a bug: please report it"
        )
    return text


def _read_yaml(text: str) -> Any:
    import yaml

    return yaml.safe_load(text) or {}
