"""The storage of the worker: the Deployment, the Service and the ConfigMap of each task, in one namespace.

The annotations of the Deployment contain the record of the task (model/task/record.py). When the API server rejects the
Deployment (a quota, an admission webhook), the record is stored in a ConfigMap of the same name until the Deployment can be
created. What is written here outlives the worker's process.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from typing import Any, Protocol

from fogflow_k8s.model.kubernetes import Obj, annotations_of, metadata_of, spec_of
from fogflow_k8s.model.task.manifests import TaskEnvironment, config_map, deployment, service
from fogflow_k8s.model.task.record import (
    DESIRED,
    ORDER,
    TASK,
    TaskRecord,
    read_record,
    record_annotations,
    selector,
    state_annotations,
)
from fogflow_k8s.worker.kube import ApiError
from fogflow_k8s.worker.object_cache import ObjectCache
from fogflow_k8s.worker.task_status import failed

SPEC_DIGEST = "fogflow-k8s.io/spec"


class ObjectClient(Protocol):
    """What this module needs of `KubeClient`."""

    async def list(self, kind: str, selector: str) -> tuple[list[dict[str, Any]], str]: ...
    async def get(self, kind: str, name: str) -> dict[str, Any]: ...
    async def create(self, kind: str, body: Obj) -> dict[str, Any]: ...
    async def patch(self, kind: str, name: str, body: Obj) -> dict[str, Any]: ...
    async def delete(self, kind: str, name: str) -> None: ...


class TaskStore:
    """The tasks of one worker in one namespace."""

    def __init__(self, kube: ObjectClient, environment: TaskEnvironment, cache: ObjectCache) -> None:
        self._kube, self._environment, self._cache = kube, environment, cache
        self._in_config_map: set[str] = set()  # names of the tasks whose Deployment was rejected

    async def read_all(self) -> list[TaskRecord]:
        """Every record in the cluster. Raises API_ERRORS."""
        records = [read_record(obj) for obj in self._cache.all_of("deployments")]
        config_maps, _ = await self._kube.list("configmaps", selector(self._environment.worker))
        alone = [read_record(m) for m in config_maps if not self._cache.get("deployments", metadata_of(m)["name"])]
        self._in_config_map = {record.name for record in alone if record}
        return [record for record in [*records, *alone] if record]

    async def save(self, record: TaskRecord, *, active: bool, code: str = "") -> str | None:
        """Store a task and run it; why the API server rejects it, or None. Raises API_ERRORS that a retry may solve.

        Its Service is created when there is a pod: in a burst, every task is stored before the many writes that follow each
        Service and each pod.
        """
        try:
            if code:
                await self._create_or_patch("configmaps", config_map(record, self._environment, code=code))
            await self._save_deployment(record, active=active)
            if active and self._cache.of_task("pods", record.hash) and not self._cache.get("services", record.name):
                await self._create_service(record)
        except ApiError as error:
            if not error.permanent:
                raise
            if not self._cache.get("deployments", record.name):
                rejected = replace(record, status=failed(str(error)))
                body = config_map(rejected, self._environment, code=code, with_record=True)
                if record.name in self._in_config_map:  # what `save_state` stored is newer, and may be another reason
                    for key in state_annotations(record):
                        del body["metadata"]["annotations"][key]
                await self._create_or_patch("configmaps", body)
                self._in_config_map.add(record.name)
            return str(error)
        if record.name in self._in_config_map:
            await self._kube.patch("configmaps", record.name, {"metadata": {"annotations": {TASK: None}}})
            self._in_config_map.discard(record.name)
        return None

    async def save_state(self, record: TaskRecord) -> None:
        """Store the subscriptions and the status of a task. Raises API_ERRORS."""
        await self._annotate(record, state_annotations(record))

    def is_marked_removed(self, record: TaskRecord) -> bool:
        """Whether another program or a user has annotated the task's Deployment with `desired=removed`.

        The order shows whether the annotation is about this task: the worker writes it too, and the Deployment can still
        have the annotation of an earlier task with the same id.
        """
        found = annotations_of(self._cache.get("deployments", record.name) or {})
        return found.get(DESIRED) == "removed" and found.get(ORDER) == str(record.order)

    async def mark_removed(self, record: TaskRecord) -> None:
        """Store that a task is to be removed, unless its objects are deleted already. Raises API_ERRORS."""
        try:
            await self._annotate(record, record_annotations(record))
        except ApiError as error:
            if error.status != 404:
                raise

    async def delete(self, record: TaskRecord) -> None:
        """Delete all objects of a task. Raises API_ERRORS.

        The object with the record is the last one: a worker that is killed in between finds it, and deletes the rest.
        """
        kinds = ["services", "deployments"]
        if record.task.code_hash or record.name in self._in_config_map:
            kinds.append("configmaps")
        last = "configmaps" if record.name in self._in_config_map else "deployments"
        await asyncio.gather(*(self._kube.delete(kind, record.name) for kind in kinds if kind != last))
        await self._kube.delete(last, record.name)
        for kind in ("services", "deployments"):
            self._cache.forget(kind, record.name)
        self._in_config_map.discard(record.name)

    async def _annotate(self, record: TaskRecord, values: dict[str, str]) -> None:
        kind = "configmaps" if record.name in self._in_config_map else "deployments"
        obj = await self._kube.patch(kind, record.name, {"metadata": {"annotations": values}})
        if kind == "deployments":
            self._cache.put(kind, obj)

    async def _save_deployment(self, record: TaskRecord, *, active: bool) -> None:
        desired = deployment(record, self._environment, active=active)
        wanted = desired["metadata"]["annotations"]
        wanted[SPEC_DIGEST] = _digest(desired["spec"])
        found = self._cache.get("deployments", record.name)
        if found is None:
            try:
                written = await self._kube.create("deployments", desired)
            except ApiError as error:
                if error.status != 409:
                    raise
                written = await self._kube.patch("deployments", record.name, _patch(desired, with_spec=True))
            self._cache.put("deployments", written)
            return
        current = annotations_of(found)
        replicas = desired["spec"]["replicas"]
        spec_differs = current.get(SPEC_DIGEST) != wanted[SPEC_DIGEST] or spec_of(found).get("replicas") != replicas
        if spec_differs or any(
            current.get(key) != wanted[key] for key in wanted.keys() - state_annotations(record).keys()
        ):
            # only what differs is written, so that a mark for removal that was set a moment ago is not overwritten
            desired["metadata"]["annotations"] = {key: text for key, text in wanted.items() if current.get(key) != text}
            written = await self._kube.patch("deployments", record.name, _patch(desired, with_spec=spec_differs))
            self._cache.put("deployments", written)

    async def _create_service(self, record: TaskRecord) -> None:
        try:
            created = await self._kube.create("services", service(record, self._environment))
        except ApiError as error:
            if error.status != 409:
                raise
            created = await self._kube.get("services", record.name)
        self._cache.put("services", created)

    async def _create_or_patch(self, kind: str, body: dict[str, Any]) -> None:
        try:
            await self._kube.create(kind, body)
        except ApiError as error:
            if error.status != 409:
                raise
            await self._kube.patch(kind, body["metadata"]["name"], body)


def _patch(desired: dict[str, Any], *, with_spec: bool) -> dict[str, Any]:
    """A merge patch of labels, annotations and, if asked for, the spec; the selector of a Deployment cannot change."""
    metadata = {"labels": desired["metadata"]["labels"], "annotations": desired["metadata"]["annotations"]}
    if not with_spec:
        return {"metadata": metadata}
    return {"metadata": metadata, "spec": {key: value for key, value in desired["spec"].items() if key != "selector"}}


def _digest(spec: Obj) -> str:
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]
