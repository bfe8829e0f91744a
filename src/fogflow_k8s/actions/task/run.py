"""`task run`: run one image as a task, in the way in which every FogFlow application does it.

The command registers an operator and a fog function at the designer and publishes an entity at the broker. FogFlow's master
then starts a task for this entity, and the worker runs it. The command waits until the task runs and, if the function has an
output, until the task publishes.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.task import listing
from fogflow_k8s.actions.task.listing import FogflowClients
from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import Interrupted, OperationFailed, Refused
from fogflow_k8s.model.diagnosis.catalogue import cause
from fogflow_k8s.model.task import functions
from fogflow_k8s.model.task.observed import ObservedTask

_EXIT_FAILED, _EXIT_TIMEOUT = 21, 30


@dataclass(frozen=True)
class TaskRequest:
    """What to run: an image, the entity type that it processes and the type that it publishes ("" for no output)."""

    image: str
    input: str
    output: str = ""
    name: str = field(default_factory=lambda: f"run-{secrets.token_hex(3)}")
    entity: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 60.0

    @property
    def source(self) -> str:
        """The id of the entity that the command publishes."""
        return self.entity or f"{self.input}.{self.name}"


@dataclass(frozen=True)
class TaskRun:
    """The task that runs, and the first entity that it published; durations are seconds since the input was published."""

    name: str
    entity: str
    task: ObservedTask
    output: Mapping[str, Any] | None
    running_s: float
    output_s: float | None


def run(op: Operation, kubectl: Kubectl, request: TaskRequest) -> TaskRun:
    """Run a task, and wait for its first output. What was created stays in any case; `task stop` removes it.

    Raises Refused when the name is in use, OperationFailed (21: the task failed, 30: timeout), Interrupted, FogflowError,
    ClusterError.
    """
    with listing.connect(op, kubectl) as clients:
        _refuse_used_name(clients, request.name)
        new = not clients.broker.query([functions.entity_id(request.input, request.source)])
        old = clients.broker.query([{"type": request.output, "isPattern": True}]) if request.output else []
        with _hint_when_interrupted(request.name):
            _register(op, clients, request, new=new)
            start = op.clock.now()
            _publish(op, clients, request, new=new)
            op.report.step(f"waiting for the task of {request.name}")
            task = _await_task(op, request)
            running_s = op.clock.now() - start
            deadline = start + request.timeout_s
            output = _await_output(op, clients, request, task, old, deadline) if request.output else None
            output_s = op.clock.now() - start if output else None
    return TaskRun(request.name, request.source, task, output, running_s, output_s)


def register(op: Operation, clients: FogflowClients, operator: Mapping[str, Any], function: Mapping[str, Any]) -> None:
    """Store an operator and the function that uses it at the designer. Raises ClusterError."""
    op.report.step(f"registering operator and function {function['name']}")
    clients.designer.add_operator(operator)
    clients.designer.add_function(function)


def _publish(op: Operation, clients: FogflowClients, request: TaskRequest, *, new: bool) -> None:
    """Publish the entity if it does not exist yet: the values of a device are not replaced."""
    if not new:
        op.report.step(f"using {request.source}, which exists already")
        return
    op.report.step(f"publishing {request.source} ({request.input})")
    clients.broker.update([functions.entity_update(request.input, request.source, 1)])


def _register(op: Operation, clients: FogflowClients, request: TaskRequest, *, new: bool) -> None:
    entities = [functions.entity_id(request.input, request.source)] if new else []
    created = {"operator": request.name, "entities": entities}
    register(
        op,
        clients,
        functions.operator(request.name, request.image, request.parameters),
        functions.function(request.name, request.input, request.output, created),
    )


def _refuse_used_name(clients: FogflowClients, name: str) -> None:
    """Raise Refused when there is a function of that name, which the designer would silently replace."""
    if known := clients.designer.functions().get(name):
        hint = f"fogflow-k8s task stop {name}" if functions.CREATED_KEY in known else "--name ANOTHER"
        raise Refused(f"there is a function {name} already", hint=hint)


def _await_task(op: Operation, request: TaskRequest) -> ObservedTask:
    logged: list[str] = []

    def observe() -> ObservedTask | None:
        tasks = listing.list_tasks(op).tasks
        return next((task for task in tasks if task.topology == request.name and task.state != "removed"), None)

    def log(task: ObservedTask | None) -> None:
        if task and (line := f"{task.name}: {task.state}" + (f": {task.reason}" if task.reason else "")) not in logged:
            logged.append(line)
            op.report.log(line)

    limit = f"{request.timeout_s:g} s"
    try:
        task = wait_for(
            f"a task of {request.name}",
            observe,
            _runs_or_failed,
            timeout_s=request.timeout_s,
            every_s=0.5,
            on_tick=log,
            clock=op.clock,
        )
    except WaitTimeout as error:
        last = error.last
        if isinstance(last, ObservedTask):
            _fail(op, "FK-6012", request, f"{last.name} is still {last.state} after {limit}", last, _EXIT_TIMEOUT)
        _fail(op, "FK-6009", request, f"the master made no task of {request.name} within {limit}", None, _EXIT_TIMEOUT)
    if task is None or task.state == "failed":
        _fail(op, "FK-6011", request, f"{task.name if task else request.name} failed", task, _EXIT_FAILED)
    return task


def _runs_or_failed(task: ObservedTask | None) -> bool:
    """Whether the wait is over. The state that a worker reports can be old, so a running task also has to be ready."""
    return task is not None and (task.state == "failed" or (task.state == "running" and task.ready))


def _await_output(
    op: Operation,
    clients: FogflowClients,
    request: TaskRequest,
    task: ObservedTask,
    old: Sequence[Mapping[str, Any]],
    deadline: float,
) -> Mapping[str, Any]:
    """The first entity that the task publishes: one of its known outputs, or any new entity of the output type.

    An entity in `old` does not count: a task of another function with the same input and output publishes the same ids.
    """
    known = [functions.entity_id(kind, id_) for kind, id_ in task.outputs if kind == request.output]
    query = known or [{"type": request.output, "isPattern": True}]
    op.report.step(f"waiting for its first {request.output}")
    try:
        found = wait_for(
            f"an output of {task.name}",
            lambda: [e for e in clients.broker.query(query) if e.get("attributes") and e not in old],
            bool,
            timeout_s=max(deadline - op.clock.now(), 1.0),
            every_s=0.5,
            clock=op.clock,
        )
    except WaitTimeout:
        what = f"{task.name} runs and has published no {request.output} in time"
        _fail(op, "FK-6010", request, what, task, _EXIT_TIMEOUT)
    return found[0]


def _fail(
    op: Operation, id_: str, request: TaskRequest, what: str, task: ObservedTask | None, exit_code: int
) -> NoReturn:
    reason = f": {task.reason}" if task and task.reason else ""
    by = f" ({task.cause})" if task and task.cause else ""
    name = task.name if task else "TASK"
    found = cause(id_, "task", "", f"{what}{reason}{by}", namespace=op.namespace, name=request.name, task=name)
    raise OperationFailed(f"{id_} {found.summary}", hint="; ".join(found.advice), exit_code=exit_code)


@contextmanager
def _hint_when_interrupted(name: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"interrupted: what was created for function {name} stays", hint=f"fogflow-k8s task stop {name}"
        ) from error
