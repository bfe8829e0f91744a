"""A FogFlow cloud as an edge meets it: its discovery and broker over HTTP, each call bounded in time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any


class Unreachable(OSError):
    """Nobody answers there, or not as FogFlow does; the message says why in a few words."""


@dataclass(frozen=True)
class Answer:
    """A successful answer: its JSON (None when it is none), and when by the server's clock (None when it does not say)."""

    content: Any
    date: datetime | None


def get(url: str, *, timeout_s: float) -> Answer:
    """GET `url`. Raises Unreachable."""
    import urllib3

    try:
        got = urllib3.request("GET", url, timeout=urllib3.Timeout(connect=timeout_s, read=timeout_s), retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise Unreachable(_reason(error)) from error
    if got.status >= 300:
        raise Unreachable(f"it answers {got.status}")
    return Answer(_parsed(got.data), _date(got.headers.get("Date", "")))


def _reason(error: Exception) -> str:
    """A few and steady words; urllib3 calls a refused connection a timeout."""
    import socket

    inner = error.__cause__ or error
    if isinstance(inner, socket.gaierror):
        return "its name does not resolve"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror.lower()
    return "no answer in time" if "timed out" in str(error).lower() else str(inner) or type(inner).__name__


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None
