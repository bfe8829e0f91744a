"""A tar.gz that grows member by member, never above its limit, and appears under its name only when it is whole."""

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

_END = b"\0" * 2 * tarfile.BLOCKSIZE  # how a tar says that nothing follows


class Archive:
    """A private file (mode 0600) written beside its place and renamed at the end of the `with` block.

    An error or an interruption in the block leaves nothing. Each member is compressed for itself (a gzip file may consist of several), so
    whether it fits is known before it is written, and nothing but one member per thread is in memory.
    """

    def __init__(self, path: Path, root: str, *, limit: int, when: datetime) -> None:
        """`root` is the folder inside; `limit` the greatest size of the file in bytes. Raises OSError."""
        self.path = path
        self.size = 0
        self._root, self._limit, self._when = root, limit, when
        self._lock = threading.Lock()
        self._broken: OSError | None = None
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        self._stream, self._temporary = os.fdopen(descriptor, "wb"), Path(name)

    def __enter__(self) -> Self:
        return self

    def add(self, name: str, data: bytes, *, anyway: bool = False) -> int:
        """Bytes that the member takes in the file; 0 when there is no room and it was left out. Raises OSError."""
        info = tarfile.TarInfo(f"{self._root}/{name}")
        info.size, info.mode, info.mtime = len(data), 0o600, int(self._when.timestamp())
        padding = b"\0" * (-len(data) % tarfile.BLOCKSIZE)
        packed = gzip.compress(info.tobuf(tarfile.PAX_FORMAT) + data + padding, compresslevel=6, mtime=0)
        with self._lock:
            if self.size + len(packed) > self._limit and not anyway:
                return 0
            try:
                self._stream.write(packed)
            except OSError as error:
                self._broken = error
                raise
            self.size += len(packed)
        return len(packed)

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        try:
            with self._lock:  # a thread that nobody waits for any more may still be writing
                if kind is None:
                    if self._broken:
                        raise self._broken
                    self._stream.write(gzip.compress(_END, mtime=0))
                    self._stream.flush()
                    os.fsync(self._stream.fileno())
                    self.size = self._stream.tell()
                    self._temporary.replace(self.path)
        finally:
            self._temporary.unlink(missing_ok=True)
            with suppress(OSError):  # a full disk says so once more
                self._stream.close()
