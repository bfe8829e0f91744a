"""Typed errors for registries, each with a remedy.

A caller reacts to the class (absent image, login, rate limit, connection, certificate), a user to the message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from fogflow_k8s.errors import PreflightFailed
from fogflow_k8s.model.image.reference import HUB

_CONNECTION = re.compile(
    r"^(<[^>]*>|HTTPS?Connection(Pool)?\([^)]*\)): "
)  # urllib3's messages start with the connection object


class RegistryError(PreflightFailed):
    """A request to a registry failed."""


class ImageNotFound(RegistryError):
    """The registry does not have the image."""


class LoginNeeded(RegistryError):
    """The registry refuses the request without a login, or with the login that it got."""


class RateLimited(RegistryError):
    """The registry limits the rate of requests."""


class Unreachable(RegistryError):
    """The connection failed, or the answer took too long."""


class LocalImage(Unreachable):
    """The image is in no registry: its name says that it was built on a machine (registry localhost)."""

    def __init__(self) -> None:
        super().__init__(
            "it is in no registry: it must be loaded into every node, or pushed to your registry",
            hint="fogflow-k8s images build --push REGISTRY/NAME, then set worker.nativeImage in your values",
        )


class Untrusted(RegistryError):
    """The registry's certificate is from an unknown authority or for another name."""


class NoSuchPlatform(RegistryError):
    """The image exists, but not for this platform."""


def connection_error(host: str, base: str, error: Exception, seconds: float = 0) -> RegistryError:
    """Return the error for a connection that failed or broke."""
    reason = getattr(error, "reason", None) or error
    text = _CONNECTION.sub("", str(reason))
    if "CERTIFICATE_VERIFY_FAILED" in text or "CertificateError" in type(reason).__name__:
        return Untrusted(
            f"{host}: its certificate is not trusted: {text}",
            hint=f"copy the certificate of its authority to /etc/docker/certs.d/{host}/ca.crt, or set SSL_CERT_FILE to it (the nodes need it too)",
        )
    if any(sign in text for sign in ("WRONG_VERSION_NUMBER", "record layer failure", "UNKNOWN_PROTOCOL")):
        return Untrusted(
            f"{host} speaks plain HTTP, which is not allowed by default",
            hint=f"to allow it: --insecure-registry {host}",
        )
    if "timed out" in text.lower() or "Timeout" in type(error).__name__:
        return Unreachable(
            f"{host} did not answer {f'within {seconds:g} s' if seconds else 'in time'}", hint=_connectivity_hint(base)
        )
    return Unreachable(f"{host} cannot be reached: {text}", hint=_connectivity_hint(base))


def _connectivity_hint(base: str) -> str:
    return f"check the name and the network (HTTPS_PROXY): curl -v {base}/v2/"


def error_for_response(
    host: str, status: int, headers: Mapping[str, str], body: bytes, what: str, *, logged_in: bool
) -> RegistryError:
    """Return the error for an answer of 300 or more about `what`; `logged_in`: whether the request had a login."""
    detail = _error_messages(body)
    if status == 429:
        after = headers.get("Retry-After", "")
        wait = (
            f"wait {after} s"
            if after.isdigit()
            else "wait (docker.io counts over six hours)"
            if host == HUB
            else "wait"
        )
        return RateLimited(
            f"{host} limits the rate: too many requests for {what}", hint=f"{wait}, or log in: docker login {host}"
        )
    if status in (401, 403):
        if logged_in:
            return LoginNeeded(
                f"{host} does not permit {what} with this login ({status}{detail})",
                hint=f"use an account with access to this repository: docker login {host}",
            )
        return LoginNeeded(
            f"{host} does not permit {what} without a login ({status}{detail})",
            hint=f"check the name (many registries answer this for absent images), or log in: docker login {host}",
        )
    if status == 404:
        return ImageNotFound(
            f"{host} has no {what}", hint="check name and tag, and that it was pushed; correct the component's image in your values"
        )  # fmt: skip
    return RegistryError(
        f"{host} answered {status} to {what}{detail}", hint="check that it is a registry, and read its log"
    )


def _error_messages(body: bytes) -> str:
    """Return the messages of an error body (distribution specification), shortened; "" for another body."""
    try:
        errors = json.loads(body)["errors"]
        text = "; ".join(str(e.get("message") or e.get("code")) for e in errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return f": {text[:200]}" if text else ""
