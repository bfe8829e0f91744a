"""Send single requests to an API server: with a timeout, with retries where these are safe, with typed errors.

`ApiHttp` holds the connection pool and the credentials of one context. It also remembers the server's clock from the
Date header, because durations that objects report must be compared with the server's time, not this machine's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from fogflow_k8s.adapters.kubernetes.errors import connection_error, error_for_response
from fogflow_k8s.adapters.kubernetes.kubeconfig import KubeContext
from fogflow_k8s.adapters.kubernetes.login import Login
from fogflow_k8s.adapters.kubernetes.proxies import connection_pool, proxy_of

_MAX_ATTEMPTS = 4
_TRANSIENT = (429, 500, 502, 503, 504)
_MAX_WAIT_S = 5.0
CONNECT_S = 5.0
_CLOCK_VALID_S = 60.0


@dataclass(frozen=True)
class Answer:
    """A successful HTTP answer."""

    status: int
    body: bytes

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object."""
        return dict(json.loads(self.body))


class ApiHttp:
    """Connections to one API server, as one user."""

    def __init__(self, context: KubeContext, *, timeout_s: float, agent: str) -> None:
        self._server, self._timeout_s, self._agent = context.server, timeout_s, agent
        self._login = Login(context)
        self._cluster = context.cluster
        self._connections: Any = None
        self._server_time: tuple[datetime, float] | None = (
            None  # the server's time, and time.monotonic() at its arrival
        )

    def clock(self) -> datetime | None:
        """Return the server's time, by the Date header of a recent answer; None when there was no answer within a minute."""
        if self._server_time is None or time.monotonic() - self._server_time[1] > _CLOCK_VALID_S:
            return None
        return self._server_time[0] + timedelta(seconds=time.monotonic() - self._server_time[1])

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Send a request and return its successful answer. Raises ClusterError, UsageError.

        Reads are repeated when the server is busy or the connection breaks, writes only after status 429. Expired
        credentials are renewed once.
        """
        renewed = False
        for attempt in range(1, _MAX_ATTEMPTS + 1):
            last = attempt == _MAX_ATTEMPTS
            response, wait_s = self._attempt(method, url, headers, body, last=last)
            if response is not None and response.status < 300:
                self._remember_time(response.headers.get("Date", ""))
                return Answer(response.status, response.data)
            if response is not None and response.status == 401 and not renewed and not last and self._login.renew():
                renewed = True
                self.close()  # the new credentials may be a certificate
            elif response is not None and wait_s < 0:
                raise error_for_response(response.status, response.data, self._server)
            time.sleep(max(wait_s, 0))
        raise AssertionError  # pragma: no cover - the last attempt answers or raises

    def _remember_time(self, date: str) -> None:
        with suppress(ValueError, TypeError):
            self._server_time = (parsedate_to_datetime(date).astimezone(UTC), time.monotonic())

    def close(self) -> None:
        """Close all connections; the next request opens new ones."""
        if self._connections is not None:
            self._connections.clear()
        self._connections = None

    def _attempt(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, last: bool
    ) -> tuple[Any, float]:
        """Send once; return the answer (None without one) and the seconds until the next attempt (negative: do not retry)."""
        import urllib3

        sent = urllib3.HTTPHeaderDict({"User-Agent": self._agent, "Accept-Encoding": "gzip", **headers})
        for name, value in self._login.headers():
            sent.add(name, value)
        limits = urllib3.Timeout(connect=CONNECT_S, read=self._timeout_s)
        try:
            response = self._pool().request(
                method, url, headers=sent, body=body, timeout=limits, retries=False, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            if method == "GET" and not last and not isinstance(error, urllib3.exceptions.TimeoutError):
                return None, 0.3
            raise connection_error(self._server, error) from error
        again = not last and (response.status == 429 or (response.status in _TRANSIENT and method == "GET"))
        return response, retry_after_s(response.headers) if again else -1.0

    def _pool(self) -> Any:
        if self._connections is None:
            options: dict[str, Any] = {"maxsize": 32}
            if urlsplit(self._server).scheme == "https":
                options["ssl_context"] = self._login.tls()
            if name := self._cluster.get("tls-server-name"):
                options |= {"server_hostname": name}
            if self._cluster.get("insecure-skip-tls-verify"):
                import urllib3

                urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
            self._connections = connection_pool(
                proxy_of(self._server, str(self._cluster.get("proxy-url") or "")), **options
            )
        return self._connections


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Return the seconds to wait by the `Retry-After` header, 0 to 5. A date in it is compared with the server's own Date."""
    header = headers.get("Retry-After") or ""
    try:
        seconds = float(header)
    except ValueError:
        try:
            then, now = parsedate_to_datetime(header), parsedate_to_datetime(headers.get("Date") or "")
            seconds = (then - now).total_seconds()
        except (ValueError, TypeError):
            seconds = 0.5
    return min(max(seconds, 0.0), _MAX_WAIT_S) if seconds == seconds else 0.5  # noqa: PLR0124 - NaN
