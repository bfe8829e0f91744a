"""The thin broker's NGSI10 as the worker needs it: who is told of which entity, and where.

Its subscriptions are in memory only: after a restart there are none, or the keeper has put them back under other ids. So a
subscription is known by what it is about (whom it tells, and of what); its id is only what it can be ended by.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.task.record import Record, input_key, service_ports

Listed = dict[str, dict[str, list[str]]]
"""Ids of subscriptions, by whom they tell (the reference) and of what (`input_key`)."""

TIMEOUT_S = 10
_AT_ONCE = 16
_ENDING_AT_ONCE = 2
"""The broker holds its lock while it ends a subscription: many at once would stop it for everybody."""


class BrokerAway(Exception):
    """The broker did not answer, or not with what NGSI says."""


class Broker:
    """One broker, at its address with /ngsi10."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session: aiohttp.ClientSession | None = None
        self._gate, self._ending = asyncio.Semaphore(_AT_ONCE), asyncio.Semaphore(_ENDING_AT_ONCE)

    async def close(self) -> None:
        """End all connections."""
        if self._session:
            await self._session.close()

    async def subscribe(self, record: Record, entry: Obj, reference: str) -> str:
        """Have a task told of an input; the subscription's id. Raises BrokerAway."""
        entity = (
            {"type": entry["Type"], "id": entry["ID"]}
            if entry.get("ID")
            else {"type": entry["Type"], "isPattern": True, "id": ""}
        )
        body: dict[str, Any] = {"entities": [entity], "reference": reference}
        if entry.get("AttributeList"):
            body["attributes"] = list(entry["AttributeList"])
        # the broker does not tell a task of what the task itself says: by this header in both
        headers = {"Fiware-Correlator": record.id, "Require-Reliability": "true"}
        async with self._gate:
            answer = await self._call("POST", "/subscribeContext", body, headers)
        sid = _inside(answer, "subscribeResponse", "subscriptionId")
        if not isinstance(sid, str) or not sid:
            raise BrokerAway(f"no subscription came of {str(answer)[:200]}")
        return sid

    async def unsubscribe(self, sid: str) -> None:
        """End a subscription; one that is gone is no error. Raises BrokerAway."""
        async with self._ending:
            await self._call("POST", "/unsubscribeContext", {"subscriptionId": sid})

    async def subscriptions(self) -> Listed:
        """All that there are. Raises BrokerAway."""
        answer = await self._call("GET", "/subscription")
        found: Listed = {}
        for sid, each in answer.items() if isinstance(answer, dict) else ():
            for reference, key in _abouts(each):
                found.setdefault(reference, {}).setdefault(key, []).append(str(sid))
        return found

    async def register_service(self, record: Record, address: str, location: Obj) -> None:
        """Tell where an operator serves others: one entity for its first port. Raises BrokerAway."""
        facts = [("service", "string", record.task.get("TaskName")), ("taskID", "string", record.id),
                 ("operator", "string", record.task.get("OperatorName")), ("IP", "string", address),
                 ("port", "object", str(service_ports(record.task)[0])), ("location", "string", dict(location))]  # fmt: skip
        metadata = [{"name": name, "type": kind, "value": value} for name, kind, value in facts]
        await self._update("UPDATE", {"entityId": _service(record), "attributes": [], "domainMetadata": metadata})

    async def forget_outputs(self, record: Record) -> None:
        """Delete what a task has published, and the entity that tells where it serves. Raises BrokerAway."""
        outputs = [
            {"id": o["StreamID"], "type": o["Type"]} for o in record.task.get("Outputs") or () if o.get("StreamID")
        ]
        served = [_service(record)] if service_ports(record.task) else []
        for entity in [*outputs, *served]:
            await self._update("DELETE", {"entityId": {**entity, "isPattern": False}})

    async def _update(self, action: str, element: Obj) -> None:
        """Send one element, which is all that a request may have: with two, the broker's goroutines share one variable and it can end."""
        async with self._gate:
            await self._call("POST", "/updateContext", {"contextElements": [element], "updateAction": action})

    async def _call(self, method: str, path: str, body: Obj | None = None, headers: Obj | None = None) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S, connect=3))
        accept = {"Accept": "application/json", **(headers or {})}
        try:
            async with self._session.request(method, self.url + path, json=body, headers=accept) as answer:
                if answer.status >= 300:
                    raise BrokerAway(f"{path}: HTTP {answer.status}")
                return await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise BrokerAway(f"{path}: {error or type(error).__name__}") from error


def _service(record: Record) -> dict[str, str]:
    return {"id": f"uService.{record.task.get('TopologyName', '')}.{record.id}", "type": "uService"}


def _abouts(subscription: Any) -> list[tuple[str, str]]:
    entities = _inside(subscription, "entities")
    return [
        (str(_inside(subscription, "reference") or ""), input_key({"ID": e.get("id"), "Type": e.get("type")}))
        for e in (entities if isinstance(entities, list) else ())
        if isinstance(e, dict)
    ]


def _inside(answer: Any, *keys: str) -> Any:
    for key in keys:
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer
