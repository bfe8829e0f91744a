"""Events: what Kubernetes' parts say about an object. Old words about a namesake are not about it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from fogflow_k8s.model.kubernetes import Obj, metadata_of


def about(obj: Obj, events: Sequence[Obj]) -> list[Obj]:
    """The events about this very object, oldest first; the order of the input does not matter."""
    return sorted((e for e in events if _is_about(e, obj)), key=_order)


def last(events: Sequence[Obj], *reasons: str) -> Obj | None:
    """The newest of those with one of the reasons, in a list as `about` returns it."""
    return next((e for e in reversed(events) if e.get("reason") in reasons), None)


def message(event: Obj | None) -> str:
    """Its words; "" for none."""
    return str((event or {}).get("message") or "")


def _is_about(event: Obj, obj: Obj) -> bool:
    told, metadata = event.get("involvedObject") or {}, metadata_of(obj)
    same_kind = not (told.get("kind") and obj.get("kind")) or told["kind"] == obj["kind"]
    same_life = not (told.get("uid") and metadata.get("uid")) or told["uid"] == metadata["uid"]
    return bool(told.get("name") == metadata.get("name") and same_kind and same_life)


def _order(event: Obj) -> tuple[str, str, str]:
    """By time; of one time, by the words, so that the order is the same whoever lists them."""
    when = (
        (event.get("series") or {}).get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or metadata_of(event).get("creationTimestamp")
        or ""
    )
    return str(when), str(event.get("reason") or ""), message(event)
