"""Credentials for an API server: certificates, tokens, exec plug-ins and impersonation, as a kubeconfig context has them.

This module reads files and tokens itself, because the official client would leave keys in temporary files. For exec
plug-ins and identity providers it uses the official client.
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

from fogflow_k8s.adapters.kubernetes.kubeconfig import KubeContext
from fogflow_k8s.errors import ClusterError, UsageError

Headers = list[tuple[str, str]]


class Login:
    """The credentials of one context. An exec plug-in runs at the first use, and again after `renew`."""

    def __init__(self, context: KubeContext) -> None:
        self._context = context
        self._credential: Mapping[str, Any] | None = None

    def headers(self) -> Headers:
        """Return the headers for authorization and impersonation. Raises ClusterError for a failed plug-in, UsageError for a file."""
        authorization = self._authorization()
        return ([("Authorization", authorization)] if authorization else []) + list(_impersonation(self._context.user))

    def renew(self) -> bool:
        """Discard the credentials after a refusal; return False when new ones could not be different."""
        if not {"exec", "auth-provider", "tokenFile"} & set(self._context.user):
            return False
        self._credential = None
        return True

    def tls(self) -> ssl.SSLContext:
        """Return the TLS settings: the cluster's authority, and the client certificate. Raises UsageError with the wrong key."""
        cluster, user = self._context.cluster, self._context.user
        if not any(key.startswith("client-certificate") for key in user) and "exec" in user:
            credential = self._exec_credential()
            pair = (credential.get("clientCertificateData"), credential.get("clientKeyData"))
            cert, key = (text.encode() if text else b"" for text in pair)
        else:
            cert, key = self._read_data(user, "client-certificate"), self._read_data(user, "client-key")
        return _ssl_context(self._read_data(cluster, "certificate-authority"), cert, key,
                        verify=not cluster.get("insecure-skip-tls-verify"), where=self._where)  # fmt: skip

    @property
    def _where(self) -> str:
        return f"context {self._context.context}"

    def _read_data(self, entry: Mapping[str, Any], key: str) -> bytes:
        """Return the content of `key`-data, or of the file that `key` names; empty when the entry has neither."""
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
        user = self._context.user
        if provider := user.get("auth-provider"):
            return self._auth_provider_token(str(provider.get("name", "")))
        if token := self._file_token() or user.get("token"):
            return f"Bearer {token}"
        if "exec" in user:
            token = self._exec_credential().get("token")
            return f"Bearer {token}" if token else ""
        if user.get("username"):
            import urllib3

            pair = f"{user['username']}:{user.get('password') or ''}"
            return str(urllib3.make_headers(basic_auth=pair)["authorization"])
        return ""

    def _file_token(self) -> str:
        """Return the token from a file; it is read for every request, because the file changes before the token expires."""
        named = self._context.user.get("tokenFile")
        return self._read_data({"tokenFile": named}, "tokenFile").decode(errors="replace").strip() if named else ""

    def _exec_credential(self) -> Mapping[str, Any]:
        """Return the plug-in's credential, cached until it expires. Raises ClusterError."""
        if self._credential is None or _is_expired(self._credential):
            self._credential = _run_exec_plugin(self._context)
        return self._credential

    def _auth_provider_token(self, name: str) -> str:
        """Return the token of an identity provider (`auth-provider`), with the official client."""
        from kubernetes.client import Configuration
        from kubernetes.config.config_exception import ConfigException
        from kubernetes.config.kube_config import KubeConfigLoader

        made = Configuration()
        entries = {"current-context": "it", "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}]}
        lists = {"clusters": [{"name": "it", "cluster": {"server": self._context.server}}],
                 "users": [{"name": "it", "user": dict(self._context.user)}]}  # fmt: skip
        try:
            loader: Any = KubeConfigLoader
            loader({**entries, **lists}).load_and_set(made)
        except (ConfigException, OSError, ValueError, KeyError) as error:
            raise ClusterError(
                f"{self._where}: the login by the identity provider {name} failed: {error}",
                hint="log in again at that provider, then: kubectl get --raw /version",
            ) from error
        return str(made.api_key.get("BearerToken") or "")


def _impersonation(user: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the headers of https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/, one per value."""
    for key, header in (("as", "Impersonate-User"), ("as-uid", "Impersonate-Uid")):
        if user.get(key):
            yield header, str(user[key])
    for group in user.get("as-groups") or []:
        yield "Impersonate-Group", str(group)
    for key, values in (user.get("as-user-extra") or {}).items():
        for value in values or []:
            yield f"Impersonate-Extra-{quote(str(key).lower(), safe='')}", str(value)


def _run_exec_plugin(context: KubeContext) -> Mapping[str, Any]:
    from kubernetes.config import exec_provider, kube_config
    from kubernetes.config.config_exception import ConfigException

    provider: Any = exec_provider.ExecProvider
    node: Any = kube_config.ConfigNode
    plug_in = context.user["exec"] or {}
    command = str(plug_in.get("command", ""))
    what = f"the login plug-in {command} of user {context.user_name}"
    install = (
        str(plug_in.get("installHint") or "").strip() or f"install {Path(command).name or 'it'}, or put it on PATH"
    )
    try:
        authorization = provider(node("exec", plug_in), "", node("cluster", dict(context.cluster))).run()
    except OSError as error:
        raise ClusterError(f"{what} cannot be run: {error.strerror}", hint=install) from error
    except (ConfigException, AttributeError, TypeError, KeyError) as error:  # the last three mean JSON of another form
        text = str(error).removeprefix("exec: ")
        raise ClusterError(f"{what} failed: {text}", hint=f"log in again, or run it by hand: {command}") from error
    if not isinstance(authorization, Mapping) or not (
        authorization.get("token") or authorization.get("clientCertificateData")
    ):
        raise ClusterError(f"{what} returned neither a token nor a certificate", hint=f"log in again: {command}")
    return authorization


def _is_expired(credential: Mapping[str, Any]) -> bool:
    from datetime import UTC, datetime

    try:
        return datetime.fromisoformat(str(credential["expirationTimestamp"])) <= datetime.now(UTC)
    except (KeyError, ValueError, TypeError):
        return False  # without a valid date, the server decides


def _ssl_context(ca: bytes, cert: bytes, key: bytes, *, verify: bool, where: str) -> ssl.SSLContext:
    try:
        made = ssl.create_default_context(cadata=ca.decode("ascii", "replace") if ca else None)
    except ssl.SSLError as error:
        raise UsageError(
            f"{where}: certificate-authority is not a certificate", hint="kubectl config view --raw"
        ) from error
    # on by default since Python 3.13: it refuses authorities without key identifiers, as EKS and older MicroK8s create them
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if cert or key:
        with ExitStack() as stack:
            certificate, private = (stack.enter_context(_readable_path(content)) for content in (cert, key))
            try:
                made.load_cert_chain(certificate, private, password=b"")  # never prompt on the terminal
            except (ssl.SSLError, OSError, ValueError) as error:
                raise UsageError(
                    f"{where}: client-certificate and client-key are not a usable pair: {error}",
                    hint="kubectl config view --raw",
                ) from error
    return made


@contextmanager
def _readable_path(content: bytes) -> Iterator[str]:
    """Yield a path to the content: in memory where the system supports it, so that a killed process leaves no key behind."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        descriptor = os.memfd_create("login")
        try:
            os.write(descriptor, content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile() as file:  # mode 0600, and deleted after one call
        file.write(content)
        file.flush()
        yield file.name
