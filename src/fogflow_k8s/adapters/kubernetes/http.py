"""Single requests to an API server: every one has a timeout, is tried again where that is safe, and fails as a typed error."""

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

from fogflow_k8s.adapters.kubernetes.errors import refused, unreachable
from fogflow_k8s.adapters.kubernetes.kubeconfig import Chosen
from fogflow_k8s.adapters.kubernetes.login import Login
from fogflow_k8s.adapters.kubernetes.proxies import pool, proxy_of

_TRIES = 4
_TRANSIENT = (429, 500, 502, 503, 504)
_LONGEST_WAIT_S = 5.0
CONNECT_S = 5.0
_TOLD_S = 60.0


@dataclass(frozen=True)
class Answer:
    """A successful HTTP answer."""

    status: int
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as an object."""
        return dict(json.loads(self.body))


class ApiHttp:
    """Connections to one API server, as one user."""

    def __init__(self, chosen: Chosen, *, timeout_s: float, agent: str) -> None:
        self._server, self._timeout_s, self._agent = chosen.server, timeout_s, agent
        self._login = Login(chosen)
        self._cluster = chosen.cluster
        self._connections: Any = None
        self._told: tuple[datetime, float] | None = None  # the server's time, and ours (monotonic) when it said so

    def clock(self) -> datetime | None:
        """The server's time, from the head of its last answer, when that is not long ago; None before."""
        if self._told is None or time.monotonic() - self._told[1] > _TOLD_S:
            return None
        return self._told[0] + timedelta(seconds=time.monotonic() - self._told[1])

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """One call; the answer, when it is a success. Raises ClusterError, UsageError.

        Reads are tried again when the server is busy or the connection breaks, writes only when refused with 429. A
        login that ran out meanwhile is renewed once.
        """
        renewed = False
        for attempt in range(1, _TRIES + 1):
            last = attempt == _TRIES
            got, wait_s = self._once(method, url, headers, body, last=last)
            if got is not None and got.status < 300:
                self._note(got.headers.get("Date", ""))
                return Answer(got.status, got.data)
            if got is not None and got.status == 401 and not renewed and not last and self._login.renew():
                renewed = True
                self.close()  # the new login may be a certificate
            elif got is not None and wait_s < 0:
                raise refused(got.status, got.data, self._server)
            time.sleep(max(wait_s, 0))
        raise AssertionError  # pragma: no cover - the last attempt answers or raises

    def _note(self, date: str) -> None:
        with suppress(ValueError, TypeError):
            self._told = (parsedate_to_datetime(date).astimezone(UTC), time.monotonic())

    def close(self) -> None:
        """End all connections; the next request makes new ones."""
        if self._connections is not None:
            self._connections.clear()
        self._connections = None

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, last: bool
    ) -> tuple[Any, float]:
        """What was answered (None when nothing was), and the seconds to wait before the next attempt, negative for none."""
        import urllib3

        sent = urllib3.HTTPHeaderDict({"User-Agent": self._agent, "Accept-Encoding": "gzip", **headers})
        for name, value in self._login.headers():
            sent.add(name, value)
        limits = urllib3.Timeout(connect=CONNECT_S, read=self._timeout_s)
        try:
            got = self._pool().request(
                method, url, headers=sent, body=body, timeout=limits, retries=False, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            if method == "GET" and not last and not isinstance(error, urllib3.exceptions.TimeoutError):
                return None, 0.3
            raise unreachable(self._server, error) from error
        again = not last and (got.status == 429 or (got.status in _TRANSIENT and method == "GET"))
        return got, wait_of(got.headers) if again else -1.0

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
            self._connections = pool(proxy_of(self._server, str(self._cluster.get("proxy-url") or "")), **options)
        return self._connections


def wait_of(headers: Mapping[str, str]) -> float:
    """Seconds that an answer asks us to wait, at most 5: `Retry-After` is a number or a date, the latter by the server's clock."""
    said = headers.get("Retry-After") or ""
    try:
        seconds = float(said)
    except ValueError:
        try:
            then, now = parsedate_to_datetime(said), parsedate_to_datetime(headers.get("Date") or "")
            seconds = (then - now).total_seconds()
        except (ValueError, TypeError):
            seconds = 0.5
    return min(max(seconds, 0.0), _LONGEST_WAIT_S) if seconds == seconds else 0.5  # noqa: PLR0124 - NaN
