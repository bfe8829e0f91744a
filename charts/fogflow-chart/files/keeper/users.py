"""Who may log in to RabbitMQ: FogFlow itself, and every edge with a user of its own that may do little."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_OF_EDGES = ("users", "permissions", "topic_permissions", "exchanges", "queues", "bindings")


def definitions(username: str, password: str, salt: bytes, edges: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """RabbitMQ's definitions with one user on the vhost /; its password as a salted SHA-256, RabbitMQ's own format.

    `edges` are the users of edges with what each may do: definitions, too.
    """
    more = {key: _distinct([one for edge in edges for one in edge.get(key, ())]) for key in _OF_EDGES}
    digest = base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
    return {
        "vhosts": [{"name": "/"}],
        "users": [
            {
                "name": username,
                "password_hash": digest,
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": [],  # no administrator: FogFlow only speaks AMQP
            },
            *more["users"],
        ],
        "permissions": [
            {"user": username, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"},
            *more["permissions"],
        ],
        **{key: more[key] for key in _OF_EDGES[2:] if more[key]},
    }


def of_edges(folder: Path | None) -> list[dict[str, Any]]:
    """The definitions of all edges, out of the mounted Secret; of none, when nobody made it. Raises OSError, ValueError."""
    files = sorted(folder.glob("*.json")) if folder else []
    return [json.loads(file.read_text(encoding="utf-8"))["definitions"] for file in files]


def _distinct(objects: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each edge names the exchange that all of them use."""
    return list({json.dumps(one, sort_keys=True): one for one in objects}.values())
