"""A client for HTTP with JSON, made of the standard library: it keeps one connection to each server, and every call has a timeout."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 3.0
ERRORS = (OSError, http.client.HTTPException, ValueError)
"""What a call raises when the server is down, slow or sends something unreadable."""


class Refused(OSError):
    """An answer with a status that is not a success."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text}")
        self.status = status


class Server:
    """One HTTP server."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S, tls: ssl.SSLContext | None = None) -> None:
        self.url, self._parts = url, urlsplit(url)
        self._timeout_s, self._tls = timeout_s, tls
        self._connection: http.client.HTTPConnection | None = None

    def call(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
        """The answer's JSON, or its text when it is not JSON. Raises ERRORS."""
        data = None if body is None else json.dumps(body).encode()
        sent = {"Accept": "*/*", "Content-Type": "application/json", **(headers or {})}
        for may_retry in (True, False):
            fresh = self._connection is None
            connection = self._connection = self._connection or self._connect()
            try:
                connection.request(method, path, data, sent)
                answer = connection.getresponse()
                content = answer.read()
            except ERRORS as error:
                self.close()
                # the server may have closed a kept connection meanwhile, so one retry; a timeout has another reason
                if fresh or not may_retry or isinstance(error, TimeoutError):
                    raise
                continue
            if answer.status >= http.client.MULTIPLE_CHOICES:
                raise Refused(answer.status, content[:200].decode(errors="replace"))
            return _parsed(content)
        raise AssertionError  # the second attempt returns or raises

    def close(self) -> None:
        """Close the connection; the next call opens another one."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(host, port or 443, timeout=self._timeout_s, context=self._tls)
        return http.client.HTTPConnection(host, port or 80, timeout=self._timeout_s)


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return content.decode(errors="replace")
