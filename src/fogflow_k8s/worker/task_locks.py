"""One lock per task, so that the worker handles the messages of one task, and its reconciliation, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class TaskLocks:
    """The locks that are held or waited for. A lock is deleted with its last user, so their number stays small."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}  # with the number of its users

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._locks

    def __len__(self) -> int:
        return len(self._locks)

    @asynccontextmanager
    async def hold(self, task_id: str) -> AsyncIterator[None]:
        """Wait for the lock of a task, in the order of the calls, and hold it."""
        lock, users = self._locks.get(task_id, (asyncio.Lock(), 0))
        self._locks[task_id] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(task_id)
            if users > 1:
                self._locks[task_id] = lock, users - 1
