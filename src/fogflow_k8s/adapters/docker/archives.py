"""Archives of images: what `docker save` writes, and OCI layouts in a tar, which older engines do not know."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import posixpath
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from fogflow_k8s.errors import UsageError
from fogflow_k8s.model.image.reference import fits, is_index, said_platform

_SAVE = "write one with: docker save IMAGE -o IMAGE.tar"
_BLOCK = 1 << 20
_PACKED = ((b"\x1f\x8b", gzip), (b"BZh", bz2), (b"\xfd7zXZ", lzma))
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")


@dataclass(frozen=True)
class Archive:
    """An archive, the names that it gives its images, and the list of them when the archive itself has none (OCI)."""

    path: Path
    names: tuple[str, ...]
    added: bytes = b""

    def blocks(self) -> Iterator[bytes]:
        """The archive as an engine takes it: in front of an OCI layout goes the list of its images. Raises OSError."""
        if self.added:
            entry = tarfile.TarInfo("manifest.json")
            entry.size = len(self.added)
            yield entry.tobuf() + self.added + bytes(-len(self.added) % tarfile.BLOCKSIZE)
        with _opened(self.path, unpacked=bool(self.added)) as stream:
            while block := stream.read(_BLOCK):
                yield block


def read(path: Path, platform: Callable[[], str]) -> Archive:
    """What is in an archive; of an image for several platforms the one for `platform`, asked when needed. Raises UsageError."""
    try:
        if path.stat().st_size == 0:
            raise UsageError(f"{path} is empty", hint=_SAVE)
        with tarfile.open(path) as archive:
            members = {posixpath.normpath(member.name): member for member in archive if member.isfile()}

            def document(name: str) -> Any:
                stream = archive.extractfile(members[name])
                return json.load(stream) if stream else None

            if "manifest.json" in members:
                return Archive(
                    path, tuple(tag for image in document("manifest.json") for tag in image["RepoTags"] or [])
                )
            if "index.json" not in members:
                raise UsageError(
                    f"{path} is a tar, but holds no image: neither manifest.json nor index.json is in it", hint=_SAVE
                )
            listed = [_listed(entry, document, platform, path) for entry in document("index.json")["manifests"]]
    except (
        OSError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        tarfile.TarError,
        lzma.LZMAError,
    ) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if "could not be opened" in reason:  # a line for each compression that it is not
            reason = "it is no tar, compressed or not"
        raise UsageError(f"{path} is not an image archive: {reason}", hint=_SAVE) from error
    return Archive(path, tuple(tag for image in listed for tag in image["RepoTags"]), json.dumps(listed).encode())


def _listed(entry: Any, document: Any, platform: Callable[[], str], path: Path) -> dict[str, Any]:
    """An entry of an OCI index as `docker save` lists an image."""
    named = next((name for key in _NAMES if (name := (entry.get("annotations") or {}).get(key))), "")
    if is_index(entry["mediaType"]):
        inner, wanted = document(_blob(entry))["manifests"], platform()
        entry = next((e for e in inner if fits(said_platform(e.get("platform")), wanted)), None)
        if entry is None:
            raise UsageError(f"{path}: {named or 'its image'} is not for {wanted}", hint="save it for that platform")
    manifest = document(_blob(entry))
    return {
        "Config": _blob(manifest["config"]),
        "RepoTags": [named] if ":" in named or "/" in named else [],  # else it is a tag without a name
        "Layers": [_blob(layer) for layer in manifest["layers"]],
    }


def _blob(descriptor: Any) -> str:
    return f"blobs/{descriptor['digest'].replace(':', '/')}"


def _opened(path: Path, *, unpacked: bool) -> BinaryIO:
    """The file; `unpacked`: what is in it when it is compressed (an engine unpacks by itself)."""
    with path.open("rb") as stream:
        start = stream.read(8)
    for magic, module in _PACKED:
        if unpacked and start.startswith(magic):
            return cast("BinaryIO", module.open(path, "rb"))
    return path.open("rb")
