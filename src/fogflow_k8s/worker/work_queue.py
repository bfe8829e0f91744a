"""What is to be done for tasks: once however often it was asked for, one at a time for each task, later after a failure."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

from fogflow_k8s.worker.logs import warn

FIRST_BACK_OFF_S = 0.5
LAST_BACK_OFF_S = 30.0


class WorkQueue:
    """Ids in the order in which they were first asked for. `look` raising means: again, later.

    Each can be held for a while first, so that several changes in a row are one.
    """

    def __init__(self, look: Callable[[str], Awaitable[None]], lookers: int) -> None:
        self._look, self._lookers = look, lookers
        self._ids: asyncio.Queue[str] = asyncio.Queue()
        self._waiting: dict[str, float] = {}  # until when
        self._at_work: set[str] = set()
        self._again: dict[str, float] = {}  # and after how long
        self._failures: dict[str, int] = {}

    def add(self, task_id: str, hold_s: float = 0) -> None:
        """Have it looked at, after `hold_s` or when it is due anyway."""
        if task_id in self._at_work:
            self._again[task_id] = min(hold_s, self._again.get(task_id, hold_s))
            return
        loop = asyncio.get_running_loop()
        due_s = loop.time() + hold_s
        if due_s >= self._waiting.get(task_id, math.inf):
            return
        self._waiting[task_id] = due_s
        if hold_s:
            loop.call_later(hold_s, self._ids.put_nowait, task_id)
        else:
            self._ids.put_nowait(task_id)

    @property
    def unfinished(self) -> set[str]:
        """Those that are still to be done."""
        return self._waiting.keys() | self._at_work | self._failures.keys()

    async def run(self) -> None:
        """Look until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._lookers):
                group.create_task(self._one())

    async def _one(self) -> None:
        while True:
            task_id = await self._ids.get()
            if self._waiting.pop(task_id, None) is None:
                continue  # it was due sooner, too
            self._at_work.add(task_id)
            try:
                await self._look(task_id)
                self._failures.pop(task_id, None)
            except Exception as error:  # noqa: BLE001 - one task's trouble, of whatever kind, is not to end the others
                self._later(task_id, error)
            finally:
                self._at_work.discard(task_id)
                if (hold_s := self._again.pop(task_id, None)) is not None:
                    self.add(task_id, hold_s)

    def _later(self, task_id: str, error: Exception) -> None:
        failures = self._failures[task_id] = self._failures.get(task_id, 0) + 1
        wait_s = min(FIRST_BACK_OFF_S * 2 ** (failures - 1), LAST_BACK_OFF_S)
        warn("to be tried again", task=task_id, in_s=wait_s, why=str(error) or type(error).__name__)
        asyncio.get_running_loop().call_later(wait_s, self.add, task_id)
