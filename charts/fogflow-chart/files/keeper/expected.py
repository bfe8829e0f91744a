"""What the designer's next start will bring, told from its database. Pure.

It publishes each service intent and each enabled function once. The master fetches the topology of an intent by its name, and
subscribes at discovery for each input stream of each of its tasks; an intent whose topology it cannot find or read it drops.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def subscriptions(database: Mapping[str, Any]) -> int:
    """How many subscriptions the master will make of all that is stored."""
    return sum(_of_topology(database, name) for name in _published(database))


def topologies(database: Mapping[str, Any]) -> frozenset[str]:
    """The names of the topologies whose tasks are asked for."""
    return frozenset(_published(database))


def _published(database: Mapping[str, Any]) -> Iterator[str]:
    """The topology's name of everything that the designer publishes at its start."""
    for intent in _each(database, "serviceintents").values():
        yield str(intent.get("topology") or "")
    for name, function in _each(database, "fogfunctions").items():
        if function.get("status", "enabled") == "enabled":
            yield str((function.get("intent") or {}).get("topology") or name)


def _of_topology(database: Mapping[str, Any], name: str) -> int:
    function = _each(database, "fogfunctions").get(name)
    topology = _each(database, "topologies").get(name) or (function or {}).get("topology")
    if not isinstance(topology, Mapping):
        return int(function is not None)  # stored in a form that is not FogFlow's own
    operators = {str(one.get("name")): one for one in _each(database, "operators").values()}
    tasks = [one for one in topology.get("tasks") or [] if isinstance(one, Mapping)]
    if any(_unreadable(operators.get(str(task.get("operator")), {})) for task in tasks):
        return 0
    return sum(len(task.get("input_streams") or []) for task in tasks)


def _unreadable(operator: Mapping[str, Any]) -> bool:
    """The master takes parameters with values of text only, and drops what has others."""
    parameters = [one for one in operator.get("parameters") or [] if isinstance(one, Mapping)]
    return any(not isinstance(one.get("value", ""), str) for one in parameters)


def _each(database: Mapping[str, Any], kind: str) -> dict[str, Mapping[str, Any]]:
    """The stored objects of a kind by name; what is no object is none of FogFlow's."""
    found = database.get(kind)
    items = found.items() if isinstance(found, Mapping) else ()
    return {str(name): one for name, one in items if isinstance(one, Mapping)}
