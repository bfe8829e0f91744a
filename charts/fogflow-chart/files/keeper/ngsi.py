"""Read and restore the state of discovery, brokers and designer through their own APIs (NGSI9, NGSI10).

The state is a mapping by key: `r:ID` a registration and `s:ID` a subscription of discovery, `e:ID` an entity and `s:BODY` a
subscription of a broker.

Entities are restored before subscriptions, so that no subscriber is notified of an old value. A restored
subscription of a broker gets a new id, so its key is the body of its request; its ids serve to end it.

One request restores one thing. FogFlow's broker (built as of Go 1.16) starts a goroutine for each element of an update, and all of
them share the loop's variable: with two elements in one request it notifies about the wrong one, or its process ends.

Brokers subscribe at each other for their own subscribers (IsInternal). They do so again when they are notified of an entity, and
they are notified of each one that is registered: such a subscription is never restored, because it would be a duplicate.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from http_json import ERRORS, Refused, Server

_ALL = {"entities": [{"id": ".*", "isPattern": True}]}
_GONE = 404
IDS = "subscriptionIds"
"""Under this key of a subscription as it is read here: the ids that it has at the broker."""
_NOT_SENT = frozenset({"subscriber", "subscriptionid", IDS.lower()})
"""Fields that the broker generates, or takes from headers."""
SHARE_S = 10.0
"""Time for one restore; the next round continues. The keeper's liveness probe allows 30 s for a round."""
_SILENT = 3
"""After this many requests in a row without an answer, the server is down and the others are not sent."""


def read_discovery(server: Server, before: Mapping[str, Any]) -> dict[str, Any]:
    """Registrations (r:ID) and subscriptions (s:ID); registrations in `before` are not read again. Raises ERRORS.

    Never GET a subscription of discovery by its id: one such request ends its process.
    """
    found: dict[str, Any] = {}
    for entity in registered(server):
        key = f"r:{entity}"
        known = before.get(key)
        try:
            found[key] = known or server.call("GET", f"/ngsi9/registration/{quote(entity, safe='')}")
        except Refused as error:
            if error.status != _GONE:
                raise
        if not found.get(key):  # it was deregistered meanwhile: upstream answers 200 with null
            found.pop(key, None)
    for sid, subscription in (server.call("GET", "/ngsi9/subscription") or {}).items():
        found[f"s:{sid}"] = subscription
    return found


def registered(server: Server) -> list[str]:
    """The ids of all entities that discovery knows. Raises ERRORS."""
    answer = server.call("POST", "/ngsi9/discoverContextAvailability", _ALL) or {}
    return [
        str(_get(entity, "id"))
        for response in _get(answer, "contextRegistrationResponses") or []
        for entity in _get(_get(response, "contextRegistration"), "entities") or []
        if _get(entity, "id")
    ]


def restore_discovery(server: Server, held: Mapping[str, Any], keys: Iterable[str]) -> None:
    """Restore these, registrations first. Raises ERRORS."""
    wanted = sorted(keys)
    registrations = [(key, partial(_register, server, held[key])) for key in wanted if key.startswith("r:")]
    subscriptions = [
        (key, partial(_subscribe_availability, server, key[2:], held[key])) for key in wanted if key.startswith("s:")
    ]
    _one_by_one([*registrations, *subscriptions])


def _register(server: Server, registration: Any) -> None:
    entity = {"id": _get(registration, "ID"), "type": _get(registration, "Type"), "isPattern": False}
    about = {
        "entities": [entity],
        "attributes": _listed(_get(registration, "AttributesList")),
        "contextMetadata": _listed(_get(registration, "MetadataList")),
        "providingApplication": _get(registration, "ProvidingApplication"),
    }
    server.call("POST", "/ngsi9/registerContext", {"contextRegistrations": [about]})


def _subscribe_availability(server: Server, sid: str, subscription: Any) -> None:
    server.call("POST", f"/ngsi9/UpdateLDContextAvailability/{quote(sid, safe='')}", subscription)


def read_broker(server: Server) -> dict[str, Any]:
    """Entities (e:ID) and subscriptions (s:BODY). Raises ERRORS."""
    # an element that was sent in another form than NGSIv1 is stored without an id
    found = {f"e:{_get(_get(one, 'entityId'), 'id') or ''}": one for one in server.call("GET", "/ngsi10/entity") or []}
    for sid, subscription in (server.call("GET", "/ngsi10/subscription") or {}).items():
        if not _is_of_a_broker(subscription) and not str(_get(subscription, "reference")).startswith(f"{server.url}/"):
            key = _key(subscription)
            found[key] = {**subscription, IDS: sorted([*found.get(key, {}).get(IDS, []), sid])}
    return found


def restore_broker(server: Server, held: Mapping[str, Any], keys: Iterable[str]) -> None:
    """Restore these, entities first. Raises ERRORS."""
    wanted = sorted(keys)
    entities = [(key, partial(_update, server, held[key])) for key in wanted if key.startswith("e:")]
    subscriptions = [(key, partial(_subscribe, server, held[key])) for key in wanted if key.startswith("s:")]
    _one_by_one([*entities, *subscriptions])


def _update(server: Server, element: Any) -> None:
    server.call("POST", "/ngsi10/updateContext", {"contextElements": [element], "updateAction": "UPDATE"})


def _subscribe(server: Server, subscription: Any) -> None:
    server.call("POST", "/ngsi10/subscribeContext", _body(subscription), _headers(subscription))


def unsubscribe(server: Server, sids: Iterable[str], *, availability: bool = False) -> None:
    """End these subscriptions of a broker, or of discovery (`availability`). Raises ERRORS."""
    path = "/ngsi9/unsubscribeContextAvailability" if availability else "/ngsi10/unsubscribeContext"
    _one_by_one([(sid, partial(server.call, "POST", path, {"subscriptionId": sid})) for sid in sids])


def _one_by_one(requests: Iterable[tuple[str, Callable[[], Any]]]) -> None:
    """Send all requests, also after one that fails.

    Ends after SHARE_S, or when the server does not answer. Raises an OSError about the first failure.
    """
    end, silent = time.monotonic() + SHARE_S, 0
    failed: list[tuple[str, BaseException]] = []
    for name, send in requests:
        if time.monotonic() > end or silent >= _SILENT:
            break
        try:
            send()
            silent = 0
        except Refused as error:
            failed.append((name, error))
            silent = 0
        except ERRORS as error:
            failed.append((name, error))
            silent += 1
    if failed:
        name, why = failed[0]
        raise OSError(f"{len(failed)} not accepted, {name[:200]}: {why}") from why


def read_database(server: Server) -> dict[str, Any] | None:
    """The designer's database, which it serves as a file; empty when nothing is stored in it, None when it cannot be read."""
    try:
        found = server.call("GET", "/data/meta/db.json")
    except Refused as error:
        return {} if error.status == _GONE else None
    return found if isinstance(found, dict) and any(found.values()) else {}


def read_functions(server: Server) -> int:
    """How many functions a designer without a readable database has stored; -1 when that is unknown."""
    try:
        answer = server.call("GET", "/fogfunction")
    except Refused:
        return -1
    return len(answer) if isinstance(answer, dict | list) else -1


def marks(held: Mapping[str, Any]) -> frozenset[str]:
    """Ids that the process gave to subscriptions: two readings with a common id are of the same process.

    Discovery's ids are keys and are restored as they were, but what was restored was missing in the reading before.
    """
    found: set[str] = set()
    for key, one in held.items():
        if key.startswith("s:"):
            found.update(one[IDS] if isinstance(one, dict) and IDS in one else [key])
    return frozenset(found)


def structure(held: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored outside the keeper's process: not the entities of a broker, whose values change all the time."""
    return {key: value for key, value in held.items() if not key.startswith("e:")}


def answers(server: Server, path: str) -> bool:
    """Whether a member answers, with any status."""
    try:
        server.call("GET", path)
    except Refused:
        return True
    except ERRORS:
        return False
    return True


def _key(subscription: Mapping[str, Any]) -> str:
    body = json.dumps({**_body(subscription), **_headers(subscription)}, sort_keys=True, separators=(",", ":"))
    return f"s:{body}"


def _body(subscription: Mapping[str, Any]) -> dict[str, Any]:
    """The body of the request that made this subscription, without empty fields."""
    return {name: value for name, value in subscription.items() if value and name.lower() not in _NOT_SENT}


def _is_of_a_broker(subscription: Mapping[str, Any]) -> bool:
    return bool(_get(_get(subscription, "Subscriber"), "IsInternal"))


def _headers(subscription: Mapping[str, Any]) -> dict[str, str]:
    """The headers of that request: the correlator, the protocol of notifications, the tenant and the reliability."""
    subscriber = _get(subscription, "Subscriber") or {}
    found = {
        "Fiware-Correlator": str(_get(subscriber, "Correlator") or ""),
        "Destination": str(_get(subscriber, "DestinationType") or ""),
        "NGSILD-Tenant": str(_get(subscriber, "Tenant") or ""),
        "Require-Reliability": "true" if _get(subscriber, "RequireReliability") else "",
    }
    return {name: value for name, value in found.items() if value}


def requested_entities(subscription: Any) -> frozenset[tuple[str, str]]:
    """Id and type of each entity that a subscription asks for, at a broker or at discovery."""
    each = _listed(_get(subscription, "entities"))
    return frozenset((str(_get(one, "id") or ""), str(_get(one, "type") or "")) for one in each)


def undelivered(subscription: Any) -> bool:
    """Whether the broker has notifications that it could not deliver to this subscriber."""
    return bool(_get(_get(subscription, "Subscriber"), "NotifyCache"))


def correlator(subscription: Any) -> str:
    """The id of the task that a subscription belongs to; empty when it is not a task's."""
    return str(_get(_get(subscription, "Subscriber"), "Correlator") or "")


def _listed(value: Any) -> list[Any]:
    """A list as the API accepts it; upstream shows some lists as a mapping by name."""
    return list(value.values()) if isinstance(value, dict) else list(value or [])


def _get(obj: Any, name: str) -> Any:
    """A field by its name, without regard to case."""
    if not isinstance(obj, dict):
        return None
    if name in obj:
        return obj[name]
    return next((value for key, value in obj.items() if key.lower() == name.lower()), None)
