"""The keeper's health report: whether FogFlow itself works, which the state of its pods does not show.

FogFlow's programs can stop working while all pods stay ready. The keeper therefore asks the components themselves: the consumers
of each queue, the workers that the master knows, the brokers that discovery knows, the data that they hold. It writes the result
into the ConfigMap `<release>-health` every ten seconds and after every change. This module reads that ConfigMap, decides whether
the report is recent enough to count, and turns it into causes. A member is one instance in the report, for example
cloud-broker-1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from fogflow_k8s.model.diagnosis.catalogue import Cause, cause
from fogflow_k8s.model.kubernetes import Obj, metadata_of, status_of

STALE_S = 30.0  # three reports are missing: the keeper itself does not work
FUTURE_S = 5.0  # tolerated difference between the clocks of several API servers
FILE = "health.json"
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
    """One instance of a component, as the keeper reports it."""

    name: str
    state: str
    """ok, or one of the keeper's words for a problem or a repair, such as down, empty, restoring, starting."""
    why: str = ""


@dataclass(frozen=True)
class HealthReport:
    """One report of the keeper, or the reason why no report counts."""

    state: str = ""
    """The keeper's word for FogFlow as a whole, such as working, starting or degraded; "" when there is no report."""
    why: str = ""
    age_s: float | None = None
    members: tuple[Member, ...] = ()
    repairs: tuple[Mapping[str, Any], ...] = ()
    dead: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By broker, addresses of tasks that no longer exist and whose subscriptions the keeper could not remove. Only of a recent report."""
    unreachable: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By broker, subscribers that it has not reached for minutes. Only of a recent report."""
    checked: bool = False
    """Whether the report is recent and newer than the pods."""

    @property
    def stale(self) -> bool:
        """Whether the keeper has stopped reporting."""
        return self.age_s is not None and self.age_s > STALE_S

    @property
    def overdue(self) -> bool:
        """Whether there is a report that does not count: it is stale or older than the pods."""
        return self.age_s is not None and not self.checked

    @property
    def works(self) -> bool:
        """Whether a report that counts says that FogFlow works."""
        return self.checked and self.state == "working"


def name_of(release: str) -> str:
    """The name of the ConfigMap with the report."""
    return f"{release}-health"


def read(config_map: Obj | None, pods: Sequence[Obj], now: datetime, *, margin_s: float = 0.0) -> HealthReport:
    """The report in a ConfigMap, and whether it counts at `now` for these pods.

    `now`, the time of the report and the times at which pods became ready all come from the API server's clock
    (managedFields), because the clocks of this machine and of the nodes can be wrong.

    A report from before the last pod became ready describes earlier pods and does not count. A caller that has just
    replaced pods sets `margin_s`, the seconds after their readiness in which the keeper may still report older observations.
    """
    if config_map is None:
        return HealthReport(why="the keeper has not reported yet")
    try:
        report = json.loads((config_map.get("data") or {})[FILE])
        updated = written(config_map, "f:data", f"f:{FILE}") or datetime.fromisoformat(report["updated"])
        state, why = str(report["state"]), str(report.get("why") or "")
        members = tuple(
            Member(str(name), str(each.get("state")), str(each.get("why") or ""))
            for name, each in sorted((report.get("components") or {}).items())
        )
        repairs = tuple(report.get("repairs") or ())
        age = (now - updated).total_seconds()
        dead, away = (_addresses(report, name) for name in ("dead", "unreachable"))
    except (KeyError, TypeError, ValueError, AttributeError):
        return HealthReport(why="the keeper has not reported yet")
    if age > STALE_S:
        return HealthReport(state, f"the keeper's last report is {age:.0f} s old", age, members, repairs)
    if age < -FUTURE_S:
        return HealthReport(
            state, f"the keeper's last report is dated {-age:.0f} s in the future", age, members, repairs
        )
    if updated < _youngest(pods) + timedelta(seconds=margin_s):
        return HealthReport(state, "the keeper has not checked these pods yet", age, members, repairs)
    return HealthReport(state, why, age, members, repairs, dead, away, checked=True)


def causes(health: HealthReport, namespace: str) -> list[Cause]:
    """A cause for each member that does not work; a single cause about the keeper when it has stopped reporting."""
    if not health.checked:
        return (
            [cause(_NO_KEEPER, "keeper", "deployment/keeper", health.why, namespace=namespace)] if health.stale else []
        )
    if health.works:
        return []
    sets = {_component(member.name) for member in health.members if _component(member.name) != member.name}
    return [
        cause(
            _CAUSES.get(component, _OTHER),
            component,
            f"statefulset/{component}" if component in sets else f"deployment/{component}",
            f"{member.name}: {member.why or member.state}",
            namespace=namespace,
        )
        for member in health.members
        if member.state not in {"ok", "unchecked", "disabled"}
        for component in (_component(member.name),)
    ]


def subscription_causes(health: HealthReport | None, namespace: str) -> list[Cause]:
    """Causes for subscriptions whose subscribers a broker cannot reach. FogFlow works nevertheless, so only `doctor` shows them."""
    if health is None:
        return []
    found = (
        ("FK-6014", health.dead, "{} keeps subscriptions of tasks that do not exist"),
        ("FK-6015", health.unreachable, "{} has not reached subscribers for minutes"),
    )
    return [
        cause(id_, _component(broker), f"broker/{broker}", what.format(broker), evidence=addresses, namespace=namespace)
        for id_, brokers, what in found
        for broker, addresses in brokers.items()
    ]


def _addresses(report: Mapping[str, Any], name: str) -> dict[str, tuple[str, ...]]:
    """The addresses by broker; reports of older keepers have none."""
    brokers = (report.get("references") or {}).get(name) or {}
    return {str(broker): tuple(map(str, addresses)) for broker, addresses in sorted(brokers.items())}


def _component(member: str) -> str:
    """The component of an instance: cloud-broker for cloud-broker-1."""
    return member.rstrip("0123456789").removesuffix("-")


def _youngest(pods: Sequence[Obj]) -> datetime:
    """When the last of the pods became ready; 1970 when no pod has that condition."""
    times = [
        written(pod, "f:status", "f:conditions") or datetime.fromisoformat(str(condition["lastTransitionTime"]))
        for pod in pods
        for condition in status_of(pod).get("conditions") or []
        if condition.get("type") == "Ready" and condition.get("lastTransitionTime")
    ]
    return max(times, default=datetime.fromisoformat("1970-01-01T00:00:00+00:00"))


def written(obj: Obj, *path: str) -> datetime | None:
    """When anything below that path last changed, by the API server's clock; None when managedFields has no such entry."""
    times = []
    for entry in metadata_of(obj).get("managedFields") or []:
        fields: Any = entry.get("fieldsV1") or {}
        for name in path:
            fields = fields.get(name) if isinstance(fields, Mapping) else None
        if fields is not None and entry.get("time"):
            times.append(datetime.fromisoformat(str(entry["time"])))
    return max(times, default=None)
