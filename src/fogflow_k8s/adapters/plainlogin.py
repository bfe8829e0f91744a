"""Logins that need nothing but files: a certificate or a token, in one kubeconfig, without a proxy.

Most kubeconfigs are like that, and the official loader costs 0.15 s to import (OAuth, requests, every API group) before
the first byte is sent: a third of what a whole upgrade may cost us. Anything else here is answered with None, and is the
official loader's.
"""

from __future__ import annotations

import atexit
import base64
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_CLUSTER = {
    "server",
    "certificate-authority",
    "certificate-authority-data",
    "insecure-skip-tls-verify",
    "tls-server-name",
    "extensions",
}
_USER = {"client-certificate", "client-certificate-data", "client-key", "client-key-data", "token"}
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@dataclass
class PlainLogin:
    """What our requests need, under the names of the official client's Configuration."""

    host: str
    verify_ssl: bool
    tls_server_name: str
    ssl_ca_cert: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    api_key: dict[str, str] = field(default_factory=dict)
    proxy: None = None
    refresh_api_key_hook: None = None
    username: str = ""


def plain_login(path: Path, context: str) -> tuple[str, PlainLogin] | None:
    """The context's name and its login; None when the official loader has to look (also at what is wrong)."""
    if any(os.environ.get(name) for name in _PROXIES):
        return None
    try:
        document = _parsed(path)
        name = context or document["current-context"]
        chosen = _named(document, "contexts", name)["context"]
        cluster = _named(document, "clusters", chosen["cluster"])["cluster"]
        user = _named(document, "users", chosen["user"])["user"] or {}
        if set(cluster) - _CLUSTER or set(user) - _USER or not str(cluster["server"]).startswith("http"):
            return None
        return str(name), _login(path.parent, cluster, user)
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return None


def _parsed(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        document = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe
    except yaml.YAMLError as error:
        raise ValueError from error
    if not isinstance(document, Mapping):
        raise TypeError
    return document


def _named(document: Mapping[str, Any], kind: str, name: str) -> Mapping[str, Any]:
    return next(each for each in document[kind] if each["name"] == name)


def _login(beside: Path, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> PlainLogin:
    folder = Path(tempfile.mkdtemp(prefix="fogflow-k8s-"))  # 0700
    atexit.register(shutil.rmtree, folder, ignore_errors=True)

    def file(entry: Mapping[str, Any], key: str) -> str | None:
        """The file that holds what `key` or `key`-data says; relative to the kubeconfig, as kubectl reads it."""
        if inline := entry.get(f"{key}-data"):
            made = folder / key
            made.write_bytes(base64.b64decode(inline, validate=True))
            return str(made)
        if named := entry.get(key):
            found = beside / named
            found.open("rb").close()  # an OSError here is explained by the official loader
            return str(found)
        return None

    token = user.get("token")
    return PlainLogin(
        host=str(cluster["server"]),
        verify_ssl=not cluster.get("insecure-skip-tls-verify"),
        tls_server_name=str(cluster.get("tls-server-name") or ""),
        ssl_ca_cert=file(cluster, "certificate-authority"),
        cert_file=file(user, "client-certificate"),
        key_file=file(user, "client-key"),
        api_key={"BearerToken": f"Bearer {token}"} if token else {},
    )
