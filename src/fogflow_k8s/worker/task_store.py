"""Tasks in the cluster: their objects made, brought up to date and deleted. What is written here outlives the worker."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from typing import Any, Protocol

from fogflow_k8s.model.kubernetes import Obj, annotations_of, spec_of
from fogflow_k8s.model.task.manifests import Site, config_map, deployment, service
from fogflow_k8s.model.task.record import DESIRED, ORDER, TASK, Record, became, notes, read, selector
from fogflow_k8s.worker.judge import failed
from fogflow_k8s.worker.kube import Refused
from fogflow_k8s.worker.observed import Observed

DIGEST = "fogflow-k8s.io/spec"


class Objects(Protocol):
    """The part of Kube that is used here."""

    async def list(self, kind: str, selector: str) -> tuple[list[dict[str, Any]], str]: ...
    async def get(self, kind: str, name: str) -> dict[str, Any]: ...
    async def create(self, kind: str, body: Obj) -> dict[str, Any]: ...
    async def patch(self, kind: str, name: str, body: Obj) -> dict[str, Any]: ...
    async def delete(self, kind: str, name: str) -> None: ...


class TaskStore:
    """One worker's tasks in one namespace."""

    def __init__(self, kube: Objects, site: Site, observed: Observed) -> None:
        self._kube, self._site, self._observed = kube, site, observed
        self._refused: set[str] = set()  # names of those that are kept in a ConfigMap

    async def load(self) -> list[Record]:
        """Every record that the cluster keeps. Raises kube.ERRORS."""
        found = [read(obj) for obj in self._observed.every("deployments")]
        maps, _ = await self._kube.list("configmaps", selector(self._site.worker))
        alone = [read(m) for m in maps if not self._observed.get("deployments", m["metadata"]["name"])]
        self._refused = {r.name for r in alone if r}
        return [r for r in [*found, *alone] if r]

    async def keep(self, record: Record, *, active: bool, code: str = "") -> str:
        """Have the cluster keep and run it as it is now. "" or why the API server will not have it.

        Its Service is made as soon as there is a pod for it to lead to: in a burst every task is kept before the many
        writes that follow each Service and each pod. Raises kube.ERRORS for what may go better soon.
        """
        try:
            if code:
                await self._put("configmaps", config_map(record, self._site, code=code))
            await self._keep_deployment(record, active=active)
            if active and self._observed.of("pods", record.hash) and not self._observed.get("services", record.name):
                await self._make_service(record)
        except Refused as error:
            if not error.permanent:
                raise
            if not self._observed.get("deployments", record.name):
                kept = replace(record, status=failed(str(error)))
                await self._put("configmaps", config_map(kept, self._site, code=code, keep=True))
                self._refused.add(record.name)
            return str(error)
        if record.name in self._refused:
            await self._kube.patch("configmaps", record.name, {"metadata": {"annotations": {TASK: None}}})
            self._refused.discard(record.name)
        return ""

    async def keep_status(self, record: Record) -> None:
        """Have the cluster keep what became of it, and nothing of what is wanted. Raises kube.ERRORS."""
        await self._note(record, became(record))

    def is_to_go(self, record: Record) -> bool:
        """Whether somebody else has noted at its Deployment that it is not wanted any more: the keeper, or a person.

        What we noted ourselves was of a task of this id that came before, with another order.
        """
        seen = self._observed.get("deployments", record.name) or {"metadata": {}}
        said = annotations_of(seen)
        return said.get(DESIRED) == "removed" and said.get(ORDER) == str(record.order)

    async def mark_removed(self, record: Record) -> None:
        """Have the cluster keep that it is to go, unless somebody has deleted it already. Raises kube.ERRORS."""
        try:
            await self._note(record, notes(record))
        except Refused as error:
            if error.status != 404:
                raise

    async def _note(self, record: Record, said: dict[str, str]) -> None:
        kind = "configmaps" if record.name in self._refused else "deployments"
        obj = await self._kube.patch(kind, record.name, {"metadata": {"annotations": said}})
        if kind == "deployments":
            self._observed.put(kind, obj)

    async def delete(self, record: Record) -> None:
        """Delete all objects of it. Raises kube.ERRORS."""
        kinds = ["services", "deployments"]
        if record.task.get("CodeHash") or record.name in self._refused:
            kinds.append("configmaps")
        await asyncio.gather(*(self._kube.delete(kind, record.name) for kind in kinds))
        for kind in ("services", "deployments"):
            self._observed.forget(kind, record.name)
        self._refused.discard(record.name)

    async def _keep_deployment(self, record: Record, *, active: bool) -> None:
        wanted = deployment(record, self._site, active=active)
        wanted["metadata"]["annotations"][DIGEST] = _digest(wanted["spec"])
        seen = self._observed.get("deployments", record.name)
        if seen is None:
            try:
                made = await self._kube.create("deployments", wanted)
            except Refused as error:
                if error.status != 409:
                    raise
                made = await self._kube.patch("deployments", record.name, _changes(wanted, spec=True))
            self._observed.put("deployments", made)
            return
        here = annotations_of(seen)
        said = wanted["metadata"]["annotations"]
        spec = here.get(DIGEST) != said[DIGEST] or spec_of(seen).get("replicas") != wanted["spec"]["replicas"]
        if spec or any(here.get(key) != said[key] for key in said.keys() - became(record).keys()):
            # what is as it should be is not said again: somebody may just have noted there that the task is to go
            wanted["metadata"]["annotations"] = {key: text for key, text in said.items() if here.get(key) != text}
            made = await self._kube.patch("deployments", record.name, _changes(wanted, spec=spec))
            self._observed.put("deployments", made)

    async def _make_service(self, record: Record) -> None:
        try:
            made = await self._kube.create("services", service(record, self._site))
        except Refused as error:
            if error.status != 409:
                raise
            made = await self._kube.get("services", record.name)
        self._observed.put("services", made)

    async def _put(self, kind: str, body: dict[str, Any]) -> None:
        try:
            await self._kube.create(kind, body)
        except Refused as error:
            if error.status != 409:
                raise
            await self._kube.patch(kind, body["metadata"]["name"], body)


def _changes(wanted: dict[str, Any], *, spec: bool) -> dict[str, Any]:
    """What a merge patch is to say; the selector never changes."""
    metadata = {"labels": wanted["metadata"]["labels"], "annotations": wanted["metadata"]["annotations"]}
    if not spec:
        return {"metadata": metadata}
    return {"metadata": metadata, "spec": {k: v for k, v in wanted["spec"].items() if k != "selector"}}


def _digest(spec: Obj) -> str:
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]
