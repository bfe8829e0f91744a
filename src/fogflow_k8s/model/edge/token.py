"""The edge token: one line with everything that an edge needs to join its cloud.

It consists of `fke1.` (a version), the content as base64url of compact JSON, and a checksum over both: 16 hexadecimal digits of
SHA-256. The checksum detects a changed, lost or added character before anything is contacted. It does not prove the origin: the
cloud is protected by the password in the token, which RabbitMQ checks.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from fogflow_k8s.model.urls import in_url

PREFIX = "fke"
VERSION = "1"
_DIGITS = 16
_KEPT = "fogflow-k8s.keep"
_EXCHANGE: dict[str, list[dict[str, Any]]] = {
    "exchanges": [
        {
            "name": "fogflow",
            "vhost": "/",
            "type": "topic",
            "durable": True,
            "auto_delete": True,
            "internal": False,
            "arguments": {},
        }
    ],
    "queues": [{"name": _KEPT, "vhost": "/", "durable": True, "auto_delete": False, "arguments": {"x-max-length": 1}}],
    "bindings": [
        {
            "source": "fogflow",
            "vhost": "/",
            "destination": _KEPT,
            "destination_type": "queue",
            "routing_key": _KEPT,
            "arguments": {},
        }
    ],
}
"""RabbitMQ 4.3 deletes topic permissions together with their exchange, and 4.3.6 does not start from definitions with topic
permissions and no exchange. FogFlow's programs declare the exchange as auto-delete, so the definitions contain it, and a queue
that receives no message keeps it."""
_SITE = re.compile(r"[A-Za-z0-9]{1,32}")


class BadToken(ValueError):
    """A text that is not a token; `kind` is truncated, mistyped or version."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Endpoint:
    """Host and port at which edges reach a program of the cloud."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{in_url(self.host)}:{self.port}"


@dataclass(frozen=True)
class Token:
    """The content of a token. Times are seconds since 1970, by the cloud's clock."""

    id: str
    site: str
    rabbitmq: Endpoint
    discovery: Endpoint
    broker: Endpoint
    broker_name: str
    """Name of the cloud's broker at discovery."""
    user: str
    password: str = field(repr=False)
    issued: int = 0
    expires: int = 0
    cloud_site: str = ""
    """Site id of the cloud, which is part of the name of its master's queue."""


def encode(token: Token) -> str:
    """The token as one line."""
    content = json.dumps(asdict(token), separators=(",", ":"), sort_keys=True).encode()
    head = f"{PREFIX}{VERSION}.{base64.urlsafe_b64encode(content).decode().rstrip('=')}"
    return f"{head}.{_checksum(head)}"


def decode(text: str) -> Token:
    """The token in a text; spaces and line breaks, which terminals insert, are ignored. Raises BadToken."""
    line = "".join(text.split())
    head, _, checksum = line.rpartition(".")
    prefix, _, content = head.partition(".")
    if not re.fullmatch(rf"{PREFIX}\d+", line.partition(".")[0]):
        raise BadToken("mistyped", f"it does not begin with {PREFIX}{VERSION}.")
    if not content or len(checksum) < _DIGITS:
        raise BadToken("truncated", "its end is missing")
    if checksum != _checksum(head):
        raise BadToken("mistyped", "its checksum does not match")
    if prefix != f"{PREFIX}{VERSION}":
        raise BadToken("version", f"it is of version {prefix.removeprefix(PREFIX)}, and this program knows {VERSION}")
    try:
        return _token(json.loads(base64.urlsafe_b64decode(content + "=" * (-len(content) % 4))))
    except (ValueError, KeyError, TypeError) as error:  # not created by this program
        raise BadToken("mistyped", f"its content is not that of an edge token: {type(error).__name__}") from error


def user_of(site: str) -> str:
    """The RabbitMQ user of an edge."""
    return f"edge-{site}"


def queues_of(site: str) -> tuple[str, str]:
    """The queues that an edge's worker may use: of the upstream worker, and of the native worker."""
    return f"Worker.{site}", f"fogflow-k8s.Worker.{site}"


def mark_of(site: str, token_id: str) -> str:
    """The name of a queue without messages; its existence means that the token was used."""
    return f"fogflow-k8s.edge.{site}.{token_id}"


def definitions(site: str, password: str, salt: bytes) -> dict[str, Any]:
    """RabbitMQ's definitions of an edge's user: the password as a salted hash, and permissions for this edge's queues only.

    What RabbitMQ checks: https://www.rabbitmq.com/docs/access-control#authorisation. Publishing and binding on the exchange
    `fogflow` is limited further by routing key: reports to the master, and messages to this edge's worker. The permission for
    the default exchange is for dead letters of the native worker's queue; RabbitMQ requires it of the user who declares the queue.
    """
    user, own = user_of(site), rf"(fogflow-k8s\.)?Worker\.{site}(\.[0-9]+)?"
    mine = rf"{own}|fogflow-k8s\.edge\.{site}\.[0-9a-f]+"
    digest = base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
    rights = {
        "configure": rf"^(fogflow|fogflow-k8s\.dead|{mine})$",
        "write": rf"^(fogflow|fogflow-k8s\.dead|amq\.default|{mine})$",
        "read": rf"^(fogflow|{mine})$",
    }
    topic = {"exchange": "fogflow", "write": r"^(heartbeat|task)\.", "read": rf"^Worker\.{site}(\.[0-9]+)?\.\*$"}
    hashed = {"password_hash": digest, "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": []}
    return {
        "users": [{"name": user, **hashed}],
        "permissions": [{"user": user, "vhost": "/", **rights}],
        "topic_permissions": [{"user": user, "vhost": "/", **topic}],
        **_EXCHANGE,
    }


def checked_site(site: str, cloud_site: str) -> str:
    """Return the site id. Raises ValueError when it is invalid or that of the cloud."""
    if not _SITE.fullmatch(site):
        raise ValueError(f"{site!r} is not a site id: 1 to 32 letters and digits")
    if site == cloud_site:
        raise ValueError(f"{site} is the cloud's own site id: an edge needs another one")
    return site


def _checksum(head: str) -> str:
    return hashlib.sha256(head.encode()).hexdigest()[:_DIGITS]


def _token(data: dict[str, Any]) -> Token:
    if not _SITE.fullmatch(str(data["site"])):
        raise ValueError("site")
    return Token(
        id=str(data["id"]),
        site=str(data["site"]),
        rabbitmq=_endpoint(data["rabbitmq"]),
        discovery=_endpoint(data["discovery"]),
        broker=_endpoint(data["broker"]),
        broker_name=str(data["broker_name"]),
        user=str(data["user"]),
        password=str(data["password"]),
        issued=int(data["issued"]),
        expires=int(data["expires"]),
        cloud_site=str(data["cloud_site"]),
    )


def _endpoint(data: dict[str, Any]) -> Endpoint:
    return Endpoint(str(data["host"]), int(data["port"]))
