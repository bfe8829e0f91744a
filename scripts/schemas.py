"""The JSON Schemas of the documents that `-o json` prints, and docs/json.md, from their types in `fogflow_k8s.console.schema`.

A document's schema is named after its `kind`: docs/schema/edge-join.json describes the kind EdgeJoin.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import is_typeddict

from fogflow_k8s.console import schema as package
from fogflow_k8s.model.settings.base import Draft07

EVENT = "Event"  # the one kind that has several forms
HEAD = """# JSON output

Generated from `src/fogflow_k8s/console/schema` by `make generate`; do not edit.

With `-o json`, a command prints one document on stdout. With `-o jsonl`, `deploy`, `rollback`, `edge join` and `status` print one
event per line as it happens; the last line is the event of type `result`, which contains the document that `-o json` prints.
Progress and messages for people go to stderr.

    fogflow-k8s status -o json | jq -r '.causes[0] | .id, .remedy[]'
    fogflow-k8s deploy --values site.yaml -o jsonl | jq -r 'select(.type == "cause") | .cause.summary'

- A document begins with `apiVersion` and `kind`, as an object of Kubernetes does: a program reads `kind` first, because a command
  that fails before it has a result prints the kind `Error`. The exit code of the process is in [cli.md](cli.md#exit-codes).
- Every key is always present; `null` means that there is no value.
- Durations are in seconds and sizes in bytes, with the unit in the name of the key. A point in time is in RFC 3339.
- A key has the same meaning in all documents. `evidence` is what Kubernetes or a program reported, and `remedy` what to do; both are
  lists of lines. A check has a `description` (what it asserts) and a `detail` (what it found). `bundle` is the absolute path of a
  support archive. `causeId` is an id of [errors.md](errors.md), which `fogflow-k8s explain ID` prints.
- `class` of a cause: `permanent`, `transient` or `blocked`; [errors.md](errors.md) says what they mean for a wait.
- Within `{version}`, keys are only added, and none is renamed or removed. The schemas accept no unknown key, so that a test notices
  every change; a program that must accept newer versions ignores the keys that it does not know.

| kind | what it is | schema |
|---|---|---|
"""


def schemas() -> dict[str, dict[str, Any]]:
    """Name of the file -> the schema, of every kind of document."""
    types = {kind: each for each in _types() if (kind := _kind(each)) and kind != EVENT}
    events = import_module(f"{package.__name__}.events")
    for each in _types():
        with_config(ConfigDict(extra="forbid"))(each)
    return {f"{_file(kind)}.json": _schema(kind, each) for kind, each in {**types, EVENT: events.Event}.items()}


def _schema(kind: str, type_: Any) -> dict[str, Any]:
    made = TypeAdapter(type_).json_schema(schema_generator=Draft07)
    by_name = {each.__name__: each for each in _types()}
    for name, definition in made.get("definitions", {}).items():
        _describe(definition, by_name[name])
    if kind != EVENT:
        _describe(made, type_)
    return {"title": f"{kind}, a document of fogflow-k8s", **made}


def _describe(definition: dict[str, Any], type_: type) -> None:
    """Write the docstrings of the keys into a schema; each key has one. Raises KeyError for a key without."""
    described = _docstrings(type_)
    for key, value in definition.get("properties", {}).items():
        if "$ref" in value:  # draft-07 ignores what stands beside a reference
            value["allOf"] = [{"$ref": value.pop("$ref")}]
        if "description" not in value:
            value["description"] = described[key]


def _docstrings(type_: type) -> dict[str, str]:
    """Key -> its docstring, those of the types that it extends included."""
    bases = [base for base in getattr(type_, "__orig_bases__", ()) if is_typeddict(base)]
    inherited = {key: text for base in bases for key, text in _docstrings(base).items()}
    return inherited | _of_module(sys.modules[type_.__module__]).get(type_.__name__, {})


@cache
def _of_module(module: ModuleType) -> dict[str, dict[str, str]]:
    """Class -> attribute -> the docstring below it."""
    classes = [node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.ClassDef)]
    return {each.name: dict(_attributes(each)) for each in classes}


def _attributes(class_: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for node, after in zip(class_.body, class_.body[1:], strict=False):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            text = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else None
            if isinstance(text, str):
                yield node.target.id, " ".join(text.split())


@cache
def _types() -> tuple[type, ...]:
    """Every type of the package, each once."""
    modules = [import_module(f"{package.__name__}.{found.name}") for found in iter_modules(package.__path__)]
    return tuple(
        each
        for module in modules
        for each in vars(module).values()
        if is_typeddict(each) and each.__module__ == module.__name__
    )


def _kind(type_: type) -> str:
    """The kind of document that the type describes; "" for a part of documents."""
    found = get_args(get_type_hints(type_).get("kind"))
    return str(found[0]) if found else ""


def _file(kind: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind).lower()


def page() -> str:
    """The page that says how to read the documents, with a row for every kind."""
    kinds = {kind: str(each.__doc__) for each in _types() if (kind := _kind(each))}
    rows = [_row(kind, text) for kind, text in sorted((kinds | {EVENT: "A line of `-o jsonl`."}).items())]
    return HEAD.replace("{version}", package.API) + "\n".join(rows) + "\n"


def _row(kind: str, text: str) -> str:
    file = f"{_file(kind)}.json"
    return f"| {kind} | {text.removesuffix('.')} | [{file}](schema/{file}) |"
