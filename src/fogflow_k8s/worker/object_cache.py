"""The worker's copy of the objects of its tasks, kept current by watches (in client-go, this is an informer).

It lists Deployments, Services, pods and EndpointSlices once, then follows a watch for each kind, and lists a kind again when
its watch ends with an error. For every change it calls a function with the hash of the task that the object belongs to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fogflow_k8s.model.kubernetes import Obj, labels_of, metadata_of
from fogflow_k8s.model.task.record import TASK, selector
from fogflow_k8s.worker import metrics
from fogflow_k8s.worker.kube import API_ERRORS, ApiError, KubeClient
from fogflow_k8s.worker.logs import warn

KINDS = ("deployments", "services", "pods", "endpointslices")


class ObjectCache:
    """The newest known version of each object of one worker's tasks; `on_change` receives the hash of a task."""

    def __init__(self, kube: KubeClient, worker_id: str, on_change: Callable[[str], None]) -> None:
        self._kube, self._selector, self._on_change = kube, selector(worker_id), on_change
        self._objects: dict[str, dict[str, Obj]] = {kind: {} for kind in KINDS}
        self._of_task: dict[str, dict[str, set[str]]] = {kind: {} for kind in KINDS}

    async def list_all(self) -> dict[str, str]:
        """List every kind; the versions to watch from. Raises API_ERRORS."""
        return {kind: await self._list(kind) for kind in KINDS}

    async def watch(self, kind: str, version: str) -> None:
        """Follow the changes of one kind until cancelled."""
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
            except API_ERRORS as error:
                metrics.ERRORS.labels("kubernetes").inc()
                if not (isinstance(error, ApiError) and error.status == 410):
                    warn("watch ended", kind=kind, why=str(error))
                version = ""
                await asyncio.sleep(1)

    def put(self, kind: str, obj: Obj) -> None:
        """Store an object that was read or written; a version that is older than the known one is ignored."""
        name, task = metadata_of(obj)["name"], _task_hash(obj)
        known = self._objects[kind].get(name)
        if known and _version_number(obj) < _version_number(known):
            return
        self._objects[kind][name] = obj
        self._of_task[kind].setdefault(task, set()).add(name)
        self._on_change(task)

    def of_task(self, kind: str, hash_: str) -> list[Obj]:
        """The objects of that kind of the task with this hash."""
        return [self._objects[kind][name] for name in self._of_task[kind].get(hash_, ())]

    def get(self, kind: str, name: str) -> Obj | None:
        """The object with this name."""
        return self._objects[kind].get(name)

    def forget(self, kind: str, name: str) -> None:
        """Remove an object that the worker has deleted in the cluster."""
        if obj := self._objects[kind].get(name):
            self._remove(kind, obj)

    def all_of(self, kind: str) -> list[Obj]:
        """All objects of that kind."""
        return list(self._objects[kind].values())

    async def _list(self, kind: str) -> str:
        items, version = await self._kube.list(kind, self._selector)
        listed = {metadata_of(item)["name"] for item in items}
        for gone in [obj for name, obj in self._objects[kind].items() if name not in listed]:
            self._remove(kind, gone)
        for item in items:
            self.put(kind, item)
        return version

    def _remove(self, kind: str, obj: Obj) -> None:
        name, task = metadata_of(obj)["name"], _task_hash(obj)
        self._objects[kind].pop(name, None)
        names = self._of_task[kind].get(task, set())
        names.discard(name)
        if not names:
            self._of_task[kind].pop(task, None)
        self._on_change(task)


def _task_hash(obj: Obj) -> str:
    return str(labels_of(obj).get(TASK, ""))


def _version(obj: Obj) -> str:
    return str(metadata_of(obj).get("resourceVersion") or "")


def _version_number(obj: Obj) -> int:
    version = _version(obj)
    return int(version) if version.isdigit() else 0
