"""Copies images from registry to registry.

Not through an engine: it would pull one platform only, write the manifest anew (and so lose the digest that a pin names),
and need room for all of it. So an image in the mirror is the same one, byte for byte.
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
class Copy:
    """An image and its copy: whether anything had to be done, how many blobs (and bytes) were sent, how many were there."""

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
    mend: str


@dataclass(frozen=True)
class Mirrored:
    """All copies, and values that point to them."""

    copies: tuple[Copy, ...]
    failures: tuple[Failure, ...]
    values: dict[str, Any]


def mirror(
    wanted: ImageUses,
    registries: Registries,
    logins: Logins,
    place: tuple[str, str],
    platforms: Sequence[str],
    report: Reporter,
) -> Mirrored:
    """Copy every image to `place` (registry, prefix); what is there already is not sent again.

    An image that cannot be copied does not keep the others. Raises UsageError when two images would get one name,
    RegistryError when the registry is not there, or lets nobody in with this login.
    """
    where = "/".join(part for part in place if part)
    targets = _targets(wanted, where)
    target = registries.at(place[0], logins)
    target.ping()
    copies, failures = [], []
    pins: dict[str, Any] = {}
    lent: dict[str, str] = {}
    for image, to in targets.items():
        report.step(f"{image.short} -> {to.short}")
        try:
            job = _Job(registries.at(image.host, logins), image, target, to, tuple(platforms), lent, report)
            copies.append(copy := job.run())
        except RegistryError as error:
            report.log(f"not copied: {error.message}")
            failures.append(Failure(str(image), error.message, error.hint))
            continue
        done = f"{copy.sent} blobs sent ({copy.size / _MIB:.1f} MiB), {copy.there} were there"
        report.log(done if copy.changed else "was there")
        if image.digest:  # an image of fewer platforms has another digest
            pins |= wanted.pins({str(image): copy.digest})
    return Mirrored(tuple(copies), tuple(failures), {"global": {"imageRegistry": where}, **pins})


def _targets(wanted: ImageUses, where: str) -> dict[Image, Image]:
    """Each image and its name in the mirror. Raises UsageError when two would get the same."""
    found = {use.image: parse(wanted.named(use.image)[0].name.within(where)) for use in wanted.uses}
    taken: dict[str, Image] = {}
    for image, to in found.items():
        other = taken.setdefault(to.short, image)
        if other != image:
            raise UsageError(
                f"{other} and {image} would both become {to.short}", hint="give one of them another repository or tag"
            )
    return found


@dataclass
class _Job:
    """The copy of one image. `lent`: blob -> a repository of the target that has it."""

    source: Registry
    image: Image
    target: Registry
    to: Image
    platforms: tuple[str, ...]
    lent: dict[str, str]
    report: Reporter
    sent: int = 0
    there: int = 0
    size: int = 0
    _done: set[str] = field(default_factory=set)

    def run(self) -> Copy:
        top = self._chosen(self.source.manifest(self.image.repository, self.image.version))
        version = self.to.tag or top.digest
        changed = not self.target.has_manifest(self.to.repository, version, top.digest)
        if changed:  # the manifest is put last: where it is, all else is
            self._manifest(top, version)
        to = self.to.within(self.to.registry, top.digest)
        return Copy(str(self.image), to, top.digest, changed, self.sent, self.there, self.size)

    def _chosen(self, manifest: Manifest) -> Manifest:
        """The manifest, less the platforms that nobody asked for. Raises NoSuchPlatform."""
        if not self.platforms:
            return manifest
        have = self.source.platforms(self.image.repository, manifest)
        lacking = [p for p in self.platforms if not any(fits(one, p) for one in have)]
        if lacking:
            raise NoSuchPlatform(
                f"{self.image} is not for {', '.join(lacking)}, only for {', '.join(have)}",
                hint="ask for fewer: --platform",
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
            upload = self.target.begin_upload(here, digest, self.lent.get(digest) or same)
            if upload:
                with self.source.open_blob(self.image.repository, digest) as stream:
                    self.target.put_blob(here, upload, digest, size, _Counted(stream, self._tell(size)))
                self.sent += 1
                self.size += size
            else:
                self.there += 1
        self.lent[digest] = here

    def _tell(self, size: int) -> Callable[[int], None]:
        large = size > 8 * _MIB  # below that a line would come after the fact
        return lambda done: self.report.progress("MiB sent", done // _MIB, size // _MIB) if large else None


@dataclass
class _Counted:
    """A stream that tells how much of it was read."""

    stream: Any
    say: Callable[[int], None]
    done: int = 0

    def read(self, size: int) -> bytes:
        block: bytes = self.stream.read(size)
        self.done += len(block)
        self.say(self.done)
        return block
