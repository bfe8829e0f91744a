"""What the designer's next replay makes the master do, calculated from the designer's database.

The designer publishes each service intent and each enabled function once, when it starts. The master fetches the topology of an intent
by its name, and subscribes at discovery for each input stream of each of its tasks; it drops an intent whose topology it cannot find
or read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any


def subscriptions(database: Mapping[str, Any]) -> int:
    """How many subscriptions the master makes of everything that is stored."""
    return sum(_of_topology(database, name) for name in _published(database))


def tasks(database: Mapping[str, Any], discovery: Mapping[str, Any]) -> int:
    """How many tasks the master plans for everything that is stored and registered; fewer where that is not known.

    FogFlow matches a type as a regular expression without anchors. Groups depend on entities' values, which the keeper does not read.
    """
    if any(_is_exclusive(intent) for intent in _intents(database)):
        return 0  # the tasks of other intents pause
    types = [str(one.get("Type") or one.get("type") or "") for key, one in discovery.items() if key.startswith("r:")]
    streams = [
        [one for one in task.get("input_streams") or [] if isinstance(one, Mapping)]
        for name in topologies(database)
        for task in _tasks(database, name) or []
    ]
    return sum(_instances(each, types) for each in streams)


def _instances(streams: list[Mapping[str, Any]], types: list[str]) -> int:
    found = [sum(_matches(str(one.get("selected_type") or ""), each) for each in types) for one in streams]
    if not found or not all(found):
        return 0
    by_entity = all(one.get("groupby") in {None, "", "EntityID"} and not one.get("scoped") for one in streams)
    return found[0] if by_entity and len(found) == 1 else 1


def _matches(pattern: str, of: str) -> bool:
    try:
        return bool(pattern) and re.search(pattern, of) is not None
    except re.error:
        return pattern == of


def topologies(database: Mapping[str, Any]) -> frozenset[str]:
    """The names of the topologies whose tasks are requested."""
    return frozenset(_published(database))


def _published(database: Mapping[str, Any]) -> Iterator[str]:
    """The topology's name of each intent that the designer publishes when it starts."""
    for intent in _intents(database):
        yield str(intent.get("topology") or "")


def _intents(database: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from _each(database, "serviceintents").values()
    for name, function in _each(database, "fogfunctions").items():
        if function.get("status", "enabled") == "enabled":
            intent = function.get("intent")
            yield {"topology": name, **(intent if isinstance(intent, Mapping) else {})}


def _is_exclusive(intent: Mapping[str, Any]) -> bool:
    priority = intent.get("priority")
    return isinstance(priority, Mapping) and bool(priority.get("exclusive"))


def _of_topology(database: Mapping[str, Any], name: str) -> int:
    found = _tasks(database, name)
    if found is None:
        return int(name in _each(database, "fogfunctions"))  # stored in another form than FogFlow's
    return sum(len(task.get("input_streams") or []) for task in found)


def _tasks(database: Mapping[str, Any], name: str) -> list[Mapping[str, Any]] | None:
    """The tasks of a topology, an empty list when the master cannot read it; None when the topology does not exist."""
    function = _each(database, "fogfunctions").get(name) or {}
    topology = _each(database, "topologies").get(name) or function.get("topology")
    if not isinstance(topology, Mapping):
        return None
    operators = {str(one.get("name")): one for one in _each(database, "operators").values()}
    found = [one for one in topology.get("tasks") or [] if isinstance(one, Mapping)]
    return [] if any(_unreadable(operators.get(str(task.get("operator")), {})) for task in found) else found


def _unreadable(operator: Mapping[str, Any]) -> bool:
    """The master accepts parameters with text as their value only, and drops an operator with other ones."""
    parameters = [one for one in operator.get("parameters") or [] if isinstance(one, Mapping)]
    return any(not isinstance(one.get("value", ""), str) for one in parameters)


def _each(database: Mapping[str, Any], kind: str) -> dict[str, Mapping[str, Any]]:
    """The stored objects of a kind by name, without entries that are not objects."""
    found = database.get(kind)
    items = found.items() if isinstance(found, Mapping) else ()
    return {str(name): one for name, one in items if isinstance(one, Mapping)}
