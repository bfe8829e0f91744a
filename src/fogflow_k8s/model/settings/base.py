"""The base of all settings models: they are closed and strict, and merge values as Helm does.

Closed means that a model refuses unknown keys, strict that it does not convert types. The module also has types for single values
(names, addresses, quantities) and the generator of JSON schemas.
"""

from __future__ import annotations

import ast
import inspect
import ipaddress
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import PydanticCustomError

DRAFT_07 = "http://json-schema.org/draft-07/schema#"

Name = Annotated[str, Field(pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$", max_length=253)]
"""The name of a Kubernetes object, or empty."""
Cidr = Annotated[str, Field(pattern=r"^[0-9A-Fa-f.:]+/[0-9]+$")]
"""A range of IP addresses in CIDR notation."""


def local_only(host: str) -> str:
    """The reason why no other machine can reach `host`, in a few words; "" for every other address or name, which may be reachable."""
    if host.lower().rstrip(".") in {"localhost", "localhost.localdomain"}:
        return "a loopback name"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    address = getattr(address, "ipv4_mapped", None) or address
    kinds = {
        "a loopback address": address.is_loopback,
        "a link-local address": address.is_link_local,
        "no address of a machine": address.is_unspecified or address.is_multicast,
    }
    return next((kind for kind, applies in kinds.items() if applies), "")


def reachable(host: str) -> str:
    """Return `host`. Raises PydanticCustomError when no other machine can reach it."""
    if why := local_only(host):
        raise PydanticCustomError(
            "local_only",
            "{host} is {why}, which no other machine can reach: use an address of a node, or one that is routed to a node",
            {"host": host, "why": why},
        )
    return host


def _real_address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise PydanticCustomError("ip_address", "{text} is not an IP address", {"text": repr(text)}) from None
    return reachable(text)


# for plain Helm: it asserts formats with Go's parser of addresses, and its message names the one format that was expected
_IP_FORMAT = {"if": {"pattern": ":"}, "then": {"format": "ipv6"}, "else": {"format": "ipv4"}}
IpAddress = Annotated[
    str, Field(pattern=r"^[0-9A-Fa-f.:]+$", json_schema_extra=_IP_FORMAT), AfterValidator(_real_address)
]
"""An IPv4 or IPv6 address that other machines can reach."""
_QUANTITY = r"^[0-9]+(\.[0-9]+)?([kMGTPE]i?|m)?$"


def _quantity(value: Any) -> str | float:
    fits = re.search(_QUANTITY, value) if isinstance(value, str) else type(value) in {int, float} and value >= 0
    if not fits:
        raise PydanticCustomError("quantity", "must be an amount like 50m, 0.5, 64Mi or 1Gi")
    return value  # type: ignore[no-any-return]


Quantity = Annotated[
    Any,
    AfterValidator(_quantity),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": _QUANTITY}, {"type": "number", "minimum": 0}]}),
]
"""An amount of CPU or memory, as text or a number."""


class Closed(BaseModel):
    """A mapping that accepts only the keys of its fields, and does not convert between numbers and text, like Helm's schema check.

    Only Draft07 turns docstrings into descriptions: pydantic's own way reads the sources at every start, which takes 40 ms.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        defer_build=True,
        serialize_by_alias=True,
    )


class Part(Closed):
    """A section of values.yaml, with keys in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel)


def key_names(model: type[BaseModel]) -> list[str]:
    """The keys of a section as its file spells them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge `over` into `base` as Helm does: mappings are merged, all other values are replaced. The arguments are not changed."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def without_nulls(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` with each null for a list, an empty mapping or a podSecurityContext replaced by the value that it means.

    In Helm a null removes the default: a list is then empty, and a podSecurityContext has no ids. The arguments are not changed.
    """
    found = dict(over)
    for key, value in over.items():
        below = base.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            found[key] = without_nulls(below, value)
        elif value is None and isinstance(below, list):
            found[key] = []
        elif value is None and isinstance(below, Mapping) and (not below or key == "podSecurityContext"):
            found[key] = dict.fromkeys(below)
    return found


def difference(base: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping that `merge` must apply to `base` to get `data`."""
    found: dict[str, Any] = {}
    for key, value in data.items():
        if key not in base:
            found[key] = value
        elif isinstance(value, Mapping) and isinstance(base[key], Mapping):
            if inner := difference(base[key], value):
                found[key] = inner
        elif value != base[key] or isinstance(value, bool) != isinstance(base[key], bool):
            found[key] = value
    return found


def remember(model: BaseModel, given: Mapping[str, Any]) -> None:
    """Set `model_fields_set` of `model`, at every depth, to exactly the keys in `given`, without the merged defaults."""
    names = {field.alias or name: name for name, field in type(model).model_fields.items()}
    object.__setattr__(model, "__pydantic_fields_set__", {names[key] for key in given if key in names})
    for key, value in given.items():
        inner = getattr(model, names[key]) if key in names else None
        if isinstance(inner, BaseModel) and isinstance(value, Mapping):
            remember(inner, value)


class Draft07(GenerateJsonSchema):
    """JSON Schema draft-07, the dialect that both Helm and the YAML language server support."""

    schema_dialect = DRAFT_07

    def generate(self, schema: Any, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        """Pydantic's schema, converted to draft-07."""
        made = super().generate(schema, mode)
        definitions = made.pop("$defs", {})
        whole = {"$schema": DRAFT_07, **made, "definitions": definitions}
        return dict(_draft_07(whole))

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        """A model's schema, with the docstring below each attribute as its description."""
        made = super().model_schema(schema)
        fields = schema["cls"].model_fields
        for name, text in _docstrings(schema["cls"]).items():
            key = fields[name].alias or name
            made["properties"][key] = {"description": text, **made["properties"][key]}
        return made


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The docstring below each attribute that a model or its bases define."""
    found: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if kind is not BaseModel and issubclass(kind, BaseModel):
            for field, text in pairwise(_classes(kind.__module__)[kind.__qualname__].body):
                if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                    found[field.target.id] = inspect.cleandoc(text.value.value)  # type: ignore[union-attr, attr-defined]
    return found


@lru_cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    """The classes of a module, as they stand in its file: read once, as each look of `inspect` at a class reads the whole file."""
    body = ast.parse(inspect.getsource(sys.modules[module])).body
    return {node.name: node for node in body if isinstance(node, ast.ClassDef)}


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The draft-07 JSON schema of `model`, closed at every level."""
    return model.model_json_schema(by_alias=True, schema_generator=Draft07)


def _draft_07(node: Any) -> Any:
    """`node` with references to draft-07's `definitions`; a $ref with sibling keys moves into allOf, because draft-07 ignores the siblings."""
    if isinstance(node, list):
        return [_draft_07(each) for each in node]
    if not isinstance(node, dict):
        return node
    noise = {"title": str, "default": dict}  # the class's name, and defaults that the keys themselves contain
    new = {key: _draft_07(value) for key, value in node.items() if not isinstance(value, noise.get(key, ()))}
    if "$ref" in new:
        reference = {"$ref": new.pop("$ref").replace("#/$defs/", "#/definitions/")}
        return {**new, "allOf": [reference]} if new else reference
    return new
