"""A tar.gz file that grows by one member at a time, stays below a size limit, and appears only when it is complete.

`bundle` writes its support archive with it: several collectors add members from their threads, and a reader of the
folder never sees a partial archive.
"""

from __future__ import annotations

import gzip
import os
import tarfile
import tempfile
import threading
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

_TAR_END = b"\0" * 2 * tarfile.BLOCKSIZE  # the end-of-archive marker of the tar format


class Archive:
    """A private file (mode 0600), written under a temporary name in the same folder and renamed at the end of the `with` block.

    After an error or an interruption in the block, no file remains. Each member is compressed separately (a gzip file may
    consist of several parts), so its compressed size is known before it is written, and memory holds one member per thread.
    """

    def __init__(self, path: Path, root: str, *, limit: int, mtime: datetime) -> None:
        """`root` is the folder inside the archive; `limit` is the maximum size of the file in bytes. Raises OSError."""
        self.path = path
        self.size = 0
        self._root, self._limit, self._mtime = root, limit, mtime
        self._lock = threading.Lock()
        self._write_error: OSError | None = None
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        self._stream, self._temporary = os.fdopen(descriptor, "wb"), Path(name)

    def __enter__(self) -> Self:
        return self

    def add(self, name: str, data: bytes, *, ignore_limit: bool = False) -> int:
        """Write a member; return its compressed size in bytes, or 0 when it exceeds the limit and was left out.

        `ignore_limit` writes it in any case. Raises OSError.
        """
        info = tarfile.TarInfo(f"{self._root}/{name}")
        info.size, info.mode, info.mtime = len(data), 0o600, int(self._mtime.timestamp())
        padding = b"\0" * (-len(data) % tarfile.BLOCKSIZE)
        packed = gzip.compress(info.tobuf(tarfile.PAX_FORMAT) + data + padding, compresslevel=6, mtime=0)
        with self._lock:
            if self.size + len(packed) > self._limit and not ignore_limit:
                return 0
            try:
                self._stream.write(packed)
            except OSError as error:
                self._write_error = error
                raise
            self.size += len(packed)
        return len(packed)

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        try:
            with self._lock:  # a collector that timed out may still be writing
                if kind is None:
                    if self._write_error:
                        raise self._write_error
                    self._stream.write(gzip.compress(_TAR_END, mtime=0))
                    self._stream.flush()
                    os.fsync(self._stream.fileno())
                    self.size = self._stream.tell()
                    self._temporary.replace(self.path)
        finally:
            self._temporary.unlink(missing_ok=True)
            with suppress(OSError):  # on a full disk, close fails as well
                self._stream.close()
