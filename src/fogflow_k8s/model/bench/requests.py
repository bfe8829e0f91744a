"""The requests of the scenarios, in the forms that FogFlow 3.2.8 was recorded to accept.

Every updateContext has one element: FogFlow's broker starts a goroutine per element, and all of them share one variable, so a
second element next to one with a subscriber can end the broker.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.model.bench.plan import Plan

SEQUENCE = "sequence"
"""The attribute that has the number of the update; a notification repeats it. -1 before the first update."""
LATITUDE, LONGITUDE = 35.69, 139.7
_RADIUS_M = 100.0
_LD_LINK = (
    '<https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.3.jsonld>; rel="http://www.w3.org/ns/json-ld#context"; '
    'type="application/ld+json"'
)
_PROVIDER = (
    "http://127.0.0.1:9/ngsi10"  # of the registrations; `discover` sends requests to discovery alone, so it gets none
)


@dataclass(frozen=True)
class Request:
    """One HTTP request; `body` None for no body. `headers` beside Content-Type."""

    method: str
    url: str
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def content(self) -> bytes:
        """The body as it is sent."""
        return b"" if self.body is None else json.dumps(self.body, separators=(",", ":")).encode()


def entity_id(plan: Plan, number: int) -> str:
    """The id of the entity with this number; an id of NGSI-LD is a URN."""
    name = f"{plan.entity_type}.{number}"
    return f"urn:ngsi-ld:{name}" if plan.scenario == "ngsi-ld" else name


def update(plan: Plan, number: int, sequence: int, *, located: bool = False) -> Request:
    """Give an entity this sequence number. `located`: also its place, which FogFlow announces to subscribers twice."""
    entity = {"id": entity_id(plan, number), "type": plan.entity_type, "isPattern": False}
    place = {"name": "location", "type": "point", "value": {"latitude": LATITUDE, "longitude": LONGITUDE}}
    element = {
        "entityId": entity,
        "attributes": [{"name": SEQUENCE, "type": "integer", "value": sequence}],
        "domainMetadata": [place] if located else [],
    }
    body = {"contextElements": [element], "updateAction": "UPDATE"}
    return Request("POST", f"{broker_of(plan, number)}/ngsi10/updateContext", body)


def broker_of(plan: Plan, number: int) -> str:
    """The URL of the broker that has the entity with this number: an update at another shard would only be passed on."""
    return plan.brokers[number % len(plan.brokers)]


def upsert(plan: Plan, number: int, sequence: int) -> Request:
    """The same by NGSI-LD."""
    value = {"type": "Property", "value": sequence}
    entity = {"id": entity_id(plan, number), "type": plan.entity_type, SEQUENCE: value}
    return Request(
        "POST", f"{broker_of(plan, number)}/ngsi-ld/v1/entityOperations/upsert", [entity], (("Link", _LD_LINK),)
    )


def query(plan: Plan, sequence: int) -> Request:
    """By id, by type and by circle, in turn."""
    by_type = {"type": plan.entity_type, "isPattern": True}
    centre = {"centerLatitude": LATITUDE, "centerLongitude": LONGITUDE, "radius": _RADIUS_M}
    bodies: tuple[dict[str, Any], ...] = (
        {"entities": [{"id": entity_id(plan, sequence // 3 % plan.entities), "isPattern": False}]},
        {"entities": [by_type]},
        {"entities": [by_type], "restriction": {"scopes": [{"scopeType": "circle", "scopeValue": centre}]}},
    )
    return Request("POST", f"{plan.broker}/ngsi10/queryContext", bodies[sequence % 3])


def register(plan: Plan, number: int) -> Request:
    """Register one entity at discovery."""
    entity = {"id": entity_id(plan, number), "type": plan.entity_type, "isPattern": False}
    attribute = {"name": SEQUENCE, "type": "integer", "isDomain": False}
    one = {"entities": [entity], "attributes": [attribute], "providingApplication": _PROVIDER}
    body = {"contextRegistrations": [one], "duration": "PT1H", "registrationId": f"{plan.run}.{number}"}
    return Request("POST", f"{plan.discovery}/ngsi9/registerContext", body)


def discover(plan: Plan, sequence: int) -> Request:
    """Ask discovery for one registered entity."""
    body = {"entities": [{"id": entity_id(plan, sequence % plan.entities), "isPattern": False}]}
    return Request("POST", f"{plan.discovery}/ngsi9/discoverContextAvailability", body)


def subscribe(plan: Plan, reference: str) -> Request:
    """Subscribe to all entities of the run; in the scenario flow, to the outputs of its tasks."""
    kind = plan.output_type if plan.has_tasks else plan.entity_type
    body = {"entities": [{"type": kind, "isPattern": True}], "reference": reference}
    return Request("POST", f"{plan.broker}/ngsi10/subscribeContext", body)


def load(plan: Plan, sequence: int) -> Request:
    """The request with this number of a step."""
    number = sequence % plan.entities
    if plan.scenario == "ngsi-ld":
        return upsert(plan, number, sequence)
    if plan.scenario == "query":
        return query(plan, sequence)
    if plan.scenario == "discover":
        return discover(plan, sequence)
    return update(plan, number, sequence)


def preparation(plan: Plan) -> Iterator[Request]:
    """What exists before the load begins: the entities, or the registrations of `discover`."""
    for number in range(plan.entities):
        if plan.scenario == "discover":
            yield register(plan, number)
        elif plan.scenario == "ngsi-ld":
            yield upsert(plan, number, -1)
        else:
            yield update(plan, number, -1, located=plan.scenario == "query")


def target(request: Request) -> bytes:
    """The request as a line of vegeta's format json (https://github.com/tsenart/vegeta#json-format)."""
    headers = {"Content-Type": ["application/json"], **{name: [value] for name, value in request.headers}}
    found = {"method": request.method, "url": request.url, "header": headers}
    if request.body is not None:
        found["body"] = base64.b64encode(request.content).decode()
    return json.dumps(found, separators=(",", ":")).encode() + b"\n"
