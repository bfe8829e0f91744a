"""Who holds a release, and when a hold is stale. Pure; time is handed in.

A Lease's timestamps are the holder's clock, which may be wrong. So a contender never compares them with its own: it
watches, and calls a Lease stale when nothing in it changed for its whole duration by the contender's clock (the rule of
client-go's leader election).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.model.kubernetes import metadata_of, spec_of

DURATION_S = 15
"""For so long a contender must see nothing change before it takes over."""
GIVE_UP_S = 12
"""A holder that could not renew for so long does nothing more, before a contender may begin (client-go's RenewDeadline)."""
RENEW_EVERY_S = 3
COMMAND = "fogflow-k8s.io/command"


@dataclass(frozen=True)
class Hold:
    """What a Lease says: who, since when, with which command. `token` changes whenever the holder renews."""

    holder: str
    command: str
    acquired: str
    token: str


def read(lease: Mapping[str, Any]) -> Hold | None:
    """The hold on a Lease, or None when nobody holds it."""
    spec = spec_of(lease)
    if not spec.get("holderIdentity"):
        return None
    metadata = metadata_of(lease)
    return Hold(
        holder=str(spec["holderIdentity"]),
        command=str((metadata.get("annotations") or {}).get(COMMAND, "")),
        acquired=str(spec.get("acquireTime") or ""),
        token=f"{spec['holderIdentity']}|{spec.get('renewTime')}|{spec.get('leaseTransitions')}",
    )


@dataclass(frozen=True)
class Watch:
    """A contender's memory of one Lease: the token it saw, and when (its own clock) it first saw it."""

    token: str
    since_s: float

    def after(self, hold: Hold, now_s: float) -> Watch:
        """The memory after one more look."""
        return self if hold.token == self.token else Watch(hold.token, now_s)

    def stale(self, now_s: float, duration_s: float = DURATION_S) -> bool:
        """True when the holder gave no sign of life for the Lease's whole duration."""
        return now_s - self.since_s >= duration_s


def manifest(name: str, namespace: str, holder: str, command: str, now: str, transitions: int) -> dict[str, Any]:
    """The Lease as a new holder writes it; `now` is RFC 3339 with microseconds, in UTC."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": namespace, "annotations": {COMMAND: command}},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": DURATION_S,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": transitions,
        },
    }
