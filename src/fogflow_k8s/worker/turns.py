"""Who may do something for a task: one at a time for each, in the order of asking."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """A lock for each task that somebody holds or wants; it goes with its last user."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}  # with how many hold or want it

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._locks

    def __len__(self) -> int:
        return len(self._locks)

    @asynccontextmanager
    async def of(self, task_id: str) -> AsyncIterator[None]:
        """Wait for the turn, and hold it."""
        lock, users = self._locks.get(task_id, (asyncio.Lock(), 0))
        self._locks[task_id] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(task_id)
            if users > 1:
                self._locks[task_id] = lock, users - 1
