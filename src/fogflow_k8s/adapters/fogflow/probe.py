"""HTTP requests that an edge site sends to its FogFlow cloud (discovery, broker), each with a time limit.

`edge join` and `edge check` use them to find out whether the site can reach its cloud, and how far apart the clocks are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any


class Unreachable(OSError):
    """The address did not answer, or not like FogFlow; the message gives the reason in a few words."""


@dataclass(frozen=True)
class Response:
    """A successful answer: its JSON (None when the body is not JSON) and the server's time (None without a Date header)."""

    content: Any
    date: datetime | None


def get(url: str, *, timeout_s: float) -> Response:
    """GET `url`. Raises Unreachable."""
    import urllib3

    try:
        got = urllib3.request("GET", url, timeout=urllib3.Timeout(connect=timeout_s, read=timeout_s), retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise Unreachable(_reason(error)) from error
    if got.status >= 300:
        raise Unreachable(f"it answered {got.status}")
    return Response(_parse_json(got.data), _parse_date(got.headers.get("Date", "")))


def _reason(error: Exception) -> str:
    """Return a short reason that is the same on every run; urllib3 words a refused connection as a timeout."""
    import socket

    inner = error.__cause__ or error
    if isinstance(inner, socket.gaierror):
        return "its name does not resolve"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror.lower()
    return "no answer in time" if "timed out" in str(error).lower() else str(inner) or type(inner).__name__


def _parse_json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


def _parse_date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None
