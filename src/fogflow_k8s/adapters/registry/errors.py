"""What a registry that does not do as asked has to say, as typed errors: each with its mend."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from fogflow_k8s.errors import PreflightFailed
from fogflow_k8s.model.image.reference import HUB

_CONNECTION = re.compile(
    r"^(<[^>]*>|HTTPS?Connection(Pool)?\([^)]*\)): "
)  # urllib3 begins with the object it had in hand


class RegistryError(PreflightFailed):
    """A registry did not do as asked."""


class ImageNotFound(RegistryError):
    """It has no such image."""


class LoginNeeded(RegistryError):
    """It does not hand out (or take) this image without a login, or with the one that it got."""


class RateLimited(RegistryError):
    """It has had enough of us for now."""


class Unreachable(RegistryError):
    """No connection came about, or no answer came in time."""


class Untrusted(RegistryError):
    """Its certificate is of an authority that this machine does not know, or for another name."""


class NoSuchPlatform(RegistryError):
    """The image is there, but not for this platform."""


def unreachable(host: str, base: str, error: Exception, seconds: float = 0) -> RegistryError:
    """The error for a connection that did not come about, or broke."""
    reason = getattr(error, "reason", None) or error
    text = _CONNECTION.sub("", str(reason))
    if "CERTIFICATE_VERIFY_FAILED" in text or "CertificateError" in type(reason).__name__:
        return Untrusted(
            f"{host}: its certificate is not accepted: {text}",
            hint=f"put its authority's certificate into /etc/docker/certs.d/{host}/ca.crt, or name it in SSL_CERT_FILE (the nodes need it too)",
        )
    if any(sign in text for sign in ("WRONG_VERSION_NUMBER", "record layer failure", "UNKNOWN_PROTOCOL")):
        return Untrusted(
            f"{host} speaks plain HTTP, and nobody allowed that", hint=f"if it is meant to: --insecure-registry {host}"
        )
    if "timed out" in text.lower() or "Timeout" in type(error).__name__:
        return Unreachable(
            f"{host} gave no answer {f'within {seconds:g} s' if seconds else 'in time'}", hint=_ways(base)
        )
    return Unreachable(f"{host} cannot be reached: {text}", hint=_ways(base))


def _ways(base: str) -> str:
    return f"is the name right, and is there a way to it from here (HTTPS_PROXY)? curl -v {base}/v2/"


def refused(
    host: str, status: int, headers: Mapping[str, str], body: bytes, what: str, *, known: bool
) -> RegistryError:
    """The error for an answer of 300 or more about `what`; `known`: whether a login was sent along."""
    said = _message(body)
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
        if known:
            return LoginNeeded(
                f"{host} does not permit {what} with the login it got ({status}{said})",
                hint=f"is it the right account, and may it use this repository? docker login {host}",
            )
        return LoginNeeded(
            f"{host} does not permit {what} without a login ({status}{said})",
            hint=f"is the name right (many registries say this of absent images)? docker login {host}",
        )
    if status == 404:
        return ImageNotFound(
            f"{host} has no {what}", hint="is name and tag right, and was it pushed? correct the component's image in your values"
        )  # fmt: skip
    return RegistryError(
        f"{host} answered {status} to {what}{said}", hint="is it a registry, and in order? its own log says more"
    )


def _message(body: bytes) -> str:
    """What the errors of the distribution specification say, shortened; "" when the answer is not of that kind."""
    try:
        errors = json.loads(body)["errors"]
        text = "; ".join(str(e.get("message") or e.get("code")) for e in errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return f": {text[:200]}" if text else ""
