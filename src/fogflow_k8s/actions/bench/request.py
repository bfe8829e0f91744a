"""What one command `bench run` asks for, and the checks of its values, made before the cluster is contacted."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Literal

from fogflow_k8s.errors import UsageError
from fogflow_k8s.model.bench import scenarios
from fogflow_k8s.model.bench.scenarios import Scenario
from fogflow_k8s.model.bench.slo import Limit

Through = Literal["direct", "proxy"]
SEARCH_LIMITS = (Limit("p99", 1.0),)
"""The objective of a search without --slo."""


@dataclass(frozen=True)
class BenchRequest:
    """The scenarios and their settings; 0 and "" stand for the scenario's default. Times in seconds, `rate` per second."""

    names: tuple[str, ...]
    rate: float = 0.0
    duration_s: float = 0.0
    entities: int = 0
    subscribers: int = 0
    find_capacity: bool = False
    limits: tuple[Limit, ...] = ()
    through: Through = "direct"
    image: str = ""
    task_image: str = ""
    timeout_s: float = 120.0
    accept_notifying: bool = False
    id: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def scenarios(self) -> list[Scenario]:
        """The scenarios, in the order of the command line. Raises UsageError for an unknown name."""
        for name in self.names:
            if name not in scenarios.BY_NAME:
                raise UsageError(
                    f"there is no scenario {name}: allowed are {', '.join(scenarios.BY_NAME)}",
                    hint="fogflow-k8s bench list",
                )
        return [scenarios.BY_NAME[name] for name in self.names]

    def rate_of(self, scenario: Scenario) -> float:
        """Requests per second, the first rate of a search."""
        return self.rate or scenario.rate

    def duration_of(self, scenario: Scenario) -> float:
        """Seconds of one step."""
        return self.duration_s or scenario.duration_s

    def subscribers_of(self, scenario: Scenario) -> int:
        """The number of subscribers; 0 for a scenario that measures no notifications."""
        return (self.subscribers or scenario.subscribers) if scenario.subscribers else 0

    @property
    def objective(self) -> tuple[Limit, ...]:
        """The limits; a search has one in any case, because a queue that grows fails no request for seconds."""
        return self.limits or (SEARCH_LIMITS if self.find_capacity else ())

    def require_valid(self) -> None:
        """Raises UsageError for a value beyond the upper bounds, and for options that no selected scenario has."""
        for scenario in self.scenarios:
            self._require_bounds(scenario)
        if self.find_capacity and not set(self.names) <= set(scenarios.GENERATED):
            raise UsageError(
                "--find-capacity searches a rate of requests, and the scenario task has none",
                hint="fogflow-k8s bench run update --find-capacity",
            )
        if any(scenario.has_tasks for scenario in self.scenarios) and not self.task_image:
            raise UsageError(
                "the scenario flow needs the image of an operator that repeats the attribute sequence of its input in its output",
                hint="--task-image IMAGE; docs/bench.md has such an operator",
            )
        if self.through == "proxy" and not set(self.names) <= set(scenarios.GENERATED):
            raise UsageError(
                "--through proxy: the scenario task sends no load through the reverse proxy", hint="leave out --through"
            )

    def _require_bounds(self, scenario: Scenario) -> None:
        rate, duration_s = self.rate_of(scenario), self.duration_of(scenario)
        bounds = (
            ("--rate", rate, scenarios.MAX_RATE, "requests per second"),
            ("--duration", duration_s, scenarios.MAX_DURATION_S, "seconds"),
            ("--entities", self.entities, scenarios.MAX_ENTITIES, "entities"),
            (
                "--rate times --subscribers",
                rate * self.subscribers_of(scenario),
                scenarios.MAX_NOTIFICATIONS,
                "notifications per second",
            ),
            ("--subscribers", self.subscribers, scenarios.MAX_SUBSCRIBERS, "subscribers"),
            (
                "--rate times --duration",
                0 if self.find_capacity else rate * duration_s,
                scenarios.MAX_REQUESTS,
                "requests",
            ),
        )
        for flag, value, most, unit in bounds:
            if value > most:
                raise UsageError(f"{flag} is {value:g}: at most {most:g} {unit} are allowed", hint=f"{flag} {most:g}")
