"""Images for the real nodes: the two that a cluster itself needs, and those that people load."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

from fogflow_k8s.adapters.process import SystemRunner
from fogflow_k8s.errors import FogflowError, UsageError
from fogflow_k8s.sandbox.programs import architecture, version_of

PAUSE = "registry.k8s.io/pause:3.10"
_PUSH_S = 300.0


def dns_image() -> str:
    """The name of the cluster's DNS image."""
    return f"registry.k8s.io/coredns/coredns:{version_of('github.com/coredns/coredns')}"


def write_archive(path: Path, tag: str, program: Path) -> Path:
    """An image of one static program and nothing else, in the form that `docker save` writes."""
    layer = _tar({program.name: program.read_bytes()}, mode=0o755)
    config = {
        "architecture": architecture(),
        "os": "linux",
        "config": {"Entrypoint": [f"/{program.name}"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [tag], "Layers": ["layer.tar"]}]
    files = {"manifest.json": json.dumps(manifest).encode(), "config.json": json.dumps(config).encode()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_tar(files | {"layer.tar": layer}, mode=0o644))
    return path


def _tar(files: dict[str, bytes], *, mode: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def tags_of(path: Path) -> list[str]:
    """The names that an archive of `docker save` gives its image. Raises UsageError when it is none."""
    try:
        with tarfile.open(path) as archive:
            member = archive.extractfile("manifest.json")
            images = json.load(member) if member else []
        return [tag for image in images for tag in image["RepoTags"] or []]
    except (OSError, KeyError, TypeError, ValueError, tarfile.TarError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise UsageError(
            f"{path} is not an image archive: {reason}", hint="write one with: docker save IMAGE -o IMAGE.tar"
        ) from error


def push(crane: Path, archive: Path, tags: Sequence[str], registry: str) -> None:
    """Put the image of an archive into the sandbox's registry under these names. Raises FogflowError, UsageError."""
    if not tags:
        raise UsageError(f"{archive} gives its image no name", hint="docker save NAME:TAG, not an image id")
    for tag in tags:
        # --insecure: the registry listens on the sandbox's own address, and speaks plain HTTP
        argv = [str(crane), "push", "--insecure", str(archive), f"{registry}/{path_of(tag)}"]
        done = SystemRunner().run(argv, timeout_s=_PUSH_S)
        if done.code:
            raise FogflowError(f"{tag} could not be loaded: {done.stderr.strip()[-300:]}")


def keep(archive: Path, tags: Sequence[str], folder: Path) -> None:
    """Keep an archive, under a name of its image: a second one of the same image replaces it."""
    name = hashlib.sha256("\n".join(sorted(tags)).encode()).hexdigest()[:16]
    kept = folder / f"{name}.tar"
    kept.unlink(missing_ok=True)
    try:
        kept.hardlink_to(archive)  # costs no room
    except OSError:  # on another disk
        shutil.copyfile(archive, kept)


def path_of(tag: str) -> str:
    """What a node asks our registry for when a pod names this image: the name without its registry.

    docker.io/library/nginx:1, nginx:1 and docker.io/nginx:1 are one image, as for Docker.
    """
    first, _, rest = tag.partition("/")
    is_host = bool(rest) and (first == "localhost" or "." in first or ":" in first)
    host, path = (first, rest) if is_host else ("docker.io", tag)
    return f"library/{path}" if host in {"docker.io", "index.docker.io"} and "/" not in path else path
