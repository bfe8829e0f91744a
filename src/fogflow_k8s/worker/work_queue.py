"""A queue of task ids to work on, as the work queues of Kubernetes controllers.

An id that is added several times is processed once, an id is never processed twice at the same time, and an id whose
processing fails is processed again after a delay that doubles with each failure. An id can be added with a delay, so that
several changes in a row become one.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

from fogflow_k8s.worker.logs import warn

FIRST_BACK_OFF_S = 0.5
LAST_BACK_OFF_S = 30.0


class WorkQueue:
    """Ids in the order in which they were first added. `process` raises an error to be called again later."""

    def __init__(self, process: Callable[[str], Awaitable[None]], concurrency: int) -> None:
        self._process, self._concurrency = process, concurrency
        self._ids: asyncio.Queue[str] = asyncio.Queue()
        self._due_s: dict[str, float] = {}  # of the ids that wait, in the loop's time
        self._processing: set[str] = set()
        self._again: dict[str, float] = {}  # ids that were added while they were processed, with their delay
        self._failures: dict[str, int] = {}

    def add(self, task_id: str, delay_s: float = 0) -> None:
        """Process the id after this delay, or when it is due anyway, whichever is earlier."""
        if task_id in self._processing:
            self._again[task_id] = min(delay_s, self._again.get(task_id, delay_s))
            return
        loop = asyncio.get_running_loop()
        due_s = loop.time() + delay_s
        if due_s >= self._due_s.get(task_id, math.inf):
            return
        self._due_s[task_id] = due_s
        if delay_s:
            loop.call_later(delay_s, self._ids.put_nowait, task_id)
        else:
            self._ids.put_nowait(task_id)

    @property
    def unfinished(self) -> set[str]:
        """The ids that wait, are being processed, or failed and will be processed again."""
        return self._due_s.keys() | self._processing | self._failures.keys()

    async def run(self) -> None:
        """Process ids until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._run_one())

    async def _run_one(self) -> None:
        while True:
            task_id = await self._ids.get()
            if self._due_s.pop(task_id, None) is None:
                continue  # it was added a second time with a shorter delay, and is processed already
            self._processing.add(task_id)
            try:
                await self._process(task_id)
                self._failures.pop(task_id, None)
            except Exception as error:  # noqa: BLE001 - a failure of any kind must not stop the other tasks
                self._retry_later(task_id, error)
            finally:
                self._processing.discard(task_id)
                if (delay_s := self._again.pop(task_id, None)) is not None:
                    self.add(task_id, delay_s)

    def _retry_later(self, task_id: str, error: Exception) -> None:
        failures = self._failures[task_id] = self._failures.get(task_id, 0) + 1
        wait_s = min(FIRST_BACK_OFF_S * 2 ** (failures - 1), LAST_BACK_OFF_S)
        warn("failed; will be retried", task=task_id, in_s=wait_s, why=str(error) or type(error).__name__)
        asyncio.get_running_loop().call_later(wait_s, self.add, task_id)
