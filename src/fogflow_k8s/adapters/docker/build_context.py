"""A folder as a tar whose bytes depend on its files alone: not on when, where or by whom they were made."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath


def packed(folder: Path, under: str, more: Mapping[str, bytes] | None = None) -> bytes:
    """The folder's files below `under`, and files of the given content at the top. Raises OSError.

    Sorted by name, of the epoch, of root, readable by everybody: whoever the container runs as is not the one who made it.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in sorted((more or {}).items()):
            archive.addfile(_plain(name, len(content)), io.BytesIO(content))
        for above in [*reversed(PurePosixPath(under).parents[:-1]), PurePosixPath(under)]:
            archive.addfile(_plain(str(above), directory=True))
        for path in sorted(folder.rglob("*")):
            name = f"{under}/{path.relative_to(folder).as_posix()}"
            if path.is_dir():
                archive.addfile(_plain(name, directory=True))
                continue
            content = path.read_bytes()
            archive.addfile(_plain(name, len(content)), io.BytesIO(content))
    return buffer.getvalue()


def _plain(name: str, size: int = 0, *, directory: bool = False) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o755 if directory else 0o644
    entry.type = tarfile.DIRTYPE if directory else tarfile.REGTYPE
    entry.uname = entry.gname = "root"
    return entry
