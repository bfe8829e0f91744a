"""What the cluster shows of our tasks: watched, and listed anew when a watch ends badly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fogflow_k8s.model.kubernetes import Obj, labels_of, metadata_of
from fogflow_k8s.model.task.record import TASK, selector
from fogflow_k8s.worker import metrics
from fogflow_k8s.worker.kube import ERRORS, Kube, Refused
from fogflow_k8s.worker.logs import warn

KINDS = ("deployments", "services", "pods", "endpointslices")


class Observed:
    """The newest state of each object of one worker's tasks; `changed` is called with the hash of the task it is of."""

    def __init__(self, kube: Kube, worker_id: str, changed: Callable[[str], None]) -> None:
        self._kube, self._selector, self._changed = kube, selector(worker_id), changed
        self._objects: dict[str, dict[str, Obj]] = {kind: {} for kind in KINDS}
        self._of_task: dict[str, dict[str, set[str]]] = {kind: {} for kind in KINDS}

    async def load(self) -> dict[str, str]:
        """List everything; the versions to watch from. Raises ERRORS."""
        return {kind: await self._list(kind) for kind in KINDS}

    async def follow(self, kind: str, version: str) -> None:
        """Watch one kind until cancelled."""
        while True:
            try:
                if not version:
                    version = await self._list(kind)
                async for event, obj in self._kube.watch(kind, self._selector, version):
                    version = _version(obj)
                    if event == "DELETED":
                        self._remove(kind, obj)
                    elif event != "BOOKMARK":
                        self.put(kind, obj)
            except ERRORS as error:
                metrics.ERRORS.labels("kubernetes").inc()
                if not (isinstance(error, Refused) and error.status == 410):
                    warn("watch ended", kind=kind, why=str(error))
                version = ""
                await asyncio.sleep(1)

    def put(self, kind: str, obj: Obj) -> None:
        """What was seen or written; an older state than the one that is known is left out."""
        name, task = obj["metadata"]["name"], _task(obj)
        known = self._objects[kind].get(name)
        if known and _number(obj) < _number(known):
            return
        self._objects[kind][name] = obj
        self._of_task[kind].setdefault(task, set()).add(name)
        self._changed(task)

    def of(self, kind: str, task: str) -> list[Obj]:
        """The objects of that kind of the task with this hash."""
        return [self._objects[kind][name] for name in self._of_task[kind].get(task, ())]

    def get(self, kind: str, name: str) -> Obj | None:
        """One object by name."""
        return self._objects[kind].get(name)

    def forget(self, kind: str, name: str) -> None:
        """It was deleted by us."""
        if obj := self._objects[kind].get(name):
            self._remove(kind, obj)

    def every(self, kind: str) -> list[Obj]:
        """All objects of that kind."""
        return list(self._objects[kind].values())

    async def _list(self, kind: str) -> str:
        items, version = await self._kube.list(kind, self._selector)
        here = {item["metadata"]["name"] for item in items}
        for gone in [obj for name, obj in self._objects[kind].items() if name not in here]:
            self._remove(kind, gone)
        for item in items:
            self.put(kind, item)
        return version

    def _remove(self, kind: str, obj: Obj) -> None:
        name, task = obj["metadata"]["name"], _task(obj)
        self._objects[kind].pop(name, None)
        names = self._of_task[kind].get(task, set())
        names.discard(name)
        if not names:
            self._of_task[kind].pop(task, None)
        self._changed(task)


def _task(obj: Obj) -> str:
    return str(labels_of(obj).get(TASK, ""))


def _version(obj: Obj) -> str:
    return str(metadata_of(obj).get("resourceVersion") or "")


def _number(obj: Obj) -> int:
    version = _version(obj)
    return int(version) if version.isdigit() else 0
