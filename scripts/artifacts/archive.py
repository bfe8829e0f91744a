"""Archives whose bytes depend on names, contents and modes only."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path


def digest(content: bytes) -> str:
    """The SHA-256 of the content, in hex."""
    return hashlib.sha256(content).hexdigest()


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, in hex. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def tar_of_folder(folder: Path, epoch: int, prefix: str = "") -> bytes:
    """A tar of all that is below `folder`, with links as links, sorted by name, owned by root, and dated `epoch` (seconds since 1970)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folder.rglob("*")):
            entry = archive.gettarinfo(path, prefix + path.relative_to(folder).as_posix())
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = epoch, 0, 0, "root", "root"
            if (
                entry.islnk()
            ):  # a second name of a file: its content is stored again, as the first name depends on the file system
                entry.type, entry.linkname, entry.size = tarfile.REGTYPE, "", path.stat().st_size
            if entry.isreg():
                with path.open("rb") as stream:
                    archive.addfile(entry, stream)
            else:
                archive.addfile(entry)
    return buffer.getvalue()


def tar_of_files(files: Mapping[str, bytes], epoch: int, executable: Iterable[str] = ()) -> bytes:
    """A tar of these files and their folders, in the order of their names. `executable`: the names with mode 0755."""
    buffer, wanted = io.BytesIO(), frozenset(executable)
    parents = {str(parent) for name in files for parent in Path(name).parents if str(parent) != "."}
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted({*files, *parents}):
            entry = tarfile.TarInfo(name)
            entry.mtime, entry.uname, entry.gname = epoch, "root", "root"
            if name in parents:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(entry)
            else:
                entry.size, entry.mode = len(files[name]), 0o755 if name in wanted else 0o644
                archive.addfile(entry, io.BytesIO(files[name]))
    return buffer.getvalue()


def gzipped(content: bytes) -> bytes:
    """The content, compressed, without the time of the build in the header.

    Level 6: for the image, level 9 takes three times as long and saves 1 %.
    """
    return gzip.compress(content, compresslevel=6, mtime=0)


def redated(packed: bytes, epoch: int) -> bytes:
    """The same archive (tar.gz) with the same members in the same order, all dated `epoch` and owned by root. Raises tarfile.TarError."""
    buffer = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as old,
        tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for entry in old:
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = epoch, 0, 0, "root", "root"
            entry.pax_headers = {}
            new.addfile(entry, old.extractfile(entry) if entry.isreg() else None)
    return gzipped(buffer.getvalue())
