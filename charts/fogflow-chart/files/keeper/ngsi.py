"""The state of discovery and broker: read, and put back, through their own API.

Entities are put back before subscriptions, so that nobody is told of what is old. Subscriptions of the broker get new ids
there; they are told apart by what they are about.

Of several brokers one subscribes at another for its own subscribers. It does so anew when it hears of an entity there, so such
a subscription is put back only when it did not; and what it notes of that for itself is no subscription of anybody.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from http_json import ERRORS, Refused, Server

_ALL = {"entities": [{"id": ".*", "isPattern": True}]}
_GONE = 404
_BROKER = "lightweight-iot-broker"
"""How brokers call themselves to each other; what they ask is not passed on."""
_SUBSCRIPTION = ("entities", "attributes", "reference", "restriction", "subscribeConditions", "duration")


def read_discovery(server: Server, before: Mapping[str, Any]) -> dict[str, Any]:
    """Registrations (r:ID) and subscriptions (s:ID); what is known from before is not asked again. Raises ERRORS.

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
    ]


def restore_discovery(server: Server, held: Mapping[str, Any], keys: Iterable[str]) -> None:
    """Put these back. Raises ERRORS."""
    wanted = sorted(keys)  # registrations first
    for key in wanted:
        if key.startswith("r:"):
            registration = held[key]
            entity = {"id": _get(registration, "ID"), "type": _get(registration, "Type"), "isPattern": False}
            about = {
                "entities": [entity],
                "attributes": _listed(_get(registration, "AttributesList")),
                "contextMetadata": _listed(_get(registration, "MetadataList")),
                "providingApplication": _get(registration, "ProvidingApplication"),
            }
            server.call("POST", "/ngsi9/registerContext", {"contextRegistrations": [about]})
    for key in wanted:
        if key.startswith("s:"):
            server.call("POST", f"/ngsi9/UpdateLDContextAvailability/{quote(key[2:], safe='')}", held[key])


def read_broker(server: Server) -> dict[str, Any]:
    """Entities (e:ID) and subscriptions (s:what they are about). Raises ERRORS."""
    found = {f"e:{_get(_get(one, 'entityId'), 'id')}": one for one in server.call("GET", "/ngsi10/entity") or []}
    for subscription in (server.call("GET", "/ngsi10/subscription") or {}).values():
        if not str(_get(subscription, "reference")).startswith(f"{server.url}/"):
            found[_about(subscription)] = subscription
    return found


def restore_broker(server: Server, held: Mapping[str, Any], keys: Iterable[str]) -> None:
    """Put these back. Raises ERRORS."""
    wanted = sorted(keys)  # entities first
    elements = [held[key] for key in wanted if key.startswith("e:")]
    if elements:
        server.call("POST", "/ngsi10/updateContext", {"contextElements": elements, "updateAction": "UPDATE"})
    for key in wanted:
        if key.startswith("s:") and not (elements and _of_a_broker(held[key])):
            body = {name: value for name in _SUBSCRIPTION if (value := _get(held[key], name))}
            server.call("POST", "/ngsi10/subscribeContext", body, _headers(held[key]))


def read_functions(server: Server) -> int:
    """How many functions the designer has stored; -1 when it answers something else."""
    try:
        answer = server.call("GET", "/fogfunction")
    except Refused:
        return -1
    return len(answer) if isinstance(answer, dict | list) else -1


def read_database(server: Server) -> dict[str, Any] | None:
    """The designer's database, which it serves as a file; empty when all of its lists are, or it has none yet."""
    try:
        found = server.call("GET", "/data/meta/db.json")
    except Refused as error:
        return {} if error.status == _GONE else None
    return found if isinstance(found, dict) and any(found.values()) else {}


def structure(held: Mapping[str, Any]) -> dict[str, Any]:
    """What is worth storing outside the keeper's memory: entities of the broker are values, and change all the time."""
    return {key: value for key, value in held.items() if not key.startswith("e:")}


def answers(server: Server, path: str) -> bool:
    """Whether a member answers at all; a refusal is an answer."""
    try:
        server.call("GET", path)
    except Refused:
        return True
    except ERRORS:
        return False
    return True


def _about(subscription: Mapping[str, Any]) -> str:
    parts = {name: value for name in _SUBSCRIPTION if (value := _get(subscription, name))}
    return "s:" + json.dumps({**parts, **_headers(subscription)}, sort_keys=True, separators=(",", ":"))


def _of_a_broker(subscription: Mapping[str, Any]) -> bool:
    return bool(_get(_get(subscription, "Subscriber"), "IsInternal"))


def _headers(subscription: Mapping[str, Any]) -> dict[str, str]:
    subscriber = _get(subscription, "Subscriber") or {}
    found = {
        "Fiware-Correlator": str(_get(subscriber, "Correlator") or ""),
        "Destination": str(_get(subscriber, "Destination") or ""),
        "Require-Reliability": "true" if _get(subscriber, "RequireReliability") else "",
        "User-Agent": _BROKER if _of_a_broker(subscription) else "",
    }
    return {name: value for name, value in found.items() if value}


def _listed(value: Any) -> list[Any]:
    """Lists as the API takes them; the originals show some as a mapping by name."""
    return list(value.values()) if isinstance(value, dict) else list(value or [])


def _get(obj: Any, name: str) -> Any:
    """A field by its name, however its first letters are written."""
    if not isinstance(obj, dict):
        return None
    if name in obj:
        return obj[name]
    return next((value for key, value in obj.items() if key.lower() == name.lower()), None)
