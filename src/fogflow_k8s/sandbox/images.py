"""Images for real nodes: pause and CoreDNS, which every cluster needs, and the images that users load.

Nodes pull from a registry in the sandbox. Images get there with crane from archives in the format of `docker save`, and
the archives are kept, because the registry keeps names in memory only.
"""

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
    """Return the name of the CoreDNS image."""
    return f"registry.k8s.io/coredns/coredns:{version_of('github.com/coredns/coredns')}"


def write_archive(path: Path, tag: str, program: Path) -> Path:
    """Write an archive of an image that holds one static program, in the format of `docker save`."""
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
    """Return the names that an archive of `docker save` gives its image. Raises UsageError when it is not one."""
    try:
        with tarfile.open(path) as archive:
            member = archive.extractfile("manifest.json")
            images = json.load(member) if member else []
        return [tag for image in images for tag in image["RepoTags"] or []]
    except (OSError, KeyError, TypeError, ValueError, tarfile.TarError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if isinstance(error, tarfile.ReadError):  # its text has a line for each compression that was tried
            reason = "it is no tar file" if path.stat().st_size else "it is empty"
        raise UsageError(
            f"{path} is not an image archive: {reason}", hint="write one with: docker save IMAGE -o IMAGE.tar"
        ) from error


def push(crane: Path, archive: Path, tags: Sequence[str], registry: str) -> None:
    """Push the image of an archive to the sandbox's registry under these names. Raises FogflowError, UsageError."""
    if not tags:
        raise UsageError(
            f"the image in {archive} has no name", hint=f"save it by name, not by id: docker save NAME:TAG -o {archive}"
        )
    for tag in tags:
        # --insecure: the registry is on the sandbox's own address and uses plain HTTP
        argv = [str(crane), "push", "--insecure", str(archive), f"{registry}/{registry_path(tag)}"]
        done = SystemRunner().run(argv, timeout_s=_PUSH_S)
        if done.code:
            raise FogflowError(f"{tag} could not be loaded: {done.stderr.strip()[-300:]}")


def store_archive(archive: Path, tags: Sequence[str], folder: Path) -> None:
    """Keep an archive in `folder`; a second archive of the same image replaces it."""
    name = hashlib.sha256("\n".join(sorted(tags)).encode()).hexdigest()[:16]
    kept = folder / f"{name}.tar"
    kept.unlink(missing_ok=True)
    try:
        kept.hardlink_to(archive)  # needs no disk space
    except OSError:  # on another disk
        shutil.copyfile(archive, kept)


def registry_path(tag: str) -> str:
    """Return the path in the sandbox's registry for an image name: the name without its registry.

    docker.io/library/nginx:1, nginx:1 and docker.io/nginx:1 are the same image, as for Docker.
    """
    first, _, rest = tag.partition("/")
    is_host = bool(rest) and (first == "localhost" or "." in first or ":" in first)
    host, path = (first, rest) if is_host else ("docker.io", tag)
    return f"library/{path}" if host in {"docker.io", "index.docker.io"} and "/" not in path else path
