"""The Lease of a release, which prevents two operations at the same time: who holds it, and when it is stale.

The timestamps in a Lease come from the holder's clock, which can be wrong. A contender therefore does not compare them with its
own clock. It observes the Lease and calls it stale when nothing in it changed for its whole duration by the contender's clock;
client-go's leader election has the same rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.model.kubernetes import metadata_of, spec_of

DURATION_S = 15
"""Seconds without any change after which a contender takes over."""
GIVE_UP_S = 12
"""Seconds without a renewal after which the holder stops; shorter than DURATION_S (client-go's RenewDeadline)."""
RENEW_EVERY_S = 3
COMMAND = "fogflow-k8s.io/command"


@dataclass(frozen=True)
class Hold:
    """The holder of a Lease: who, since when, with which command. `token` changes with every renewal."""

    holder: str
    command: str
    acquired: str
    token: str

    @property
    def began(self) -> str:
        """`acquired` for people, to the second; unchanged where it is not a time in UTC."""
        date, _, rest = self.acquired.partition("T")
        return f"{date} {rest[:8]} UTC" if rest.endswith(("Z", "+00:00")) else self.acquired


def read(lease: Mapping[str, Any]) -> Hold | None:
    """The holder of a Lease, or None when it is free."""
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
    """A contender's last observation of a Lease: the token, and when (own clock) it first saw that token."""

    token: str
    since_s: float

    def after(self, hold: Hold, now_s: float) -> Watch:
        """The observation after reading the Lease again."""
        return self if hold.token == self.token else Watch(hold.token, now_s)

    def stale(self, now_s: float, duration_s: float = DURATION_S) -> bool:
        """Whether the holder has not renewed for the Lease's whole duration."""
        return now_s - self.since_s >= duration_s


def manifest(name: str, namespace: str, holder: str, command: str, now: str, transitions: int) -> dict[str, Any]:
    """The Lease object of a new holder; `now` is RFC 3339 with microseconds, in UTC."""
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
