"""Pack a folder into a tar with reproducible bytes: they depend on names and contents, not on times, owners or paths."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath


def pack(folder: Path, prefix: str, extra: Mapping[str, bytes] | None = None) -> bytes:
    """Return a tar of the folder's files below `prefix`, plus the `extra` files at its top level. Raises OSError.

    Members are sorted by name, dated 1970, owned by root and readable by everyone, because the container's user is not
    the user who built the image.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in sorted((extra or {}).items()):
            archive.addfile(_tar_entry(name, len(content)), io.BytesIO(content))
        for parent in [*reversed(PurePosixPath(prefix).parents[:-1]), PurePosixPath(prefix)]:
            archive.addfile(_tar_entry(str(parent), directory=True))
        for path in sorted(folder.rglob("*")):
            name = f"{prefix}/{path.relative_to(folder).as_posix()}"
            if path.is_dir():
                archive.addfile(_tar_entry(name, directory=True))
                continue
            content = path.read_bytes()
            archive.addfile(_tar_entry(name, len(content)), io.BytesIO(content))
    return buffer.getvalue()


def _tar_entry(name: str, size: int = 0, *, directory: bool = False) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o755 if directory else 0o644
    entry.type = tarfile.DIRTYPE if directory else tarfile.REGTYPE
    entry.uname = entry.gname = "root"
    return entry
