"""A client of image registries: read, compare and copy images and their parts.

An image is a manifest that lists blobs (its layers and configuration) by digest; an image for several platforms has
an index of manifests above them. Source: OCI distribution specification 1.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from fogflow_k8s.adapters.registry.errors import ImageNotFound, RegistryError, connection_error
from fogflow_k8s.adapters.registry.http import Client
from fogflow_k8s.model.image.reference import MANIFEST_TYPES, Image, digest_of, format_platform, is_index, offered

_ACCEPT = {"Accept": ", ".join(MANIFEST_TYPES)}
_PUSH = "pull,push"


@dataclass(frozen=True)
class PullQuota:
    """Docker Hub's rate limit: how many pulls this address (or account) has left, of how many, in a window of hours."""

    remaining: int
    limit: int
    hours: float


@dataclass(frozen=True)
class Manifest:
    """A manifest as the registry stores it; its digest is that of these bytes."""

    type: str
    digest: str
    body: bytes = field(repr=False)
    pull_quota: PullQuota | None = None

    @cached_property
    def content(self) -> dict[str, Any]:
        """The parsed body. Raises RegistryError when it is not a JSON object."""
        return _json_object(self.body, "a manifest")


class Registry:
    """One registry. Every method raises RegistryError."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.host = client.host

    def ping(self) -> None:
        """Check that a registry answers there and accepts the login."""
        got = self._client.call("GET", "/v2/", "", "access", missing_ok=True)
        if got.status == 404 or "html" in got.headers.get("Content-Type", ""):
            raise RegistryError(
                f"{self.host} is not a registry: it answered /v2/ with {got.status}",
                hint=f"check host and port: curl -v {self._client.base}/v2/",
            )

    def head_manifest(self, image: Image) -> Manifest:
        """Return the image's type and digest without its manifest: docker.io does not count this request as a pull."""
        return self._manifest("HEAD", image.repository, image.version)

    def manifest(self, repository: str, version: str) -> Manifest:
        """Return the manifest of a tag or digest; a digest is verified."""
        got = self._manifest("GET", repository, version)
        actual = digest_of(got.body)
        if version.startswith("sha256:") and actual != version:
            raise RegistryError(
                f"{self.host} returned content that does not match {version}", hint="do not use this registry"
            )
        return Manifest(got.type, actual, got.body, got.pull_quota)

    def platforms(self, repository: str, manifest: Manifest) -> tuple[str, ...]:
        """Return the platforms of an image."""
        if is_index(manifest.type):
            return offered(manifest.content)
        digest = str((manifest.content.get("config") or {}).get("digest"))
        got = self._client.call("GET", f"/v2/{repository}/blobs/{digest}", repository, f"{repository}@{digest}")
        return (format_platform(_json_object(got.data, "a configuration")),)

    def tags(self, repository: str) -> list[str]:
        """Return all tags of a repository, from every page of the answer."""
        found: list[str] = []
        path = f"/v2/{repository}/tags/list?n=1000"
        while path:
            got = self._client.call("GET", path, repository, f"the tags of {repository}")
            found += _json_object(got.data, "a list of tags").get("tags") or []
            following = re.search(r'<([^>]+)>\s*;\s*rel="?next', str(got.headers.get("Link", "")))
            path = urlsplit(following[1])._replace(scheme="", netloc="").geturl() if following else ""
        return found

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether the repository has the blob."""
        got = self._client.call(
            "HEAD", f"/v2/{repository}/blobs/{digest}", repository, digest, missing_ok=True, scope=_PUSH
        )
        return bool(got.status == 200)

    def has_manifest(self, repository: str, version: str, digest: str) -> bool:
        """Whether a tag (or digest) refers to exactly this manifest."""
        try:
            return self._manifest("HEAD", repository, version, scope=_PUSH).digest == digest
        except ImageNotFound:
            return False

    @contextmanager
    def open_blob(self, repository: str, digest: str) -> Iterator[Any]:
        """Open a stream of the blob's bytes."""
        import urllib3

        got = self._client.call(
            "GET", f"/v2/{repository}/blobs/{digest}", repository, f"{repository}@{digest}", stream=True
        )
        try:
            yield got
        except urllib3.exceptions.HTTPError as error:
            raise connection_error(self.host, self._client.base, error) from error
        finally:
            got.close()

    def begin_upload(self, repository: str, digest: str, origin: str = "") -> str | None:
        """Return the upload URL for a blob; None when the registry took it from its repository `origin`, so no upload is needed."""
        path = f"/v2/{repository}/blobs/uploads/" + (
            f"?{urlencode({'mount': digest, 'from': origin})}" if origin else ""
        )
        got = self._client.call("POST", path, repository, f"an upload to {repository}", scope=_PUSH)
        return None if got.status == 201 else urljoin(self._client.base + path, str(got.headers.get("Location", "")))

    def put_blob(self, repository: str, upload: str, digest: str, size: int, content: Any) -> None:
        """Upload a blob. The registry compares its content with the digest."""
        url = upload + ("&" if "?" in upload else "?") + urlencode({"digest": digest})
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        self._client.call(
            "PUT", url, repository, f"an upload to {repository}", headers=headers, body=content, scope=_PUSH
        )

    def put_manifest(self, repository: str, version: str, manifest: Manifest) -> None:
        """Store a manifest under a tag or its digest; the blobs that it lists must exist."""
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
                f"{self.host} answered {what} with {kind or 'content without a type'}, which is not an image",
                hint="check that it is a registry; an image from before 2017 (schema 1) must be pushed again",
            )
        return Manifest(kind, str(got.headers.get("Docker-Content-Digest", "")), got.data, _pull_quota(got.headers))


def _json_object(body: bytes, what: str) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise RegistryError(f"the registry returned {what} that is not valid JSON", hint="push the image again")
    return document


def _pull_quota(headers: Mapping[str, str]) -> PullQuota | None:
    """Parse Docker Hub's headers, like `76;w=21600`: pulls left, and the window in seconds."""
    remaining, _, window = str(headers.get("RateLimit-Remaining", "")).partition(";w=")
    limit = str(headers.get("RateLimit-Limit", "")).partition(";")[0]
    if not (remaining.isdigit() and limit.isdigit()):
        return None
    return PullQuota(int(remaining), int(limit), int(window) / 3600 if window.isdigit() else 6)
