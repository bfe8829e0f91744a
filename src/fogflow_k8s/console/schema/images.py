"""The documents of `images`."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from fogflow_k8s.console.schema.common import Check, Document


class Image(TypedDict):
    """An image that the release uses."""

    image: str
    """Complete name."""
    registry: str
    """Host of the registry."""
    repository: str
    """Repository in the registry."""
    tag: str | None
    """Tag."""
    pinnedDigest: str | None
    """Digest in the name."""
    usedBy: list[str]
    """Components that run it."""
    platforms: list[str]
    """Platforms that its pods select, as linux/arm64; `any` when they leave it to the scheduler."""


class CheckedImage(Image):
    """An image, and what its registry answers."""

    digest: str | None
    """Digest in the registry; null when it was not found."""
    offeredPlatforms: list[str]
    """Platforms that the registry has it for."""
    loginSource: str | None
    """Where the accepted login was found; null when none was needed."""


class ImageList(Document):
    """What `images list` prints."""

    kind: Literal["ImageList"]
    """Kind of this document."""
    images: list[Image]
    """Every image."""


class ImageCheck(Document):
    """What `images check` prints."""

    kind: Literal["ImageCheck"]
    """Kind of this document."""
    ok: bool
    """Whether no check failed."""
    images: list[CheckedImage]
    """Every image."""
    checks: list[Check]
    """Every check, in order."""


class Copy(TypedDict):
    """A copied image."""

    source: str
    """Image that was copied."""
    target: str
    """The copy, with its digest."""
    digest: str
    """Digest of the copy."""
    blobsSent: int
    """Number of blobs that were sent."""
    blobsPresent: int
    """Number of blobs that the target already had."""
    bytesSent: int
    """Size of the sent blobs, in bytes."""
    changed: bool
    """False when the target already had the image."""


class CopyFailure(TypedDict):
    """An image that could not be copied."""

    source: str
    """Image that was not copied."""
    reason: str
    """Why."""
    remedy: list[str]
    """What to do."""


class ImageMirror(Document):
    """What `images mirror` prints."""

    kind: Literal["ImageMirror"]
    """Kind of this document."""
    ok: bool
    """Whether every image was copied."""
    copies: list[Copy]
    """Every copy."""
    failures: list[CopyFailure]
    """Every image that could not be copied."""
    values: dict[str, Any]
    """Values for the chart that point to the copies."""


class ImageBuild(Document):
    """What `images build` prints."""

    kind: Literal["ImageBuild"]
    """Kind of this document."""
    image: str
    """Name of the image."""
    imageId: str
    """Id of the image in the engine."""
    platform: str
    """Platform that it is built for."""
    baseImage: str
    """Image that it is based on."""
    layerDigest: str
    """Digest of the layer that was added."""
    sizeBytes: int
    """Size of that layer, in bytes, unpacked."""
    pushedDigest: str | None
    """Digest in the registry; null when it was not pushed."""
