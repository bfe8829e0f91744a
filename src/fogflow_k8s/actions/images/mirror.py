"""`images mirror`: copy images from their registries to another one.

The copy goes from registry to registry, without a container engine: an engine would pull one platform only, change the
manifest (and with it the digest that a pin names), and need disk space for all layers. The copies are identical byte by byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fogflow_k8s.actions.images.listing import ImageUses, Registries
from fogflow_k8s.adapters.registry.client import Manifest, Registry
from fogflow_k8s.adapters.registry.credentials import Logins
from fogflow_k8s.adapters.registry.errors import NoSuchPlatform, RegistryError
from fogflow_k8s.engine.reporter import Reporter
from fogflow_k8s.errors import UsageError
from fogflow_k8s.model.image.reference import Image, blobs, children, digest_of, fits, is_index, offered, parse

_MIB = 1 << 20


@dataclass(frozen=True)
class ImageCopy:
    """An image and its copy. `sent`, `size`: the blobs and bytes that were sent; `there`: the blobs that the mirror had already."""

    source: str
    target: str
    digest: str
    changed: bool
    sent: int
    there: int
    size: int


@dataclass(frozen=True)
class Failure:
    """An image that was not copied."""

    source: str
    why: str
    remedy: str


@dataclass(frozen=True)
class MirrorResult:
    """All copies, the images that failed, and the values that make the chart use the copies."""

    copies: tuple[ImageCopy, ...]
    failures: tuple[Failure, ...]
    values: dict[str, Any]


def mirror(
    wanted: ImageUses,
    registries: Registries,
    logins: Logins,
    place: tuple[str, str],
    platforms: Sequence[str],
    report: Reporter,
) -> MirrorResult:
    """Copy every image to `place` (registry, prefix). Blobs that the mirror has already are not sent again.

    An image that cannot be copied is a Failure, and the others are copied. Raises UsageError when two images would get the
    same name, RegistryError when the mirror does not answer or refuses the login.
    """
    where = "/".join(part for part in place if part)
    targets = _targets(wanted, where)
    target = registries.at(place[0], logins)
    target.ping()
    copies, failures = [], []
    pins: dict[str, Any] = {}
    mountable: dict[str, str] = {}
    for image, to in targets.items():
        report.step(f"{image.short} -> {to.short}")
        try:
            job = _CopyJob(registries.at(image.host, logins), image, target, to, tuple(platforms), mountable, report)
            copies.append(copy := job.run())
        except RegistryError as error:
            report.log(f"not copied: {error.message}")
            failures.append(Failure(str(image), error.message, error.hint))
            continue
        done = f"{copy.sent} blobs sent ({copy.size / _MIB:.1f} MiB), {copy.there} existed"
        report.log(done if copy.changed else "the mirror has it already")
        if image.digest:  # an image of fewer platforms has another digest
            pins |= wanted.pins({str(image): copy.digest})
    return MirrorResult(tuple(copies), tuple(failures), {"global": {"imageRegistry": where}, **pins})


def _targets(wanted: ImageUses, where: str) -> dict[Image, Image]:
    """Each image with its name in the mirror. Raises UsageError when two images would get the same name."""
    found = {use.image: parse(wanted.named(use.image)[0].name.within(where)) for use in wanted.uses}
    taken: dict[str, Image] = {}
    for image, to in found.items():
        other = taken.setdefault(to.short, image)
        if other != image:
            raise UsageError(
                f"{other} and {image} would both become {to.short}",
                hint="change the repository or tag of one of them in your values",
            )
    return found


@dataclass
class _CopyJob:
    """The copy of one image. `mountable`: blob -> a repository of the mirror from which it can be mounted."""

    source: Registry
    image: Image
    target: Registry
    to: Image
    platforms: tuple[str, ...]
    mountable: dict[str, str]
    report: Reporter
    sent: int = 0
    there: int = 0
    size: int = 0
    _done: set[str] = field(default_factory=set)

    def run(self) -> ImageCopy:
        top = self._chosen(self.source.manifest(self.image.repository, self.image.version))
        version = self.to.tag or top.digest
        changed = not self.target.has_manifest(self.to.repository, version, top.digest)
        if changed:  # the manifest is sent last, so a mirror that has it has all blobs
            self._manifest(top, version)
        to = self.to.within(self.to.registry, top.digest)
        return ImageCopy(str(self.image), to, top.digest, changed, self.sent, self.there, self.size)

    def _chosen(self, manifest: Manifest) -> Manifest:
        """The manifest, reduced to the requested platforms. Raises NoSuchPlatform."""
        if not self.platforms:
            return manifest
        have = self.source.platforms(self.image.repository, manifest)
        missing = [p for p in self.platforms if not any(fits(one, p) for one in have)]
        if missing:
            raise NoSuchPlatform(
                f"{self.image} is not for {', '.join(missing)}, only for {', '.join(have)}",
                hint="name only platforms of the image: --platform",
            )
        if not is_index(manifest.type):
            return manifest
        kept = children(manifest.content, self.platforms)
        if len(kept) == len(offered(manifest.content)) == len(manifest.content["manifests"]):
            return manifest
        body = json.dumps({**manifest.content, "manifests": kept}).encode()
        return Manifest(manifest.type, digest_of(body), body)

    def _manifest(self, manifest: Manifest, version: str) -> None:
        if is_index(manifest.type):
            for entry in children(manifest.content):
                digest = str(entry["digest"])
                if not self.target.has_manifest(self.to.repository, digest, digest):
                    self._manifest(self.source.manifest(self.image.repository, digest), digest)
        else:
            for blob in blobs(manifest.content):
                self._blob(str(blob["digest"]), int(blob["size"]))
        self.target.put_manifest(self.to.repository, version, manifest)

    def _blob(self, digest: str, size: int) -> None:
        here = self.to.repository
        if digest in self._done:
            return
        self._done.add(digest)
        if self.target.has_blob(here, digest):
            self.there += 1
        else:
            same = self.image.repository if self.source.host == self.target.host else ""
            upload = self.target.begin_upload(here, digest, self.mountable.get(digest) or same)
            if upload:
                with self.source.open_blob(self.image.repository, digest) as stream:
                    self.target.put_blob(here, upload, digest, size, _Counted(stream, self._progress(size)))
                self.sent += 1
                self.size += size
            else:
                self.there += 1
        self.mountable[digest] = here

    def _progress(self, size: int) -> Callable[[int], None]:
        large = size > 8 * _MIB  # smaller blobs are sent before a line could be shown
        return lambda done: self.report.progress("MiB sent", done // _MIB, size // _MIB) if large else None


@dataclass
class _Counted:
    """A stream that reports how many bytes were read."""

    stream: Any
    report: Callable[[int], None]
    done: int = 0

    def read(self, size: int) -> bytes:
        block: bytes = self.stream.read(size)
        self.done += len(block)
        self.report(self.done)
        return block
