"""Registries of images: read, compare, copy. Source: the OCI distribution specification 1.1."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlencode, urljoin

from fogflow_k8s.adapters.registry.errors import ImageNotFound, RegistryError, unreachable
from fogflow_k8s.adapters.registry.http import Client
from fogflow_k8s.model.image.reference import MANIFEST_TYPES, Image, digest_of, is_index, offered, said_platform

_ACCEPT = {"Accept": ", ".join(MANIFEST_TYPES)}
_PUSH = "pull,push"


@dataclass(frozen=True)
class Headroom:
    """How many pulls docker.io still grants this address (or account), and in how many hours it counts them."""

    remaining: int
    limit: int
    hours: float


@dataclass(frozen=True)
class Manifest:
    """A manifest as the registry keeps it: its bytes are its identity."""

    type: str
    digest: str
    body: bytes = field(repr=False)
    headroom: Headroom | None = None

    @cached_property
    def content(self) -> dict[str, Any]:
        """What it says. Raises RegistryError when it is no JSON object."""
        return _object(self.body, "a manifest")


class Registry:
    """One registry. Everything raises RegistryError."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.host = client.host

    def ping(self) -> None:
        """Make sure that a registry answers there, and lets us in."""
        got = self._client.call("GET", "/v2/", "", "access", absent=True)
        if got.status == 404 or "html" in got.headers.get("Content-Type", ""):
            raise RegistryError(
                f"{self.host} is no registry: /v2/ was answered with {got.status}", hint="is host and port right?"
            )

    def head(self, image: Image) -> Manifest:
        """The image's type and digest, without its manifest: docker.io does not count this as a pull."""
        return self._manifest("HEAD", image.repository, image.version)

    def manifest(self, repository: str, version: str) -> Manifest:
        """The manifest of a tag or digest, checked against the digest."""
        got = self._manifest("GET", repository, version)
        actual = digest_of(got.body)
        if version.startswith("sha256:") and actual != version:
            raise RegistryError(
                f"{self.host} handed out other bytes than those of {version}", hint="do not use this registry"
            )
        return Manifest(got.type, actual, got.body, got.headroom)

    def platforms(self, repository: str, manifest: Manifest) -> tuple[str, ...]:
        """The platforms that an image is for."""
        if is_index(manifest.type):
            return offered(manifest.content)
        digest = str((manifest.content.get("config") or {}).get("digest"))
        got = self._client.call("GET", f"/v2/{repository}/blobs/{digest}", repository, f"{repository}@{digest}")
        return (said_platform(_object(got.data, "a configuration")),)

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether the repository has this blob."""
        got = self._client.call(
            "HEAD", f"/v2/{repository}/blobs/{digest}", repository, digest, absent=True, scope=_PUSH
        )
        return bool(got.status == 200)

    def has_manifest(self, repository: str, version: str, digest: str) -> bool:
        """Whether a tag (or digest) stands for exactly this manifest."""
        try:
            return self._manifest("HEAD", repository, version, scope=_PUSH).digest == digest
        except ImageNotFound:
            return False

    @contextmanager
    def open_blob(self, repository: str, digest: str) -> Iterator[Any]:
        """A stream of the blob's bytes."""
        import urllib3

        got = self._client.call(
            "GET", f"/v2/{repository}/blobs/{digest}", repository, f"{repository}@{digest}", stream=True
        )
        try:
            yield got
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(self.host, self._client.base, error) from error
        finally:
            got.close()

    def begin_upload(self, repository: str, digest: str, origin: str = "") -> str:
        """Where to put a blob; "" when the registry lent it from its repository `origin`, and nothing is left to do."""
        path = f"/v2/{repository}/blobs/uploads/" + (
            f"?{urlencode({'mount': digest, 'from': origin})}" if origin else ""
        )
        got = self._client.call("POST", path, repository, f"an upload to {repository}", scope=_PUSH)
        return "" if got.status == 201 else urljoin(self._client.base + path, str(got.headers.get("Location", "")))

    def put_blob(self, repository: str, upload: str, digest: str, size: int, content: Any) -> None:
        """Send a blob. The registry compares what it got with the digest."""
        url = upload + ("&" if "?" in upload else "?") + urlencode({"digest": digest})
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        self._client.call(
            "PUT", url, repository, f"an upload to {repository}", headers=headers, body=content, scope=_PUSH
        )

    def put_manifest(self, repository: str, version: str, manifest: Manifest) -> None:
        """Store a manifest under a tag or its digest; what it refers to must be there."""
        path, headers = f"/v2/{repository}/manifests/{version}", {"Content-Type": manifest.type}
        self._client.call(
            "PUT", path, repository, f"{repository}:{version}", headers=headers, body=manifest.body, scope=_PUSH
        )

    def _manifest(self, method: str, repository: str, version: str, scope: str = "pull") -> Manifest:
        what = f"{repository}{'@' if version.startswith('sha256:') else ':'}{version}"
        got = self._client.call(
            method, f"/v2/{repository}/manifests/{version}", repository, what, headers=_ACCEPT, scope=scope
        )
        kind = str(got.headers.get("Content-Type", "")).split(";")[0]
        if kind not in MANIFEST_TYPES:
            raise RegistryError(
                f"{self.host} answers to {what} with {kind or 'something without a type'}, which is no image",
                hint="is it a registry? An image of before 2017 (schema 1) must be pushed again",
            )
        return Manifest(kind, str(got.headers.get("Docker-Content-Digest", "")), got.data, _headroom(got.headers))


def _object(body: bytes, what: str) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise RegistryError(f"the registry handed out {what} that is none", hint="push the image again")
    return said


def _headroom(headers: Mapping[str, str]) -> Headroom | None:
    """Docker Hub's own headers, like `76;w=21600`: how many, in how many seconds."""
    remaining, _, window = str(headers.get("RateLimit-Remaining", "")).partition(";w=")
    limit = str(headers.get("RateLimit-Limit", "")).partition(";")[0]
    if not (remaining.isdigit() and limit.isdigit()):
        return None
    return Headroom(int(remaining), int(limit), int(window) / 3600 if window.isdigit() else 6)
