"""Runs one task as FogFlow does: an operator and a function at the designer, an entity at the broker, and then one waits."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.task import listing
from fogflow_k8s.actions.task.listing import Parties
from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import Interrupted, OperationFailed, Refused
from fogflow_k8s.model.diagnosis.catalogue import cause
from fogflow_k8s.model.task import functions
from fogflow_k8s.model.task.observed import SeenTask

_LEFT, _LATE = 21, 30


@dataclass(frozen=True)
class TaskRequest:
    """What is to be run. An empty `output`: nobody waits for one."""

    image: str
    input: str
    output: str = ""
    name: str = field(default_factory=lambda: f"run-{secrets.token_hex(3)}")
    entity: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 60.0

    @property
    def source(self) -> str:
        """The id of the entity that is published."""
        return self.entity or f"{self.input}.{self.name}"


@dataclass(frozen=True)
class Ran:
    """The task that runs, what it published first, and the seconds since the entity was published."""

    name: str
    entity: str
    task: SeenTask
    output: Mapping[str, Any] | None
    running_s: float
    output_s: float | None


def run(op: Operation, kubectl: Kubectl, wanted: TaskRequest) -> Ran:
    """Run it, and wait until it has published something. What was made stays, whatever comes of it: `task stop` removes it.

    Raises Refused for a name that is taken, FogflowError, ClusterError, OperationFailed (21 it failed, 30 time is up),
    Interrupted.
    """
    with listing.reach(op, kubectl) as parties:
        _refuse_taken(parties, wanted.name)
        mine = not parties.broker.query([functions.entity(wanted.input, wanted.source)])
        old = parties.broker.query([{"type": wanted.output, "isPattern": True}]) if wanted.output else []
        with _told_when_interrupted(wanted.name):
            _register(op, parties, wanted, mine=mine)
            start = op.clock.now()
            _publish(op, parties, wanted, mine=mine)
            op.report.step(f"waiting for the task of {wanted.name}")
            task = _await_task(op, wanted)
            running_s = op.clock.now() - start
            deadline = start + wanted.timeout_s
            output = _await_output(op, parties, wanted, task, old, deadline) if wanted.output else None
            output_s = op.clock.now() - start if output else None
    return Ran(wanted.name, wanted.source, task, output, running_s, output_s)


def register(op: Operation, parties: Parties, operator: Mapping[str, Any], function: Mapping[str, Any]) -> None:
    """Store both at the designer, in the order in which they need each other. Raises ClusterError."""
    op.report.step(f"registering operator and function {function['name']}")
    parties.designer.add_operator(operator)
    parties.designer.add_function(function)


def _publish(op: Operation, parties: Parties, wanted: TaskRequest, *, mine: bool) -> None:
    """Publish the entity, unless somebody has done so already: a device's values are not replaced by ours."""
    if not mine:
        op.report.step(f"{wanted.source} is there already, and is taken as it is")
        return
    op.report.step(f"publishing {wanted.source} ({wanted.input})")
    parties.broker.update([functions.element(wanted.input, wanted.source, 1)])


def _register(op: Operation, parties: Parties, wanted: TaskRequest, *, mine: bool) -> None:
    entities = [functions.entity(wanted.input, wanted.source)] if mine else []  # what `task stop` removes
    made = {"operator": wanted.name, "entities": entities}
    register(
        op,
        parties,
        functions.operator(wanted.name, wanted.image, wanted.parameters),
        functions.function(wanted.name, wanted.input, wanted.output, made),
    )


def _refuse_taken(parties: Parties, name: str) -> None:
    """A function of that name is replaced without a word by the designer, and an operator, too."""
    if known := parties.designer.functions().get(name):
        hint = f"fogflow-k8s task stop {name}" if functions.MARK in known else "--name ANOTHER"
        raise Refused(f"there is a function {name} already", hint=hint)


def _await_task(op: Operation, wanted: TaskRequest) -> SeenTask:
    told: list[str] = []

    def look() -> SeenTask | None:
        found = [t for t in listing.look(op).tasks if t.topology == wanted.name and t.state != "removed"]
        return next(iter(found), None)

    def tell(task: SeenTask | None) -> None:
        if task and (line := f"{task.name}: {task.state}" + (f": {task.reason}" if task.reason else "")) not in told:
            told.append(line)
            op.report.log(line)

    try:
        task = wait_for(
            f"a task of {wanted.name}",
            look,
            _settled,
            timeout_s=wanted.timeout_s,
            every_s=0.5,
            on_tick=tell,
            clock=op.clock,
        )
    except WaitTimeout as error:
        late = error.last
        if isinstance(late, SeenTask):
            _fail(op, "FK-6012", wanted, f"{late.name} is still {late.state} after {wanted.timeout_s:g} s", late, _LATE)
        _fail(
            op,
            "FK-6009",
            wanted,
            f"the master made no task of {wanted.name} within {wanted.timeout_s:g} s",
            None,
            _LATE,
        )
    if task is None or task.state == "failed":
        _fail(op, "FK-6011", wanted, f"{task.name if task else wanted.name} failed", task, _LEFT)
    return task


def _settled(task: SeenTask | None) -> bool:
    """Ready, or beyond hope; a worker's word alone is no proof that it runs."""
    return task is not None and (task.state == "failed" or (task.state == "running" and task.ready))


def _await_output(
    op: Operation,
    parties: Parties,
    wanted: TaskRequest,
    task: SeenTask,
    old: Sequence[Mapping[str, Any]],
    deadline: float,
) -> Mapping[str, Any]:
    """The first entity that the task publishes: under the identities that FogFlow gave it, or any of the type if unknown.

    Tasks of other functions with the same input and output have the same identity: what was there before (`old`) proves nothing.
    """
    known = [functions.entity(kind, id_) for kind, id_ in task.outputs if kind == wanted.output]
    query = known or [{"type": wanted.output, "isPattern": True}]
    op.report.step(f"waiting for its first {wanted.output}")
    try:
        found = wait_for(
            f"an output of {task.name}",
            lambda: [e for e in parties.broker.query(query) if e.get("attributes") and e not in old],
            bool,
            timeout_s=max(deadline - op.clock.now(), 1.0),
            every_s=0.5,
            clock=op.clock,
        )
    except WaitTimeout:
        _fail(op, "FK-6010", wanted, f"{task.name} runs and has published no {wanted.output} in time", task, _LATE)
    return found[0]


def _fail(op: Operation, id_: str, wanted: TaskRequest, what: str, task: SeenTask | None, code: int) -> NoReturn:
    why = f": {task.reason}" if task and task.reason else ""
    by = f" ({task.cause})" if task and task.cause else ""
    named = task.name if task else "TASK"
    found = cause(id_, "task", "", f"{what}{why}{by}", namespace=op.namespace, name=wanted.name, task=named)
    raise OperationFailed(f"{id_} {found.summary}", hint="; ".join(found.advice), exit_code=code)


@contextmanager
def _told_when_interrupted(name: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"interrupted: what was made of function {name} stays", hint=f"fogflow-k8s task stop {name}"
        ) from error
