"""The plan of one run: what the CLI tells the generator, as JSON in a ConfigMap."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from fogflow_k8s.model.bench.scenarios import BY_NAME, MAX_NOTIFICATIONS, MAX_RATE
from fogflow_k8s.model.bench.slo import Limit

PREFIX = "FogflowK8sBench"
"""The beginning of every entity type that a run makes: the generator removes all that has it, also of runs that were killed."""
NOTIFIES_OTHERS = "subscribers of others would be notified"
"""How the generator's error begins when a run needs --yes."""
LATE_S = 1.0
"""A notification later than this many seconds after its update's planned time counts as late."""


@dataclass(frozen=True)
class Plan:
    """One scenario. `rate` in requests per second; with `find_capacity` it is the rate of the first step."""

    run: str
    scenario: str
    rate: float
    duration_s: float
    entities: int
    subscribers: int
    broker: str
    discovery: str
    find_capacity: bool = False
    limits: tuple[Limit, ...] = ()
    late_s: float = LATE_S
    timeout_s: float = 10.0
    drain_s: float = 3.0
    accept_notifying: bool = False
    """Whether subscribers of others may be notified of the run's entities."""
    tasks_s: float = 120.0
    """In the scenario flow, how many seconds the tasks have until each of them has published its first output."""
    shards: tuple[str, ...] = ()
    """The URLs of all shards of the broker, over which the entities are distributed; () for `broker` alone."""

    @property
    def brokers(self) -> tuple[str, ...]:
        """The brokers that get requests: the entity with number n belongs to the broker n modulo their number."""
        return self.shards or (self.broker,)

    @property
    def has_tasks(self) -> bool:
        """Whether each entity has a task, whose outputs the subscribers get."""
        return BY_NAME[self.scenario].has_tasks

    @property
    def max_rate(self) -> float:
        """The highest rate that a search tries, in requests per second."""
        return MAX_NOTIFICATIONS / self.subscribers if self.subscribers else MAX_RATE

    @property
    def entity_type(self) -> str:
        """The type of the run's entities, which no application uses."""
        return f"{PREFIX}-{self.run}-{self.scenario}"

    @property
    def output_type(self) -> str:
        """The type that the tasks of the scenario flow publish.

        Brokers take a type for a regular expression that may match anywhere, so it does not contain the type of the inputs: the
        tasks would process their own outputs.
        """
        return f"{PREFIX}Output-{self.run}"


def to_json(plan: Plan) -> str:
    """The plan as the generator reads it."""
    return json.dumps(asdict(plan))


def from_json(text: str) -> Plan:
    """The plan from its JSON. Raises ValueError, TypeError, KeyError when it is not one."""
    found = json.loads(text)
    limits = tuple(Limit(**each) for each in found.pop("limits", []))
    shards = tuple(map(str, found.pop("shards", [])))
    return Plan(**found, limits=limits, shards=shards)
