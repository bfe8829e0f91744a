"""Kubernetes events: messages of the kubelet, the scheduler and the controllers about an object.

An event names its object by kind, name and uid; one about a deleted object with the same name is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from fogflow_k8s.model.kubernetes import Obj, metadata_of


def about(obj: Obj, events: Sequence[Obj]) -> list[Obj]:
    """The events about this object, oldest first; the order of the input does not matter."""
    return sorted((e for e in events if _is_about(e, obj)), key=_order)


def last(events: Sequence[Obj], *reasons: str) -> Obj | None:
    """The newest of those with one of the reasons, in a list as `about` returns it."""
    return next((e for e in reversed(events) if e.get("reason") in reasons), None)


def message(event: Obj | None) -> str:
    """The event's message; "" for None."""
    return str((event or {}).get("message") or "")


def _is_about(event: Obj, obj: Obj) -> bool:
    target, metadata = event.get("involvedObject") or {}, metadata_of(obj)
    same_kind = not (target.get("kind") and obj.get("kind")) or target["kind"] == obj["kind"]
    same_life = not (target.get("uid") and metadata.get("uid")) or target["uid"] == metadata["uid"]
    return bool(target.get("name") == metadata.get("name") and same_kind and same_life)


def _order(event: Obj) -> tuple[str, str, str]:
    """By time, then by reason and message, so that the order does not depend on the API server's list."""
    when = (
        (event.get("series") or {}).get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or metadata_of(event).get("creationTimestamp")
        or ""
    )
    return str(when), str(event.get("reason") or ""), message(event)
