"""Operators, fog functions and entities in the form in which FogFlow's designer and broker take them. Pure.

Source: the designer's routes /operator and /fogfunction and the broker's NGSI10 of FogFlow 3.2.8, by their bodies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

MARK = "fogflow-k8s"
"""The key of a function under which we note what we made for it; the designer stores keys that it does not know."""
TASK = "main"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,39}")
_HARDWARE = ("X86", "ARM")


def checked_name(text: str) -> str:
    """A name for a function and its operator. Raises ValueError: a dot would split the ids of its tasks."""
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not a function's name: a letter, then letters, digits and -, at most 40")
    return text


def operator(name: str, image: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """An operator with one image for every processor: FogFlow knows two, and its workers call arm64 X86."""
    repository, tag = split(image)
    images = [
        {"operatorName": name, "name": repository, "tag": tag, "hwType": kind, "osType": "Linux", "prefetched": False}
        for kind in _HARDWARE
    ]
    # the dashboard writes `values`, the master reads `value`
    given = [{"name": key, "value": value, "values": [value]} for key, value in parameters.items()]
    return {"name": name, "description": "", "parameters": given, "dockerimages": images}


def function(name: str, inputs: str, output: str, made: Mapping[str, Any]) -> dict[str, Any]:
    """A fog function of one task per entity of type `inputs`. `made`: what we note of it."""
    stream = {"selected_type": inputs, "selected_attributes": [], "groupby": "EntityID", "scoped": False}
    outputs = [{"entity_type": output}] if output else []
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
        MARK: dict(made),
    }


def element(kind: str, id_: str, value: int) -> dict[str, Any]:
    """An entity with one attribute, as an update carries it."""
    attribute = {"name": "value", "type": "integer", "value": value}
    return {"entityId": entity(kind, id_), "attributes": [attribute], "domainMetadata": []}


def entity(kind: str, id_: str) -> dict[str, Any]:
    """An entity's identity."""
    return {"id": id_, "type": kind, "isPattern": False}


def split(image: str) -> tuple[str, str]:
    """Name and tag, which FogFlow puts together again with a colon; a digest's colon serves as well."""
    name, at, digest = image.partition("@")
    if at and ":" not in name.rpartition("/")[2]:
        kind, _, value = digest.partition(":")
        return f"{name}@{kind}", value
    folder, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    return f"{folder}{slash}{last}", (tag if colon else "latest") + (f"@{digest}" if at else "")


def topologies_of(intents: Any) -> dict[str, str]:
    """Topology -> the id of the intent that asks for it, of what the designer lists."""
    listed: Sequence[Any] = list(intents.values()) if isinstance(intents, Mapping) else intents or []
    return {str(each.get("topology")): str(each.get("id")) for each in listed if isinstance(each, Mapping)}
