"""Known secrets: the values in Secrets and password variables, in every encoding in which they can appear.

The redactor masks them wherever they occur. `weakness` warns about passwords that are easy to guess.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

from fogflow_k8s.model.components import NAMES
from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.manifests import pod_spec
from fogflow_k8s.model.redaction.redactor import names_secret

SHORTEST = 6  # characters; shorter values like "true" and "80" are too frequent to be masked
_LONG_ENOUGH = 16  # characters of a password; a shorter one may be in a dictionary
_PUBLIC = frozenset(
    {"admin", "changeme", "default", "fogflow", "guest", "mypass", "mypassword", "passw0rd", "password", "postgres"}
    | {"qwerty", "rabbit", "rabbitmq", "root", "secret", "test", "123456", "12345678", "123456789"}
)
"""Passwords of examples and common guesses; FogFlow's examples use mypass."""
_LINE = 12  # characters of a line of a file in a Secret (htpasswd, a key) that is masked on its own


def forms_of(objects: Iterable[Obj], public: Iterable[str] = ()) -> frozenset[str]:
    """Every encoding of every secret in the objects: data of Secrets, and variables named like a password.

    `public` are words that are not masked even if a Secret contains them: the release's name, the namespace.
    """
    open_ = {*NAMES, "fogflow", *public}
    known = {v for obj in objects for v in _values(obj) if len(v) >= SHORTEST and v not in open_}
    return frozenset(form for value in known for form in _forms(value))


def weakness(password: str) -> str:
    """Why a password is easy to guess, in a few words; "" when it is not."""
    if not password:
        return ""
    if password.lower() in _PUBLIC:
        return "the password is a well-known default, which anyone who reaches RabbitMQ can guess"
    if len(password) < SHORTEST:
        return f"the password is shorter than {SHORTEST} characters: easy to guess, and not masked in logs"
    if len(password) < _LONG_ENOUGH or len(set(password)) < SHORTEST:
        return f"the password is easy to guess: use {_LONG_ENOUGH} characters or more, of many kinds"
    return ""


def _values(obj: Obj) -> Iterator[str]:
    if obj.get("kind") == "Secret":
        for value in (obj.get("data") or {}).values():
            yield from _parts(_decoded(str(value)))
        for value in (obj.get("stringData") or {}).values():
            yield from _parts(str(value))
        return
    spec = pod_spec(obj)
    for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
        for variable in container.get("env") or []:
            if names_secret(str(variable.get("name"))) and variable.get("value"):
                yield from _parts(str(variable["value"]))


def _parts(value: str) -> Iterator[str]:
    """The value itself, and the secrets inside it when it is a file: lines, hashes, passwords in JSON."""
    yield value.strip()
    try:
        document = json.loads(value)
    except ValueError:
        document = None
    if isinstance(document, dict | list):
        yield from _leaves(document)
        return
    lines = [line.strip() for line in value.splitlines()]
    for line in lines if len(lines) > 1 or ":" in value else ():
        if line.startswith("-----"):
            continue
        user, colon, rest = line.partition(":")
        if colon and " " not in user:  # user:hash, key: value
            yield rest.strip().strip("\"'")
        if len(line) >= _LINE and " " not in line:
            yield line


def _leaves(node: Any, key: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _leaves(value, str(name))
    elif isinstance(node, list):
        for value in node:
            yield from _leaves(value, key)
    elif isinstance(node, str) and node and (names_secret(key) or key == "auth"):
        yield node
        if key == "auth":  # of a docker config: base64 of user:password
            yield _decoded(node).partition(":")[2]


def _forms(value: str) -> Iterator[str]:
    """The value itself and its encodings in URLs, in JSON and in base64 (alone or inside a longer text)."""
    yield value
    yield from {quote(value, safe=""), quote(value), quote_plus(value)}
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    data = value.encode()
    for before in range(3):  # three bytes become four characters, so the encoding depends on the position
        coded = base64.b64encode(b"\0" * before + data).decode()
        core = coded.rstrip("=")
        core = (core[:-1] if core != coded else core)[(0, 2, 3)[before] :]
        if len(core) >= SHORTEST:
            yield from {core, core.translate(str.maketrans("+/", "-_"))}


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):  # not base64, or not text: it is masked unchanged
        return text
