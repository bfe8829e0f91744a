"""The cell: what the keeper found out about FogFlow itself, beside what Kubernetes says of its pods. Pure.

Pods lie: in every dead state that FogFlow has, all of them were ready, with no restart. The keeper asks the members
(consumers per queue, workers at the master, brokers at discovery, the state they hold) and writes what it found into the
ConfigMap `<release>-cell`, every ten seconds and at every change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from fogflow_k8s.model.diagnosis.catalogue import Cause, cause
from fogflow_k8s.model.kubernetes import Obj, metadata_of, status_of

STALE_S = 30.0  # three reports missed: the keeper itself does not work
FUTURE_S = 5.0  # by so much the clocks of several API servers may differ
FILE = "cell.json"
_CAUSES = {
    "rabbitmq": "FK-6002",
    "master": "FK-6003",
    "cloud-worker": "FK-6004",
    "designer": "FK-6003",
    "discovery": "FK-6005",
    "cloud-broker": "FK-6006",
}
_OTHER = "FK-6007"
_NO_KEEPER = "FK-6008"


@dataclass(frozen=True)
class Member:
    """One component, as the keeper sees it."""

    name: str
    state: str
    """ok, or in the keeper's words what is wrong: down, deaf, wedged, empty, restoring, restarting, starting ..."""
    why: str = ""


@dataclass(frozen=True)
class Cell:
    """One report of the keeper, or the reason why there is none that can be believed."""

    state: str = ""
    """working, starting, mending or degraded; empty when nothing is known."""
    why: str = ""
    age_s: float | None = None
    members: tuple[Member, ...] = ()
    mends: tuple[Mapping[str, Any], ...] = ()
    dead: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of a fresh report: by broker, addresses of tasks that do not exist, of which it keeps subscriptions though the keeper tries to end them."""
    unreachable: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of a fresh report: by broker, subscribers that it has not reached for minutes."""
    checked: bool = False
    """Whether the report is fresh, and younger than the pods."""

    @property
    def stale(self) -> bool:
        """Whether the reports have stopped."""
        return self.age_s is not None and self.age_s > STALE_S

    @property
    def overdue(self) -> bool:
        """Whether there is a report, and it is no proof: it is stale, or older than the pods."""
        return self.age_s is not None and not self.checked

    @property
    def works(self) -> bool:
        """Whether FogFlow itself is known to work."""
        return self.checked and self.state == "working"


def name_of(release: str) -> str:
    """The ConfigMap with the report."""
    return f"{release}-cell"


def read(config_map: Obj | None, pods: Sequence[Obj], now: datetime, *, margin_s: float = 0.0) -> Cell:
    """What a report is worth at `now`, by the API server's clock, given the pods that it is about.

    When it was written is told by the API server, too (managedFields), and so is when a pod became ready: the clocks of
    this machine and of the nodes may all be wrong.

    A report from before the last pod became ready is about other pods: no proof of these. `margin_s` is for who has just
    replaced pods: so long after their readiness the keeper may still tell of what it saw before.
    """
    if config_map is None:
        return Cell(why="the keeper has not reported yet")
    try:
        told = json.loads((config_map.get("data") or {})[FILE])
        updated = written(config_map, "f:data", f"f:{FILE}") or datetime.fromisoformat(told["updated"])
        state, why = str(told["state"]), str(told.get("why") or "")
        members = tuple(
            Member(str(name), str(each.get("state")), str(each.get("why") or ""))
            for name, each in sorted((told.get("components") or {}).items())
        )
        mends = tuple(told.get("mends") or ())
        age = (now - updated).total_seconds()
        dead, away = (_addresses(told, name) for name in ("dead", "unreachable"))
    except (KeyError, TypeError, ValueError, AttributeError):
        return Cell(why="the keeper has not reported yet")
    if age > STALE_S:
        return Cell(state, f"the keeper's last report is {age:.0f} s old", age, members, mends)
    if age < -FUTURE_S:
        return Cell(state, f"the keeper's last report is dated {-age:.0f} s in the future", age, members, mends)
    if updated < _youngest(pods) + timedelta(seconds=margin_s):
        return Cell(state, "the keeper has not looked at these pods yet", age, members, mends)
    return Cell(state, why, age, members, mends, dead, away, checked=True)


def causes(cell: Cell, namespace: str) -> list[Cause]:
    """What keeps the cell from working, by member; one cause about the keeper when its reports have stopped."""
    if not cell.checked:
        return [cause(_NO_KEEPER, "keeper", "deployment/keeper", cell.why, namespace=namespace)] if cell.stale else []
    if cell.works:
        return []
    sets = {_component(member.name) for member in cell.members if _component(member.name) != member.name}
    return [
        cause(
            _CAUSES.get(component, _OTHER),
            component,
            f"statefulset/{component}" if component in sets else f"deployment/{component}",
            f"{member.name}: {member.why or member.state}",
            namespace=namespace,
        )
        for member in cell.members
        if member.state not in {"ok", "unchecked", "disabled"}
        for component in (_component(member.name),)
    ]


def astray(cell: Cell | None, namespace: str) -> list[Cause]:
    """Subscriptions that make a broker wait in vain. FogFlow works all the same: `doctor` alone tells them."""
    if cell is None:
        return []
    found = (
        ("FK-6014", cell.dead, "{} keeps subscriptions of tasks that do not exist"),
        ("FK-6015", cell.unreachable, "{} has not reached subscribers for minutes"),
    )
    return [
        cause(id_, _component(broker), f"broker/{broker}", says.format(broker), evidence=addresses, namespace=namespace)
        for id_, brokers, says in found
        for broker, addresses in brokers.items()
    ]


def _addresses(told: Mapping[str, Any], name: str) -> dict[str, tuple[str, ...]]:
    """By broker; keepers of before told none."""
    brokers = (told.get("references") or {}).get(name) or {}
    return {str(broker): tuple(map(str, addresses)) for broker, addresses in sorted(brokers.items())}


def _component(member: str) -> str:
    """Of several, the second is called cloud-broker-1: a row of the table is all of them."""
    return member.rstrip("0123456789").removesuffix("-")


def _youngest(pods: Sequence[Obj]) -> datetime:
    """When the last of the pods became ready; the beginning of time when none says."""
    times = [
        written(pod, "f:status", "f:conditions") or datetime.fromisoformat(str(condition["lastTransitionTime"]))
        for pod in pods
        for condition in status_of(pod).get("conditions") or []
        if condition.get("type") == "Ready" and condition.get("lastTransitionTime")
    ]
    return max(times, default=datetime.fromisoformat("1970-01-01T00:00:00+00:00"))


def written(obj: Obj, *path: str) -> datetime | None:
    """When something below that path was changed last, by the API server's clock; None where it does not say."""
    times = []
    for entry in metadata_of(obj).get("managedFields") or []:
        fields: Any = entry.get("fieldsV1") or {}
        for name in path:
            fields = fields.get(name) if isinstance(fields, Mapping) else None
        if fields is not None and entry.get("time"):
            times.append(datetime.fromisoformat(str(entry["time"])))
    return max(times, default=None)
