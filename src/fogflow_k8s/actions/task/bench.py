"""How quickly FogFlow starts tasks here: entities of a function of our own, each a task, from the entity to the ready pod."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.task import listing, run, stop
from fogflow_k8s.actions.task.listing import Parties
from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl
from fogflow_k8s.errors import FogflowError, Interrupted
from fogflow_k8s.model.task import functions
from fogflow_k8s.model.task.observed import SeenTask, group_key, seen
from fogflow_k8s.model.task.percentiles import Spread, spread
from fogflow_k8s.model.task.record import PREFIX

IMAGE = "docker.io/fogflow/dummy:latest"
EVERY_S = 0.25
"""Between two looks at the Deployments: no figure is finer."""


@dataclass
class Measured:
    """When each entity was published, and its task seen as a Deployment and as ready: seconds of the operation's clock."""

    published: dict[str, float] = field(default_factory=dict)
    created: dict[str, float] = field(default_factory=dict)
    running: dict[str, float] = field(default_factory=dict)
    tasks: dict[str, SeenTask] = field(default_factory=dict)
    registered: bool = False


@dataclass(frozen=True)
class Bench:
    """What came of it. Durations are from the publication of the entity of each."""

    name: str
    image: str
    entities: int
    published: int
    publish_s: float
    total_s: float
    created: Spread
    running: Spread
    workers: Mapping[str, int]  # worker -> tasks; "" for upstream's, which do not say
    why_not: Mapping[str, int]  # state and reason of the tasks that do not run -> how many

    @property
    def ok(self) -> bool:
        """Whether every entity got a task that runs."""
        return self.running.count == self.entities


@dataclass(frozen=True)
class Load:
    """What is asked: how many entities, how many in a second (0: as fast as they are taken), how long to wait at most."""

    entities: int
    image: str = IMAGE
    rate: float = 0.0
    timeout_s: float = 120.0
    name: str = field(default_factory=lambda: f"bench-{secrets.token_hex(3)}")

    def entity(self, number: int) -> str:
        """The id of an entity."""
        return f"{self.name}.{number}"

    @property
    def kind(self) -> str:
        """A type that nobody else has."""
        return f"FogflowK8sBench-{self.name}"


def bench(op: Operation, kubectl: Kubectl, load: Load) -> Bench:
    """Measure, and take everything away again: also after a Ctrl-C or a failure.

    Raises FogflowError, ClusterError; Interrupted when everything is taken away; OperationFailed when it could not be.
    """
    measured = Measured()
    try:
        with listing.reach(op, kubectl) as parties:
            start = op.clock.now()
            measured.registered = True  # perhaps: what was begun is removed
            _register(op, parties, load)
            _publish(op, parties, load, measured)
            publish_s = op.clock.now() - start
            _watch(op, load, measured)
            total_s = op.clock.now() - start
        _clean_up(op, kubectl, load, measured)
    except KeyboardInterrupt as error:
        op.report.warn("interrupted: removing what was made; one more Ctrl-C would leave it")
        _clean_up(op, kubectl, load, measured)
        raise Interrupted("interrupted: everything that was made is removed again") from error
    except FogflowError:
        with _said(op):
            _clean_up(op, kubectl, load, measured)
        raise
    return _result(load, measured, publish_s, total_s)


def _register(op: Operation, parties: Parties, load: Load) -> None:
    function = functions.function(load.name, load.kind, "", {"operator": load.name, "entities": []})
    run.register(op, parties, functions.operator(load.name, load.image, {}), function)


@contextmanager
def _said(op: Operation) -> Iterator[None]:
    """What fails while something else has failed already is told beside it."""
    try:
        yield
    except FogflowError as error:
        op.report.warn(f"not everything could be removed again: {error.message}; {error.hint}")


def _publish(op: Operation, parties: Parties, load: Load, measured: Measured) -> None:
    """One entity after the other; looks at the tasks on the way, as the first are there before the last is published."""
    op.report.step(f"publishing {load.entities} entities")
    start = looked = op.clock.now()
    for number in range(load.entities):
        if load.rate and (early := start + number / load.rate - op.clock.now()) > 0:
            op.clock.sleep(early)
        id_ = load.entity(number)
        measured.published[group_key(id_)] = op.clock.now()
        parties.broker.update([functions.element(load.kind, id_, number)])
        if op.clock.now() - looked >= EVERY_S:
            _look(op, load, measured)
            looked = op.clock.now()


def _watch(op: Operation, load: Load, measured: Measured) -> None:
    op.report.step("waiting for their tasks")
    end = op.clock.now() + load.timeout_s
    while True:
        _look(op, load, measured)
        op.report.progress("tasks run", len(measured.running), load.entities)
        if len(measured.running) >= load.entities or op.clock.now() >= end:
            return
        op.clock.sleep(EVERY_S)


def _look(op: Operation, load: Load, measured: Measured) -> None:
    """Note what is new. Ready replicas tell of the pods, so the pods, which are many, need not be read."""
    objects = [obj for obj in op.cluster.list("Deployment", op.tasks_namespace) if _may_be(obj)]
    now = op.clock.now()
    for task in seen(objects, ()):
        key = task.id.rpartition(".")[2]
        if task.topology != load.name or key not in measured.published:
            continue
        measured.tasks[key] = task
        measured.created.setdefault(key, now)
        if task.ready:
            measured.running.setdefault(key, now)


def _may_be(obj: Mapping[str, Any]) -> bool:
    return str(obj["metadata"]["name"]).startswith(PREFIX)


def _clean_up(op: Operation, kubectl: Kubectl, load: Load, measured: Measured) -> None:
    """Once, but a Ctrl-C in the middle of it begins it anew (the one after that ends the program)."""
    if not measured.registered:
        return
    try:
        _remove(op, kubectl, load, measured)
    except KeyboardInterrupt:
        _remove(op, kubectl, load, measured)
        raise
    finally:
        measured.registered = False
    stop.await_gone(op, load.name, timeout_s=load.timeout_s)


def _remove(op: Operation, kubectl: Kubectl, load: Load, measured: Measured) -> None:
    """Over new connections: a Ctrl-C ended kubectl, and with it the ports."""
    entities = [functions.entity(load.kind, load.entity(number)) for number in range(len(measured.published))]
    with listing.reach(op, kubectl) as parties:
        stop.remove(op, parties, stop.Plan(load.name, (), load.name))
        parties.broker.delete(entities)


def _result(load: Load, measured: Measured, publish_s: float, total_s: float) -> Bench:
    idle = [task for key, task in measured.tasks.items() if key not in measured.running]
    why = Counter(f"{task.state}: {task.reason}" if task.reason else task.state for task in idle)
    if missing := len(measured.published) - len(measured.created):
        why["no task was made"] = missing
    since = measured.published
    return Bench(
        load.name,
        load.image,
        load.entities,
        len(measured.published),
        publish_s,
        total_s,
        spread([at - since[key] for key, at in measured.created.items()]),
        spread([at - since[key] for key, at in measured.running.items()]),
        dict(Counter(task.worker for task in measured.tasks.values())),
        dict(why),
    )
