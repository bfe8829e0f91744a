"""HTTP requests to a registry: one connection pool, the login that it demands, and typed errors.

A registry answers the first request with 401 and a challenge: send a password, or get a token from a token server.
`Client` answers the challenge and repeats the request. Sources: OCI distribution specification 1.1; the token and OAuth2
specifications of the distribution project.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

from fogflow_k8s.adapters.registry.credentials import Login
from fogflow_k8s.adapters.registry.errors import RegistryError, Unreachable, connection_error, error_for_response
from fogflow_k8s.model.image.reference import HUB

TIMEOUT_S = 10.0
_UPLOAD_TIMEOUT_S = 300.0  # the registry answers an upload after it has stored it, possibly on another server
_BLOCK = 1 << 20
_HUB_SERVER = "registry-1.docker.io"
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_CERTS = Path("/etc/docker/certs.d")  # Docker's folder for the authorities of private registries


def is_loopback(host: str) -> bool:
    """Whether a registry runs on this machine; Docker, too, uses plain HTTP for it."""
    name = urlsplit(f"//{host}").hostname or ""
    return name in {"localhost", "::1"} or bool(re.match(r"^127(\.\d+){3}$", name))


class Client:
    """One registry, with at most one login. Safe to use from several threads."""

    def __init__(
        self, host: str, login: Login | None = None, *, plain: bool = False, timeout_s: float = TIMEOUT_S
    ) -> None:
        self.host = host
        self.base = f"{'http' if plain or is_loopback(host) else 'https'}://{_HUB_SERVER if host == HUB else host}"
        self._login = login
        self._timeout_s = timeout_s
        self._authorizations: dict[str, tuple[str, float]] = {}  # repository -> Authorization header, valid until
        self._connection_failure: RegistryError | None = None

    def call(
        self, method: str, path: str, repository: str, what: str, *,
        headers: Mapping[str, str] | None = None, body: Any = None, scope: str = "pull", missing_ok: bool = False, stream: bool = False,
    ) -> Any:  # fmt: skip
        """Send a request about `what`, and answer a demand for a login.

        `missing_ok`: return a 404 instead of raising. `stream`: leave the body unread. Raises RegistryError.
        """
        url = path if path.startswith("http") else self.base + path
        for last in (False, True):
            value, until = self._authorizations.get(repository, ("", 0.0))
            login = {"Authorization": value} if time.monotonic() < until else {}
            got = self.send(method, url, {**(headers or {}), **login}, body, stream=stream)
            again = got.status == 401 and not last and (body is None or isinstance(body, bytes))
            if not (again and self._authorize(repository, scope, got.headers, what)):
                break
        if got.status < 300 or (missing_ok and got.status == 404):
            return got
        raise error_for_response(self.host, got.status, got.headers, got.data, what, logged_in=self._login is not None)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: Any = None, *, stream: bool = False) -> Any:
        """Send one request. Reads follow redirects (blobs are often on another host), without the login for another host."""
        import urllib3

        if self._connection_failure:
            raise self._connection_failure
        reads = method in {"GET", "HEAD"}
        limit_s = self._timeout_s if reads else _UPLOAD_TIMEOUT_S
        retries = urllib3.Retry(None, connect=0, read=0, status=0, other=0, redirect=5) if reads else False
        try:
            return self._pool.request(
                method, url, body=body, headers={"User-Agent": "fogflow-k8s", **headers}, preload_content=not stream,
                timeout=urllib3.Timeout(connect=self._timeout_s, read=limit_s), retries=retries, redirect=reads,
            )  # fmt: skip
        except urllib3.exceptions.HTTPError as error:
            failure = connection_error(self.host, self.base, error, limit_s)
            if isinstance(failure, Unreachable):
                self._connection_failure = failure  # so that the next image does not wait again
            raise failure from error

    def _authorize(self, repository: str, scope: str, headers: Mapping[str, str], what: str) -> bool:
        """Get what a 401 demands: basic authorization, or a token from the token server. Return False when neither is possible."""
        wanted = f"repository:{repository}:{scope}" if repository else ""
        kind, _, rest = str(headers.get("WWW-Authenticate", "")).partition(" ")
        challenge = dict(_CHALLENGE.findall(rest))
        if kind.lower() == "basic" and self._login:
            self._authorizations[repository] = (_basic_auth(self._login), float("inf"))
            return True
        if kind.lower() == "bearer" and challenge.get("realm"):
            self._authorizations[repository] = self._token({"scope": wanted, **challenge}, what)
            return True
        return False

    def _token(self, challenge: Mapping[str, str], what: str) -> tuple[str, float]:
        realm, login = challenge["realm"], self._login
        if login and self.base.startswith("https:") and not realm.startswith("https:"):
            raise RegistryError(
                f"{self.host} asks to send the password to {realm} without encryption", hint="do not use this registry"
            )
        query = {key: challenge[key] for key in ("service", "scope") if challenge.get(key)}
        if login and login.token:
            form = {**query, "grant_type": "refresh_token", "refresh_token": login.token, "client_id": "fogflow-k8s"}
            got = self.send(
                "POST", realm, {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(form).encode()
            )
        else:
            url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}"
            got = self.send("GET", url, {"Authorization": _basic_auth(login)} if login else {})
        if got.status >= 300:
            raise error_for_response(self.host, got.status, got.headers, got.data, what, logged_in=login is not None)
        try:
            answer = json.loads(got.data)
            token, lasts_s = str(answer.get("token") or answer["access_token"]), float(answer.get("expires_in") or 60)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise RegistryError(
                f"{realm}, the token server of {self.host}, returned no token",
                hint="read the log of that token server",
            ) from None
        return f"Bearer {token}", time.monotonic() + 0.8 * lasts_s

    @cached_property
    def _pool(self) -> Any:
        import urllib3

        trust = ssl.create_default_context()  # respects SSL_CERT_FILE
        for authority in sorted((_CERTS / self.host).glob("*.crt")):
            trust.load_verify_locations(authority)
        options: dict[str, Any] = {"ssl_context": trust, "maxsize": 8, "blocksize": _BLOCK}
        at = urlsplit(self.base)
        proxy = None if is_loopback(self.host) or proxy_bypass(at.hostname or "") else getproxies().get(at.scheme)
        return urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)


def _basic_auth(login: Login) -> str:
    return "Basic " + base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
