"""Carry out an action that was decided on: at the API server, or at FogFlow's API. One failure does not stop the other actions."""

from __future__ import annotations

import contextlib

import ngsi
from action import Action, Kind
from http_json import ERRORS
from kube import Kube
from memory import Memory
from observe import Members
from snapshot import DISCOVERY

_REASONS: dict[Kind, str] = {
    "delete": "Restarting",
    "end": "Restarting",
    "replay": "Restarting",
    "restore": "RestoringState",
    "unsubscribe": "RemovingSubscriptions",
    "reap": "RemovingTasks",
    "remove": "RemovingTasks",
    "warn": "WorkersFull",
}
"""Reason of the Event that is published for each kind."""


def carry_out(action: Action, members: Members, kube: Kube, memory: Memory) -> str:
    """Do it; returns what went wrong, or an empty string."""
    try:
        _do(action, members, kube, memory)
    except ERRORS as error:
        return f"{action.key}: {error}"
    with contextlib.suppress(*ERRORS):  # the action is done, whether or not its Event could be published
        kube.publish_event(action.component, action.target, _REASONS[action.kind], f"{action.component}: {action.why}")
    return ""


def _do(action: Action, members: Members, kube: Kube, memory: Memory) -> None:
    is_discovery = action.component == DISCOVERY
    match action.kind:
        case "delete" | "end" | "replay":
            kube.delete_pod(action.target, action.grace_s)
        case "reap":
            for name in action.names:
                kube.delete_task(name)
        case "remove":
            for name in action.names:
                kube.ask_to_remove(name)
        case "unsubscribe":
            ngsi.unsubscribe(members.servers[action.component], action.names, availability=is_discovery)
        case "restore":
            restore = ngsi.restore_discovery if is_discovery else ngsi.restore_broker
            restore(members.servers[action.component], memory.saved[action.component], action.names)
