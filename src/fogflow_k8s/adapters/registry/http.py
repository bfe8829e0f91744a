"""How a registry is asked: one connection pool, the login it demands, and typed errors.

Sources: OCI distribution specification 1.1; distribution's token and OAuth2 specifications for the login.
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
from fogflow_k8s.adapters.registry.errors import RegistryError, Unreachable, refused, unreachable
from fogflow_k8s.model.image.reference import HUB

TIMEOUT_S = 10.0
_STORE_S = 300.0  # for the answer to an upload: the registry may have to store it somewhere else
_BLOCK = 1 << 20
_HUB_SERVER = "registry-1.docker.io"
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_CERTS = Path("/etc/docker/certs.d")  # where Docker looks for the authorities of private registries


def is_loopback(host: str) -> bool:
    """Whether a registry is one of this machine, where Docker, too, takes plain HTTP."""
    name = urlsplit(f"//{host}").hostname or ""
    return name in {"localhost", "::1"} or bool(re.match(r"^127(\.\d+){3}$", name))


class Client:
    """One registry, with one login or none. Safe to use from several threads."""

    def __init__(
        self, host: str, login: Login | None = None, *, plain: bool = False, timeout_s: float = TIMEOUT_S
    ) -> None:
        self.host = host
        self.base = f"{'http' if plain or is_loopback(host) else 'https'}://{_HUB_SERVER if host == HUB else host}"
        self._login = login
        self._timeout_s = timeout_s
        self._granted: dict[str, tuple[str, float]] = {}  # repository -> what goes into Authorization, until when
        self._down: RegistryError | None = None

    def call(
        self, method: str, path: str, repository: str, what: str, *,
        headers: Mapping[str, str] | None = None, body: Any = None, scope: str = "pull", absent: bool = False, stream: bool = False,
    ) -> Any:  # fmt: skip
        """The answer to one call about `what`, with a login where one is asked for.

        `absent`: a 404 is an answer, too. `stream`: the body is left to be read. Raises RegistryError.
        """
        url = path if path.startswith("http") else self.base + path
        for last in (False, True):
            value, until = self._granted.get(repository, ("", 0.0))
            login = {"Authorization": value} if time.monotonic() < until else {}
            got = self.send(method, url, {**(headers or {}), **login}, body, stream=stream)
            again = got.status == 401 and not last and (body is None or isinstance(body, bytes))
            if not (again and self._authorize(repository, scope, got.headers, what)):
                break
        if got.status < 300 or (absent and got.status == 404):
            return got
        raise refused(self.host, got.status, got.headers, got.data, what, known=self._login is not None)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: Any = None, *, stream: bool = False) -> Any:
        """One request as it is. Reads follow redirects (blobs often lie elsewhere), without the login to another host."""
        import urllib3

        if self._down:
            raise self._down
        reads = method in {"GET", "HEAD"}
        limit_s = self._timeout_s if reads else _STORE_S
        retries = urllib3.Retry(None, connect=0, read=0, status=0, other=0, redirect=5) if reads else False
        try:
            return self._pool.request(
                method, url, body=body, headers={"User-Agent": "fogflow-k8s", **headers}, preload_content=not stream,
                timeout=urllib3.Timeout(connect=self._timeout_s, read=limit_s), retries=retries, redirect=reads,
            )  # fmt: skip
        except urllib3.exceptions.HTTPError as error:
            failure = unreachable(self.host, self.base, error, limit_s)
            if isinstance(failure, Unreachable):
                self._down = failure  # the next image would only wait again
            raise failure from error

    def _authorize(self, repository: str, scope: str, headers: Mapping[str, str], what: str) -> bool:
        """Get what the 401 asks for: a password, or a token from its token server. False when there is nothing to get."""
        wanted = f"repository:{repository}:{scope}" if repository else ""
        kind, _, rest = str(headers.get("WWW-Authenticate", "")).partition(" ")
        asked = dict(_CHALLENGE.findall(rest))
        if kind.lower() == "basic" and self._login:
            self._granted[repository] = (_basic(self._login), float("inf"))
            return True
        if kind.lower() == "bearer" and asked.get("realm"):
            self._granted[repository] = self._token({"scope": wanted, **asked}, what)
            return True
        return False

    def _token(self, asked: Mapping[str, str], what: str) -> tuple[str, float]:
        realm, login = asked["realm"], self._login
        if login and self.base.startswith("https:") and not realm.startswith("https:"):
            raise RegistryError(f"{self.host} wants its password sent to {realm}, in the clear", hint="do not use it")
        query = {key: asked[key] for key in ("service", "scope") if asked.get(key)}
        if login and login.token:
            form = {**query, "grant_type": "refresh_token", "refresh_token": login.token, "client_id": "fogflow-k8s"}
            got = self.send(
                "POST", realm, {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(form).encode()
            )
        else:
            url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}"
            got = self.send("GET", url, {"Authorization": _basic(login)} if login else {})
        if got.status >= 300:
            raise refused(self.host, got.status, got.headers, got.data, what, known=login is not None)
        try:
            said = json.loads(got.data)
            token, lasts_s = str(said.get("token") or said["access_token"]), float(said.get("expires_in") or 60)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise RegistryError(
                f"{realm}, the token server of {self.host}, hands out no token",
                hint="is it in order? its own log says more",
            ) from None
        return f"Bearer {token}", time.monotonic() + 0.8 * lasts_s

    @cached_property
    def _pool(self) -> Any:
        import urllib3

        trust = ssl.create_default_context()  # honours SSL_CERT_FILE
        for authority in sorted((_CERTS / self.host).glob("*.crt")):
            trust.load_verify_locations(authority)
        options: dict[str, Any] = {"ssl_context": trust, "maxsize": 8, "blocksize": _BLOCK}
        at = urlsplit(self.base)
        proxy = None if is_loopback(self.host) or proxy_bypass(at.hostname or "") else getproxies().get(at.scheme)
        return urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)


def _basic(login: Login) -> str:
    return "Basic " + base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
