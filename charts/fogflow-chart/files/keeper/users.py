"""RabbitMQ's users: one for FogFlow, and one with few permissions for each edge.

RabbitMQ loads them as definitions when it starts; its init container writes the file. Each edge's definitions come from a Secret.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_OF_EDGES = ("users", "permissions", "topic_permissions", "exchanges", "queues", "bindings")


def definitions(username: str, password: str, salt: bytes, edges: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """RabbitMQ's definitions with FogFlow's user on the vhost /, whose password is a salted SHA-256 in RabbitMQ's format.

    `edges` are the definitions of the edges' users and permissions.
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
                "tags": [],  # not an administrator: FogFlow uses AMQP only
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
    """The definitions of all edges in the mounted Secret; an empty list without a Secret. Raises OSError, ValueError."""
    files = sorted(folder.glob("*.json")) if folder else []
    return [json.loads(file.read_text(encoding="utf-8"))["definitions"] for file in files]


def _distinct(objects: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without duplicates: each edge has the exchange that all of them share."""
    return list({json.dumps(one, sort_keys=True): one for one in objects}.values())
