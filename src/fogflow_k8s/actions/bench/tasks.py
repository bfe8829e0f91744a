"""The scenario `task`: measure how quickly FogFlow starts tasks in this cluster.

The command registers a function of its own and publishes N entities of a type that no other function uses, so that FogFlow
starts one task for each. It measures the time from the publication of an entity until the Deployment of its task exists,
and until its pod is ready, and removes everything afterwards.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fogflow_k8s.actions.bench import leftovers
from fogflow_k8s.actions.bench.cleanup import removing
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.task import listing, run, stop
from fogflow_k8s.actions.task.listing import FogflowClients
from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl
from fogflow_k8s.model.bench import manifests
from fogflow_k8s.model.bench.plan import PREFIX as ENTITY_TYPE_PREFIX
from fogflow_k8s.model.task import functions
from fogflow_k8s.model.task.observed import ObservedTask, group_key, observe_tasks
from fogflow_k8s.model.task.percentiles import Percentiles, percentiles
from fogflow_k8s.model.task.record import PREFIX

IMAGE = "docker.io/fogflow/dummy:latest"
_NAME = re.compile(r"bench-[0-9a-f]{6}")  # of new_name
_TYPES = "types"
EVERY_S = 0.25
"""Seconds between two observations of the Deployments, which is the resolution of the results."""


def new_name() -> str:
    """A name for the function and the operator of a run."""
    return f"bench-{secrets.token_hex(3)}"


@dataclass(frozen=True)
class TaskLoad:
    """What to measure: the number of entities, their rate per second (0: as fast as the broker accepts them), the timeout."""

    entities: int
    image: str = IMAGE
    rate: float = 0.0
    timeout_s: float = 120.0
    name: str = field(default_factory=new_name)

    def entity(self, number: int) -> str:
        """The id of the entity with this number."""
        return f"{self.name}.{number}"

    @property
    def entity_type(self) -> str:
        """The type of the entities, which no other function uses."""
        return f"{ENTITY_TYPE_PREFIX}-{self.name}"


@dataclass
class Measurements:
    """Times by task, in seconds of the operation's clock: entity published, Deployment observed, pod observed ready.

    The key is the end of the task's id (`group_key` of the entity).
    """

    published: dict[str, float] = field(default_factory=dict)
    created: dict[str, float] = field(default_factory=dict)
    running: dict[str, float] = field(default_factory=dict)
    tasks: dict[str, ObservedTask] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskFigures:
    """The result. `created` and `running` are seconds since the publication of each task's entity.

    `workers` is the number of tasks by worker ("" for the upstream worker, whose tasks do not name it); `why_not` is the
    number of tasks that do not run, by state and reason.
    """

    name: str
    image: str
    entities: int
    published: int
    publish_s: float
    total_s: float
    created: Percentiles
    running: Percentiles
    workers: Mapping[str, int]
    why_not: Mapping[str, int]

    @property
    def ok(self) -> bool:
        """Whether every entity has a task that runs."""
        return self.running.count == self.entities


def measure(op: Operation, kubectl: Kubectl, request: TaskLoad) -> TaskFigures:
    """Measure, then remove everything, also after Ctrl-C or an error.

    Raises FogflowError, ClusterError, Interrupted (everything is removed), OperationFailed (something could not be removed).
    """
    measured = Measurements()
    with listing.connect(op, kubectl) as clients, removing(op, lambda: _clean_up(op, kubectl, request, measured)):
        start = op.clock.now()
        register(op, clients, request.name, request.image, request.entity_type)
        _publish(op, clients, request, measured)
        publish_s = op.clock.now() - start
        _await_running(op, request, measured)
        total_s = op.clock.now() - start
    return _result(request, measured, publish_s, total_s)


def remove_leftovers(op: Operation, kubectl: Callable[[], Kubectl]) -> None:
    """Remove functions and entities of measurements that were killed: the Lease excludes that another one is running.

    Without a record of one, nothing is asked. Raises FogflowError, ClusterError.
    """
    if not leftovers.function_records(op):
        return
    with listing.connect(op, kubectl()) as clients:
        for name, function in clients.designer.functions().items():
            if not _NAME.fullmatch(name) or functions.CREATED_KEY not in function:
                continue
            op.report.log(f"removing {name}, which a measurement that was killed left")
            stop.remove(op, clients, stop.StopPlan(name, (), name))
            remove_entities(clients, (function[functions.CREATED_KEY] or {}).get(_TYPES) or [])
    leftovers.remove_function_records(op)


def remove_entities(clients: FogflowClients, types: Iterable[str]) -> None:
    """Remove all entities of these types. Raises ClusterError."""
    found = clients.broker.query([{"type": each, "isPattern": True} for each in types])
    identities = [each["entityId"] for each in found]
    clients.broker.delete(functions.entity_id(str(each.get("type")), str(each["id"])) for each in identities)


def register(
    op: Operation, clients: FogflowClients, name: str, image: str, input_type: str, output_type: str = ""
) -> None:
    """Register a function of a measurement; it notes the types of its entities, for the next run after a kill. Raises ClusterError."""
    created = {"operator": name, "entities": [], _TYPES: [each for each in (input_type, output_type) if each]}
    function = functions.function(name, input_type, output_type, created)
    op.cluster.create(manifests.function_record(op.release, op.namespace, name))
    run.register(op, clients, functions.operator(name, image, {}), function)


def _publish(op: Operation, clients: FogflowClients, request: TaskLoad, measured: Measurements) -> None:
    """Publish one entity after the other, and observe the tasks meanwhile: the first exist before the last is published."""
    op.report.step(f"publishing {request.entities} entities")
    start = observed = op.clock.now()
    for number in range(request.entities):
        if request.rate and (early_s := start + number / request.rate - op.clock.now()) > 0:
            op.clock.sleep(early_s)
        id_ = request.entity(number)
        measured.published[group_key(id_)] = op.clock.now()
        clients.broker.update([functions.entity_update(request.entity_type, id_, number)])
        if op.clock.now() - observed >= EVERY_S:
            _observe(op, request, measured)
            observed = op.clock.now()


def _await_running(op: Operation, request: TaskLoad, measured: Measurements) -> None:
    op.report.step("waiting for their tasks")
    end = op.clock.now() + request.timeout_s
    while True:
        _observe(op, request, measured)
        op.report.progress("tasks run", len(measured.running), request.entities)
        if len(measured.running) >= request.entities or op.clock.now() >= end:
            return
        op.clock.sleep(EVERY_S)


def _observe(op: Operation, request: TaskLoad, measured: Measurements) -> None:
    """Record what is new. Deployments have the number of ready pods, so the pods themselves need not be read."""
    objects = [obj for obj in op.cluster.list("Deployment", op.tasks_namespace) if _is_task(obj)]
    now = op.clock.now()
    for task in observe_tasks(objects, ()):
        key = task.id.rpartition(".")[2]
        if task.topology != request.name or key not in measured.published:
            continue
        measured.tasks[key] = task
        measured.created.setdefault(key, now)
        if task.ready:
            measured.running.setdefault(key, now)


def _is_task(obj: Mapping[str, Any]) -> bool:
    return str(obj["metadata"]["name"]).startswith(PREFIX)


def _clean_up(op: Operation, kubectl: Kubectl, request: TaskLoad, measured: Measurements) -> None:
    """Remove function, operator and entities, over new connections: Ctrl-C also ends kubectl and its forwarded ports."""
    numbers = range(len(measured.published))
    entities = [functions.entity_id(request.entity_type, request.entity(number)) for number in numbers]
    with listing.connect(op, kubectl) as clients:
        stop.remove(op, clients, stop.StopPlan(request.name, (), request.name))
        clients.broker.delete(entities)
    stop.await_gone(op, request.name, timeout_s=request.timeout_s)
    leftovers.remove_function_records(op)


def _result(request: TaskLoad, measured: Measurements, publish_s: float, total_s: float) -> TaskFigures:
    idle = [task for key, task in measured.tasks.items() if key not in measured.running]
    why = Counter(f"{task.state}: {task.reason}" if task.reason else task.state for task in idle)
    if missing := len(measured.published) - len(measured.created):
        why["no task was made"] = missing
    since = measured.published
    return TaskFigures(
        name=request.name,
        image=request.image,
        entities=request.entities,
        published=len(measured.published),
        publish_s=publish_s,
        total_s=total_s,
        created=percentiles([at - since[key] for key, at in measured.created.items()]),
        running=percentiles([at - since[key] for key, at in measured.running.items()]),
        workers=dict(Counter(task.worker for task in measured.tasks.values())),
        why_not=dict(why),
    )
