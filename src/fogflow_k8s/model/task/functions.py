"""The request bodies with which the CLI registers an operator and a fog function and publishes an entity. Pure.

An *operator* is an image with parameters. A *fog function* names an operator and an entity type; FogFlow then starts one
task for each entity of that type. FogFlow's designer stores both (routes /operator and /fogfunction), its broker takes
entities (NGSI10). The bodies are those of FogFlow 3.2.8.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

CREATED_KEY = "fogflow-k8s"
"""The key of a fog function under which `task run` stores what it created; the designer preserves keys that it does not know."""
TASK = "main"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,39}")
_HARDWARE = ("X86", "ARM")


def checked_name(text: str) -> str:
    """The text, if it is a valid name for a function and its operator. Raises ValueError.

    A dot is not allowed, because it separates the parts of a task's id.
    """
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not a function's name: a letter, then letters, digits and -, at most 40")
    return text


def operator(name: str, image: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """An operator that has the same image for both hardware types of FogFlow, whose workers call arm64 X86 as well."""
    repository, tag = split_image(image)
    images = [
        {"operatorName": name, "name": repository, "tag": tag, "hwType": kind, "osType": "Linux", "prefetched": False}
        for kind in _HARDWARE
    ]
    # the dashboard writes `values`, the master reads `value`
    pairs = [{"name": key, "value": value, "values": [value]} for key, value in parameters.items()]
    return {"name": name, "description": "", "parameters": pairs, "dockerimages": images}


def function(name: str, input_type: str, output_type: str, created: Mapping[str, Any]) -> dict[str, Any]:
    """A fog function with one task per entity of `input_type`; an empty `output_type` means no output.

    `created` is what `task stop` has to remove together with the function.
    """
    stream = {"selected_type": input_type, "selected_attributes": [], "groupby": "EntityID", "scoped": False}
    outputs = [{"entity_type": output_type}] if output_type else []
    task = {"name": TASK, "operator": name, "input_streams": [stream], "output_streams": outputs}
    about = "made by fogflow-k8s; `fogflow-k8s task stop` removes it"
    return {
        "name": name,
        "topology": {"name": name, "description": about, "tasks": [task]},
        "intent": {
            "topology": name,
            "priority": {"exclusive": False, "level": 0},
            "qos": "default",
            "geoscope": {"scopeType": "global", "scopeValue": "global"},
        },
        CREATED_KEY: dict(created),
    }


def entity_update(kind: str, id_: str, value: int) -> dict[str, Any]:
    """The element of an NGSI10 update that gives an entity one attribute."""
    attribute = {"name": "value", "type": "integer", "value": value}
    return {"entityId": entity_id(kind, id_), "attributes": [attribute], "domainMetadata": []}


def entity_id(kind: str, id_: str) -> dict[str, Any]:
    """The identity of one entity in an NGSI10 request."""
    return {"id": id_, "type": kind, "isPattern": False}


def split_image(image: str) -> tuple[str, str]:
    """Name and tag of an image. FogFlow joins them with a colon, so a digest is split at its own colon."""
    name, at, digest = image.partition("@")
    if at and ":" not in name.rpartition("/")[2]:
        kind, _, value = digest.partition(":")
        return f"{name}@{kind}", value
    folder, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    return f"{folder}{slash}{last}", (tag if colon else "latest") + (f"@{digest}" if at else "")


def intents_by_topology(intents: Any) -> dict[str, str]:
    """The id of the service intent for each topology, from the designer's list of intents."""
    listed: Sequence[Any] = list(intents.values()) if isinstance(intents, Mapping) else intents or []
    return {str(each.get("topology")): str(each.get("id")) for each in listed if isinstance(each, Mapping)}
