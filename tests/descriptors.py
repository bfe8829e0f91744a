"""The open files of a process, as /proc shows them."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def links_of(pid: int) -> Iterator[str]:
    """What each open file descriptor of a process leads to. A descriptor that the process closes while it is read is left out."""
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            yield str(descriptor.readlink())
