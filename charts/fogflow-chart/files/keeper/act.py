"""Carry out what was decided; one failure does not keep the rest from being done."""

from __future__ import annotations

import contextlib

import ngsi
from cell import DISCOVERY, Action, Memory
from http_json import ERRORS
from kube import Kube
from observe import Members

_REASONS = {
    "delete": "Restarting",
    "end": "Restarting",
    "replay": "Restarting",
    "restore": "RestoringState",
    "unsubscribe": "RemovingSubscriptions",
    "reap": "RemovingTasks",
    "remove": "RemovingTasks",
    "tell": "WorkersFull",
}


def carry_out(action: Action, members: Members, kube: Kube, memory: Memory) -> str:
    """Do it; what went wrong, or nothing."""
    try:
        if action.kind in {"delete", "end", "replay"}:
            kube.delete_pod(action.target, action.grace_s)
        elif action.kind == "reap":
            for name in action.names:
                kube.delete_task(name)
        elif action.kind == "remove":
            for name in action.names:
                kube.ask_to_remove(name)
        elif action.kind == "unsubscribe":
            server, availability = members.servers[action.component], action.component == DISCOVERY
            ngsi.unsubscribe(server, action.names, availability=availability)
        elif action.kind == "restore":
            restore = ngsi.restore_discovery if action.component == DISCOVERY else ngsi.restore_broker
            restore(members.servers[action.component], memory.snapshot[action.component], action.names)
    except ERRORS as error:
        return f"{action.key}: {error}"
    with contextlib.suppress(*ERRORS):  # an event is a courtesy
        kube.event(action.component, action.target, _REASONS[action.kind], f"{action.component}: {action.why}")
    return ""
