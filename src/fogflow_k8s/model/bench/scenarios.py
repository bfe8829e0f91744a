"""The scenarios of `bench`: what each sends and measures, its defaults, and the upper bounds of every run."""

from __future__ import annotations

from dataclasses import dataclass

MAX_RATE = 20_000
"""Requests per second that a run may ask for."""
MAX_REQUESTS = 300_000
"""Requests of one step, all of which the generator keeps in memory."""
MAX_ENTITIES = 20_000
MAX_SUBSCRIBERS = 50
MAX_DURATION_S = 3600.0
MAX_NOTIFICATIONS = 500
"""Notifications per second that the generator's receiver takes without being late itself."""


@dataclass(frozen=True)
class Scenario:
    """One kind of load. `rate` is in requests per second; `component` is the first program that receives the load."""

    name: str
    load: str
    measured: str
    component: str
    rate: float
    duration_s: float
    entities: int
    subscribers: int = 0
    has_tasks: bool = False
    """Whether each entity has a task, so that the subscribers get the tasks' outputs."""

    @property
    def events(self) -> str:
        """What the subscribers get, as a word for people."""
        return "outputs" if self.has_tasks else "notifications"


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "update", "NGSI10 updateContext, UPDATE of one entity", "latency, throughput, errors", "cloud-broker", 50, 60, 100
    ),
    Scenario(
        "ngsi-ld", "the same by NGSI-LD: upsert of one entity", "latency, throughput, errors", "cloud-broker", 50, 60, 100
    ),
    Scenario(
        "query", "NGSI10 queryContext by id, by type and by circle, in turn", "latency, errors", "cloud-broker", 20, 60, 100
    ),
    Scenario(
        "notify", "updates of entities with subscribers", "time until the notification; lost, doubled, late ones",
        "cloud-broker", 20, 60, 100, 1,
    ),
    Scenario("discover", "NGSI9 discovery by id among the registrations", "latency, errors", "discovery", 50, 60, 1000),
    Scenario(
        "task", "entities of a function, each of which starts one task", "time until the Deployment, until the ready pod",
        "master", 0, 120, 20,
    ),
    Scenario(
        "flow", "updates of entities, each of which has a task that publishes an output",
        "time until the output at a subscriber; lost, doubled, late ones", "cloud-broker", 10, 60, 10, 1, has_tasks=True,
    ),
)  # fmt: skip
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
DISTRIBUTED = frozenset({"update", "ngsi-ld"})
"""The scenarios whose entities are distributed over all shards of the broker; the others use the first shard, as their clients do."""
GENERATED = tuple(scenario.name for scenario in SCENARIOS if scenario.name != "task")
"""The scenarios whose load comes from the generator's pod; `task` observes Deployments from this machine."""
