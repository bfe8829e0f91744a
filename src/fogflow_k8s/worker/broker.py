"""A client for the NGSI10 API of FogFlow's broker: the subscriptions of tasks, and the entities that tasks publish.

A task receives an entity through a subscription at the broker: its *reference* is the URL of the task, and its entity is
one of the task's inputs. The broker keeps subscriptions in memory only: after a restart they are lost, or the keeper has
created them again with other ids. Therefore the worker identifies a subscription by reference and input, and uses its id
only to delete it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.task.fogflow_task import TaskInput
from fogflow_k8s.model.task.record import TaskRecord

SubscriptionIndex = dict[str, dict[str, list[str]]]
"""Ids of subscriptions, by reference and by the key of the input."""

TIMEOUT_S = 10
_MAX_REQUESTS = 16
_MAX_DELETIONS = 2
"""The broker holds a lock while it deletes a subscription, so many deletions at the same time would stop all its answers."""


class BrokerUnavailable(Exception):
    """The broker does not answer, or its answer is not the one of NGSI10."""


class Broker:
    """One broker; `url` ends in /ngsi10."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session: aiohttp.ClientSession | None = None
        self._requests, self._deletions = asyncio.Semaphore(_MAX_REQUESTS), asyncio.Semaphore(_MAX_DELETIONS)

    async def close(self) -> None:
        """Close all connections."""
        if self._session:
            await self._session.close()

    async def subscribe(self, record: TaskRecord, task_input: TaskInput, reference: str) -> str:
        """Subscribe a task to one of its inputs; the id of the subscription. Raises BrokerUnavailable."""
        entity = (
            {"type": task_input.type, "id": task_input.id}
            if task_input.id
            else {"type": task_input.type, "isPattern": True, "id": ""}
        )
        body: dict[str, Any] = {"entities": [entity], "reference": reference}
        if task_input.attributes:
            body["attributes"] = list(task_input.attributes)
        # the task publishes with the same correlator, and the broker sends it no notification of its own updates
        headers = {"Fiware-Correlator": record.id, "Require-Reliability": "true"}
        async with self._requests:
            answer = await self._call("POST", "/subscribeContext", body, headers)
        id_ = _nested(answer, "subscribeResponse", "subscriptionId")
        if not isinstance(id_, str) or not id_:
            raise BrokerUnavailable(f"/subscribeContext: no subscriptionId in {str(answer)[:200]}")
        return id_

    async def unsubscribe(self, subscription_id: str) -> None:
        """Delete a subscription; one that does not exist is no error. Raises BrokerUnavailable."""
        async with self._deletions:
            await self._call("POST", "/unsubscribeContext", {"subscriptionId": subscription_id})

    async def subscriptions(self) -> SubscriptionIndex:
        """All subscriptions at the broker. Raises BrokerUnavailable."""
        answer = await self._call("GET", "/subscription")
        index: SubscriptionIndex = {}
        for id_, subscription in answer.items() if isinstance(answer, dict) else ():
            reference = str(_nested(subscription, "reference") or "")
            for key in _input_keys(subscription):
                index.setdefault(reference, {}).setdefault(key, []).append(str(id_))
        return index

    async def register_service(self, record: TaskRecord, address: str, location: Obj) -> None:
        """Publish the entity that says where a task serves other programs. Raises BrokerUnavailable."""
        task = record.task
        metadata = [("service", "string", task.name), ("taskID", "string", task.id),
                    ("operator", "string", task.operator), ("IP", "string", address),
                    ("port", "object", str(task.service_ports[0])), ("location", "string", dict(location))]  # fmt: skip
        attributes = [{"name": name, "type": kind, "value": value} for name, kind, value in metadata]
        await self._update("UPDATE", {"entityId": _service(record), "attributes": [], "domainMetadata": attributes})

    async def delete_outputs(self, record: TaskRecord) -> None:
        """Delete the entities that a task has published, and the entity of its service. Raises BrokerUnavailable."""
        outputs = [{"id": each.id, "type": each.type} for each in record.task.outputs if each.id]
        services = [_service(record)] if record.task.service_ports else []
        for entity in [*outputs, *services]:
            await self._update("DELETE", {"entityId": {**entity, "isPattern": False}})

    async def _update(self, action: str, element: Obj) -> None:
        """Send an update with one element: two elements in one request can end the broker's process (docs/worker.md)."""
        async with self._requests:
            await self._call("POST", "/updateContext", {"contextElements": [element], "updateAction": action})

    async def _call(self, method: str, path: str, body: Obj | None = None, headers: Obj | None = None) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S, connect=3))
        accept = {"Accept": "application/json", **(headers or {})}
        try:
            async with self._session.request(method, self.url + path, json=body, headers=accept) as answer:
                if answer.status >= 300:
                    raise BrokerUnavailable(f"{path}: HTTP {answer.status}")
                return await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise BrokerUnavailable(f"{path}: {error or type(error).__name__}") from error


def _service(record: TaskRecord) -> dict[str, str]:
    return {"id": f"uService.{record.task.topology}.{record.id}", "type": "uService"}


def _input_keys(subscription: Any) -> list[str]:
    entities = _nested(subscription, "entities")
    return [
        TaskInput(str(entity.get("type") or ""), str(entity.get("id") or "") or None).key
        for entity in (entities if isinstance(entities, list) else ())
        if isinstance(entity, dict)
    ]


def _nested(answer: Any, *keys: str) -> Any:
    for key in keys:
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer
