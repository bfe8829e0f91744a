"""One step with its figures, and whether it held; and its JSON form, in which the generator prints it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fogflow_k8s.model.bench.evaluation import Figures, Notifications, Second
from fogflow_k8s.model.bench.slo import Limit, exceeded


@dataclass(frozen=True)
class Step:
    """A scenario at one rate. `notifications` None where none are measured."""

    rate: float
    duration_s: float
    figures: Figures
    notifications: Notifications | None = None

    @property
    def percentiles(self) -> Mapping[str, float | None]:
        """The percentiles that the scenario measures: of the notifications where there are some, else of the answers."""
        return (self.notifications or self.figures).percentiles

    @property
    def seconds(self) -> Sequence[Second]:
        """The series that the scenario measures, as for `percentiles`."""
        return (self.notifications or self.figures).seconds

    def violations(self, limits: Sequence[Limit], events: str = "notifications") -> list[str]:
        """Why the step does not hold; empty when it holds. An invalid step never holds. `events` is the word for notifications."""
        if self.figures.invalid:
            return [f"invalid: {self.figures.invalid}"]
        lines = [f"{count} requests failed: {kind}" for kind, count in self.figures.errors.items()]
        if self.notifications and self.notifications.lost:
            lines.append(f"{self.notifications.lost} of {self.notifications.expected} {events} were lost")
        return lines + exceeded(limits, self.percentiles)


def to_json(step: Step) -> dict[str, Any]:
    """The step as a JSON object, without the numbers of the single requests."""
    found = asdict(step)
    del found["figures"]["answered_numbers"]
    return {name: _rounded(value) for name, value in found.items()}


def _rounded(value: Any) -> Any:
    """The same with numbers to the microsecond, which makes the generator's line half as long."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value


def from_json(found: Mapping[str, Any]) -> Step:
    """The step from its JSON object. Raises KeyError, TypeError."""
    figures, told = dict(found["figures"]), found.get("notifications")
    figures["seconds"] = [Second(**each) for each in figures["seconds"]]
    figures["buckets"] = [(float(bound), int(count)) for bound, count in figures["buckets"]]
    notified = Notifications(**{**told, "seconds": [Second(**each) for each in told["seconds"]]}) if told else None
    return Step(found["rate"], found["duration_s"], Figures(**figures), notified)
