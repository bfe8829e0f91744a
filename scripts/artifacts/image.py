"""The image of the native worker, as an OCI layout in a tar with one image per platform.

Its base layer is Debian's Python (debian.py), and its second layer the folder /app that `fogflow-k8s images build` makes, too; the
user, the environment and the entry point are those of the Containerfile. Tools such as skopeo, crane and `podman load` read the layout.
"""

from __future__ import annotations

import json
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from artifacts import debian
from artifacts.archive import digest, gzipped, tar_of_files, tar_of_folder
from artifacts.source import Source, pin
from fogflow_k8s.actions.images import worker
from fogflow_k8s.adapters.process import SystemRunner
from fogflow_k8s.engine.reporter import Silent

PLATFORMS = {"linux/amd64": "amd64", "linux/arm64": "arm64"}
"""Platform -> architecture, as both OCI and Debian name it."""
REPOSITORY = "fogflow-k8s/worker"
_PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True)
class Built:
    """One platform's image. `manifest`: its digest, `packages`: what its base consists of, `app`: the metadata files of its wheels."""

    platform: str
    manifest: str
    packages: tuple[debian.Package, ...]
    app: tuple[str, ...]


class Layout:
    """An OCI layout: contents by their digests."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def add(self, media_type: str, content: bytes, **more: Any) -> dict[str, Any]:
        """Store a content; its descriptor, with these additional keys."""
        name = digest(content)
        self._blobs[f"blobs/sha256/{name}"] = content
        return {"mediaType": media_type, "digest": f"sha256:{name}", "size": len(content), **more}

    def packed(self, index: Mapping[str, Any], epoch: int) -> bytes:
        """The layout as a tar. `index`: the content of index.json."""
        files = {"oci-layout": _json({"imageLayoutVersion": "1.0.0"}), "index.json": _json(index), **self._blobs}
        return tar_of_files(files, epoch)


def build(source: Source, out: Path, work: Path, platforms: Iterable[str] = tuple(PLATFORMS)) -> list[Built]:
    """Write the layout with the images of these platforms. `work`: a folder that keeps Debian's packages for the next build.

    Raises LookupError when a locked package cannot be had, and the errors of worker.make.
    """
    layout, descriptors, found = Layout(), [], []
    recipe, packages = settings_of(source.read("Containerfile").decode()), debian.locked()
    for platform in platforms:
        locked = packages[PLATFORMS[platform]]
        descriptor, app = _image(layout, source, platform, locked, recipe, work)
        descriptors.append(descriptor)
        found.append(Built(platform, descriptor["digest"], tuple(locked), app))
    images = layout.add(_INDEX, _json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": descriptors}))
    named = {**images, "annotations": {"org.opencontainers.image.ref.name": source.version}}
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [named]}
    archive_of(source, out).write_bytes(layout.packed(index, source.epoch))
    return found


def archive_of(source: Source, out: Path) -> Path:
    """The path of the layout's archive."""
    return out / f"fogflow-k8s-worker-{source.version}.oci.tar"


def digest_in(archive: Path) -> str:
    """The digest of the image in a layout's archive, under which a registry has it. Raises KeyError, LookupError for another archive."""
    with tarfile.open(archive) as layout:
        index = layout.extractfile("index.json")
        if index is None:
            raise LookupError(f"{archive} has no index.json: build it again with make artifacts")
        return str(json.load(index)["manifests"][0]["digest"])


def pin_in_charts(source: Source, registry: str, archive: Path) -> None:
    """Pin the image of a layout's archive in the staged charts, by the name that it gets in the registry. Raises as digest_in."""
    pin(source, {f"{registry}/{REPOSITORY}:{source.version}": digest_in(archive)})


def settings_of(containerfile: str) -> dict[str, Any]:
    """What the Containerfile says about the container, as keys of an image's configuration. Raises KeyError when it says less."""
    said = dict(line.split(" ", 1) for line in containerfile.splitlines() if line[:1].isupper())
    return {
        "User": said["USER"],
        "Env": [_PATH, "LANG=C.UTF-8", *said["ENV"].split()],
        "Entrypoint": json.loads(said["ENTRYPOINT"]),
    }


def _image(
    layout: Layout, source: Source, platform: str, packages: list[debian.Package], recipe: Mapping[str, Any], work: Path
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Add one platform's image to the layout; its descriptor, and the metadata of the wheels in it."""
    architecture = PLATFORMS[platform]
    with tempfile.TemporaryDirectory(prefix="fogflow-k8s-") as folder:
        root, app = Path(folder, "root"), Path(folder, "app", "app")
        app.mkdir(parents=True)
        debian.unpack(debian.fetch(packages, architecture, work), root)
        worker.make(app, platform, SystemRunner(), Silent(), source.folder / "src/fogflow_k8s")
        for path in [app, *app.rglob("*")]:  # readable for the container's user, whatever this process's umask is
            path.chmod(0o755 if path.is_dir() else 0o644)
        layers = [tar_of_folder(each, source.epoch) for each in (root, app.parent)]
        metadata = tuple(path.read_text(encoding="utf-8") for path in sorted(app.glob("*.dist-info/METADATA")))
    created = datetime.fromtimestamp(source.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    labels = {
        "org.opencontainers.image.title": "fogflow-k8s-worker",
        "org.opencontainers.image.description": "The native worker of fogflow-k8s",
        "org.opencontainers.image.version": source.version,
        "org.opencontainers.image.licenses": "Apache-2.0",
        **({"org.opencontainers.image.source": source.repository} if source.repository else {}),
    }
    config = {
        "created": created,
        "architecture": architecture,
        "os": "linux",
        "config": {**recipe, "WorkingDir": "/", "Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest(layer)}" for layer in layers]},
        "history": [
            {"created": created, "created_by": f"Debian {debian.SUITE}: {', '.join(debian.WANTED)}"},
            {"created": created, "created_by": "COPY root/ /"},
        ],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": layout.add(_CONFIG, _json(config)),
        "layers": [layout.add(_LAYER, gzipped(layer)) for layer in layers],
        "annotations": labels,
    }
    about = {"platform": {"os": "linux", "architecture": architecture}}
    return layout.add(_MANIFEST, _json(manifest), **about), metadata


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True).encode()
