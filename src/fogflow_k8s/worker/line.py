"""What is to be done for tasks: once however often it was asked for, one at a time for each task, later after a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fogflow_k8s.worker.logs import warn

FIRST_BACK_OFF_S = 0.5
LAST_BACK_OFF_S = 30.0


class Line:
    """Ids in the order in which they were first asked for. `look` raising means: again, later.

    Each waits `hold_s` first, so that several changes in a row are one.
    """

    def __init__(self, look: Callable[[str], Awaitable[None]], lookers: int, hold_s: float = 0) -> None:
        self._look, self._lookers, self._hold_s = look, lookers, hold_s
        self._ids: asyncio.Queue[str] = asyncio.Queue()
        self._waiting: set[str] = set()
        self._at_work: set[str] = set()
        self._again: set[str] = set()
        self._failures: dict[str, int] = {}

    def add(self, task_id: str) -> None:
        """Have it looked at."""
        if task_id in self._at_work:
            self._again.add(task_id)
        elif task_id not in self._waiting:
            self._waiting.add(task_id)
            if self._hold_s:
                asyncio.get_running_loop().call_later(self._hold_s, self._ids.put_nowait, task_id)
            else:
                self._ids.put_nowait(task_id)

    @property
    def unfinished(self) -> set[str]:
        """Those that are still to be done."""
        return self._waiting | self._at_work | set(self._failures)

    async def run(self) -> None:
        """Look until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._lookers):
                group.create_task(self._one())

    async def _one(self) -> None:
        while True:
            task_id = await self._ids.get()
            self._waiting.discard(task_id)
            self._at_work.add(task_id)
            try:
                await self._look(task_id)
                self._failures.pop(task_id, None)
            except Exception as error:  # noqa: BLE001 - one task's trouble, of whatever kind, is not to end the others
                self._later(task_id, error)
            finally:
                self._at_work.discard(task_id)
                if task_id in self._again:
                    self._again.discard(task_id)
                    self.add(task_id)

    def _later(self, task_id: str, error: Exception) -> None:
        failures = self._failures[task_id] = self._failures.get(task_id, 0) + 1
        wait_s = min(FIRST_BACK_OFF_S * 2 ** (failures - 1), LAST_BACK_OFF_S)
        warn("to be tried again", task=task_id, in_s=wait_s, why=str(error) or type(error).__name__)
        asyncio.get_running_loop().call_later(wait_s, self.add, task_id)
