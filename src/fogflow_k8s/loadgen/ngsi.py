"""The generator's own requests: preparation before the load, removal after it. Not measured."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlsplit

from fogflow_k8s.model.bench.plan import NOTIFIES_OTHERS, PREFIX, Plan
from fogflow_k8s.model.bench.requests import Request, subscribe

_TIMEOUT_S = 15.0
_ATTEMPTS = 3
_OTHERS_S = 2.0


class RequestFailed(Exception):
    """A program of FogFlow did not answer a request of the preparation, or refused it."""


class Connections:
    """One connection per server, opened again when the server closed it."""

    def __init__(self) -> None:
        self._open: dict[str, http.client.HTTPConnection] = {}

    def send(self, request: Request) -> Any:
        """The parsed answer, None when it is not JSON. Raises RequestFailed."""
        where = urlsplit(request.url)
        headers = {"Content-Type": "application/json", **dict(request.headers)}
        path = where.path + (f"?{where.query}" if where.query else "")
        for attempt in range(_ATTEMPTS):
            connection = self._open.setdefault(
                where.netloc, http.client.HTTPConnection(where.netloc, timeout=_TIMEOUT_S)
            )
            try:
                connection.request(request.method, path, request.content or None, headers)
                answer = connection.getresponse()
                content = answer.read()
                break
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if attempt == _ATTEMPTS - 1:
                    raise RequestFailed(f"{request.method} {request.url}: {error or type(error).__name__}") from error
        if (
            answer.status not in {http.client.NOT_FOUND, http.client.GONE}
            and answer.status >= http.client.MULTIPLE_CHOICES
        ):
            text = content.decode(errors="replace")[:200]
            raise RequestFailed(f"{request.method} {request.url}: HTTP {answer.status} {text}")
        try:
            return json.loads(content)
        except ValueError:
            return None

    def close(self) -> None:
        """Close all connections."""
        for each in self._open.values():
            each.close()


def others(connections: Connections, plan: Plan) -> list[str]:
    """Warnings about what others do at the same broker. Raises RequestFailed when their subscribers would be notified.

    Entities that change within two seconds show that others publish: the figures then contain their load.
    """
    body = connections.send(Request("GET", f"{plan.broker}/ngsi10/subscription")) or {}
    matching = [id_ for id_, each in body.items() if _hears(each, plan)]
    if matching and not plan.accept_notifying and plan.scenario not in {"query", "discover"}:
        raise RequestFailed(f"{NOTIFIES_OTHERS}: {len(matching)} subscriptions are to entities of every type")
    before = _all_entities(connections, plan.broker)
    time.sleep(_OTHERS_S)
    if before != _all_entities(connections, plan.broker):
        return ["others publish at this broker at the same time: the figures contain their load"]
    return []


def _all_entities(connections: Connections, broker: str) -> dict[str, Any]:
    """The entities by id: the broker keeps them in a map, so their order may differ from one answer to the next."""
    found = connections.send(Request("GET", f"{broker}/ngsi10/entity")) or []
    return {str((each.get("entityId") or {}).get("id")): each for each in found}


def _hears(subscription: dict[str, Any], plan: Plan) -> bool:
    """Whether a subscription of others is also to the run's entities: a pattern without a type, or with a type that fits."""
    for entity in subscription.get("entities") or []:
        kind, id_ = str(entity.get("type") or ""), str(entity.get("id") or ".*")
        with suppress(re.error):
            if (
                entity.get("isPattern")
                and re.search(kind, plan.entity_type)
                and re.search(id_, f"{plan.entity_type}.0")
            ):
                return True
    return False


def prepare(connections: Connections, requests: Iterable[Request]) -> int:
    """Send all; the number of them."""
    count = 0
    for request in requests:
        connections.send(request)
        count += 1
    return count


def add_subscription(connections: Connections, plan: Plan, reference: str) -> str:
    """Subscribe; the id of the subscription. Raises RequestFailed."""
    answer = connections.send(subscribe(plan, reference)) or {}
    found = str((answer.get("subscribeResponse") or {}).get("subscriptionId") or "")
    if not found:
        raise RequestFailed(f"the broker did not accept a subscription: {json.dumps(answer)[:200]}")
    return found


def remove_everything(connections: Connections, plan: Plan) -> int:
    """Remove subscriptions, entities and registrations of this run and of runs that were killed; the number of objects."""
    count = 0
    for broker in plan.brokers:
        for id_ in _subscriptions(connections, broker):
            connections.send(Request("DELETE", f"{broker}/ngsi10/subscription/{quote(id_, safe='')}"))
            count += 1
        for id_, kind in _entities(connections, broker):
            element = {"entityId": {"id": id_, "type": kind, "isPattern": False}}
            body = {"contextElements": [element], "updateAction": "DELETE"}
            connections.send(Request("POST", f"{broker}/ngsi10/updateContext", body))
            count += 1
    for id_ in _registrations(connections, plan):
        connections.send(Request("DELETE", f"{plan.discovery}/ngsi9/registration/{quote(id_, safe='')}"))
        count += 1
    return count


def _subscriptions(connections: Connections, broker: str) -> list[str]:
    found = connections.send(Request("GET", f"{broker}/ngsi10/subscription")) or {}
    return [
        str(id_)
        for id_, each in found.items()
        if any(str(entity.get("type", "")).startswith(PREFIX) for entity in each.get("entities") or [])
    ]


def _entities(connections: Connections, broker: str) -> list[tuple[str, str]]:
    ids = [each.get("entityId") or {} for each in _all_entities(connections, broker).values()]
    return [(str(i.get("id")), str(i.get("type"))) for i in ids if str(i.get("type", "")).startswith(PREFIX)]


def _registrations(connections: Connections, plan: Plan) -> list[str]:
    body = {"entities": [{"type": PREFIX, "isPattern": True}]}
    answer = connections.send(Request("POST", f"{plan.discovery}/ngsi9/discoverContextAvailability", body)) or {}
    return [
        str(entity.get("id"))
        for response in answer.get("contextRegistrationResponses") or []
        for entity in (response.get("contextRegistration") or {}).get("entities") or []
        if str(entity.get("type", "")).startswith(PREFIX)
    ]
