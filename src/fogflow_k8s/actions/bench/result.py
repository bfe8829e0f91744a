"""The result of `bench run`: facts about release and cluster, and the figures of each scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fogflow_k8s.actions.bench.tasks import TaskFigures
from fogflow_k8s.model.bench.resources import Resources
from fogflow_k8s.model.bench.scenarios import BY_NAME
from fogflow_k8s.model.bench.slo import Limit
from fogflow_k8s.model.bench.step import Step
from fogflow_k8s.model.settings.worker_choice import Implementation


@dataclass(frozen=True)
class ScenarioRun:
    """One scenario of a run. `tasks` for the scenario `task`, which has no steps."""

    scenario: str
    through: str
    entities: int
    subscribers: int
    limits: tuple[Limit, ...]
    searched: bool
    steps: Sequence[Step] = ()
    tasks: TaskFigures | None = None
    resources: Resources = field(default_factory=lambda: Resources("missing"))

    @property
    def events(self) -> str:
        """What the scenario's subscribers get, as a word for people."""
        return BY_NAME[self.scenario].events

    @property
    def best(self) -> Step | None:
        """The step with the highest rate that held; None when none did."""
        held = [step for step in self.steps if not step.violations(self.limits)]
        return max(held, key=lambda step: step.rate, default=None)

    @property
    def capacity(self) -> float | None:
        """The capacity that a search found, in requests per second; None without a search, or when no rate held."""
        lowest_failed = min((step.rate for step in self.steps if step.violations(self.limits)), default=float("inf"))
        held = [step.rate for step in self.steps if step.rate < lowest_failed and not step.violations(self.limits)]
        return max(held, default=None) if self.searched else None

    @property
    def invalid(self) -> str:
        """Why the figures mean nothing; "" when they are valid."""
        if self.searched:
            return ""
        return next((step.figures.invalid for step in self.steps if step.figures.invalid), "")

    @property
    def violations(self) -> list[str]:
        """Why the scenario does not hold: failures, losses, and limits of the objective that are exceeded."""
        if self.tasks:
            return [] if self.tasks.ok else [f"{self.tasks.running.count} of {self.tasks.entities} tasks ran"]
        if self.searched:
            return [] if self.capacity else ["no rate held"]
        return [line for step in self.steps for line in step.violations(self.limits, self.events)]


@dataclass(frozen=True)
class ClusterFacts:
    """The cluster that was measured."""

    kubernetes: str
    nodes: int
    cpu: float
    memory: float
    kernels: tuple[str, ...]
    architectures: tuple[str, ...]


@dataclass(frozen=True)
class BenchRun:
    """The whole result. `started` in RFC 3339; `settings` are those of the release that decide its capacity."""

    id: str
    release: str
    namespace: str
    started: str
    chart: str
    fogflow: str
    shards: int
    worker: Implementation
    cluster: ClusterFacts
    scenarios: tuple[ScenarioRun, ...]
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every scenario is valid and holds."""
        return not any(run.invalid or run.violations for run in self.scenarios)
