"""Who we are to an API server: certificates, tokens, plug-ins and impersonation of one chosen context.

Files and tokens are read here, for keys must not be left in temporary files; plug-ins and identity providers are the
official client's.
"""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fogflow_k8s.adapters.kubernetes.kubeconfig import Chosen
from fogflow_k8s.errors import ClusterError, UsageError

Headers = list[tuple[str, str]]


class Login:
    """What makes a request ours. A plug-in is asked at the first use, and again by `renew`."""

    def __init__(self, chosen: Chosen) -> None:
        self._chosen = chosen
        self._given: Mapping[str, Any] | None = None

    def headers(self) -> Headers:
        """Authorization, and whom to act as. Raises ClusterError when a plug-in gives no login, UsageError for a file."""
        said = self._authorization()
        return ([("Authorization", said)] if said else []) + list(_impersonation(self._chosen.user))

    def renew(self) -> bool:
        """Log in anew after a refusal: whether there is anything that could have become different."""
        if not {"exec", "auth-provider", "tokenFile"} & set(self._chosen.user):
            return False
        self._given = None
        return True

    def tls(self) -> ssl.SSLContext:
        """How the server is known, and our certificate, if we have one. Raises UsageError with the key that is wrong."""
        cluster, user = self._chosen.cluster, self._chosen.user
        if not any(key.startswith("client-certificate") for key in user) and "exec" in user:
            given = self._plugged_in()
            pair = (given.get("clientCertificateData"), given.get("clientKeyData"))
            cert, key = (text.encode() if text else b"" for text in pair)
        else:
            cert, key = self._content(user, "client-certificate"), self._content(user, "client-key")
        return _context(self._content(cluster, "certificate-authority"), cert, key,
                        verify=not cluster.get("insecure-skip-tls-verify"), where=self._where)  # fmt: skip

    @property
    def _where(self) -> str:
        return f"context {self._chosen.context}"

    def _content(self, entry: Mapping[str, Any], key: str) -> bytes:
        """What `key`-data holds, or the file that `key` names; empty when neither is there."""
        try:
            if inline := entry.get(f"{key}-data"):
                return base64.b64decode(str(inline), validate=True)
            return Path(entry[key]).read_bytes() if entry.get(key) else b""
        except OSError as error:
            raise UsageError(
                f"{self._where}: {key} {entry[key]} cannot be read: {error.strerror}", hint="kubectl config view"
            ) from error
        except ValueError as error:
            raise UsageError(f"{self._where}: {key}-data is not base64", hint="kubectl config view --raw") from error

    def _authorization(self) -> str:
        user = self._chosen.user
        if provider := user.get("auth-provider"):
            return self._provided(str(provider.get("name", "")))
        if token := self._content_of_token() or user.get("token"):
            return f"Bearer {token}"
        if "exec" in user:
            token = self._plugged_in().get("token")
            return f"Bearer {token}" if token else ""
        if user.get("username"):
            import urllib3

            pair = f"{user['username']}:{user.get('password') or ''}"
            return str(urllib3.make_headers(basic_auth=pair)["authorization"])
        return ""

    def _content_of_token(self) -> str:
        """The token in a file, read at each use: it is changed there before it expires."""
        named = self._chosen.user.get("tokenFile")
        return self._content({"tokenFile": named}, "tokenFile").decode(errors="replace").strip() if named else ""

    def _plugged_in(self) -> Mapping[str, Any]:
        """What the plug-in says, kept until it expires. Raises ClusterError."""
        if self._given is None or _expired(self._given):
            self._given = _ask_plug_in(self._chosen)
        return self._given

    def _provided(self, name: str) -> str:
        """The token of an identity provider (`auth-provider`), as the official client gets it."""
        from kubernetes.client import Configuration
        from kubernetes.config.config_exception import ConfigException
        from kubernetes.config.kube_config import KubeConfigLoader

        made = Configuration()
        entries = {"current-context": "it", "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}]}
        lists = {"clusters": [{"name": "it", "cluster": {"server": self._chosen.server}}],
                 "users": [{"name": "it", "user": dict(self._chosen.user)}]}  # fmt: skip
        try:
            loader: Any = KubeConfigLoader
            loader({**entries, **lists}).load_and_set(made)
        except (ConfigException, OSError, ValueError, KeyError) as error:
            raise ClusterError(f"{self._where}: no login by {name}: {error}", hint="log in again") from error
        return str(made.api_key.get("BearerToken") or "")


def _impersonation(user: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The headers of https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/, a pair for each value."""
    for key, header in (("as", "Impersonate-User"), ("as-uid", "Impersonate-Uid")):
        if user.get(key):
            yield header, str(user[key])
    for group in user.get("as-groups") or []:
        yield "Impersonate-Group", str(group)
    for key, values in (user.get("as-user-extra") or {}).items():
        for value in values or []:
            yield f"Impersonate-Extra-{quote(str(key).lower(), safe='')}", str(value)


def _ask_plug_in(chosen: Chosen) -> Mapping[str, Any]:
    from kubernetes.config import exec_provider, kube_config
    from kubernetes.config.config_exception import ConfigException

    provider: Any = exec_provider.ExecProvider
    node: Any = kube_config.ConfigNode
    plug_in = chosen.user["exec"] or {}
    command = str(plug_in.get("command", ""))
    what = f"the login plug-in {command} of user {chosen.user_name}"
    install = (
        str(plug_in.get("installHint") or "").strip() or f"install {Path(command).name or 'it'}, or put it on PATH"
    )
    try:
        said = provider(node("exec", plug_in), "", node("cluster", dict(chosen.cluster))).run()
    except OSError as error:
        raise ClusterError(f"{what} cannot be run: {error.strerror}", hint=install) from error
    except (ConfigException, AttributeError, TypeError, KeyError) as error:  # the last three: JSON of another form
        text = str(error).removeprefix("exec: ")
        raise ClusterError(
            f"{what} gave no login: {text}", hint=f"try it by hand, or log in again: {command}"
        ) from error
    if not isinstance(said, Mapping) or not (said.get("token") or said.get("clientCertificateData")):
        raise ClusterError(f"{what} gave no login: neither a token nor a certificate", hint=f"log in again: {command}")
    return said


def _expired(given: Mapping[str, Any]) -> bool:
    from datetime import UTC, datetime

    try:
        return datetime.fromisoformat(str(given["expirationTimestamp"])) <= datetime.now(UTC)
    except (KeyError, ValueError, TypeError):
        return False  # the server will say it


def _context(ca: bytes, cert: bytes, key: bytes, *, verify: bool, where: str) -> ssl.SSLContext:
    try:
        made = ssl.create_default_context(cadata=ca.decode("ascii", "replace") if ca else None)
    except ssl.SSLError as error:
        raise UsageError(
            f"{where}: certificate-authority is no certificate", hint="kubectl config view --raw"
        ) from error
    # on by default from Python 3.13: it refuses authorities without key identifiers, as EKS and older MicroK8s make them
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if cert or key:
        with ExitStack() as stack:
            certificate, private = (stack.enter_context(_path_to(content)) for content in (cert, key))
            try:
                made.load_cert_chain(certificate, private, password=b"")  # never ask on the terminal
            except (ssl.SSLError, OSError, ValueError) as error:
                raise UsageError(
                    f"{where}: client-certificate and client-key are no pair that can be used: {error}",
                    hint="kubectl config view --raw",
                ) from error
    return made


@contextmanager
def _path_to(content: bytes) -> Iterator[str]:
    """A path that can be read inside the block: in memory where the system can, so that no kill leaves a key behind."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        descriptor = os.memfd_create("login")
        try:
            os.write(descriptor, content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile() as file:  # 0600, for the time of one call
        file.write(content)
        file.flush()
        yield file.name
