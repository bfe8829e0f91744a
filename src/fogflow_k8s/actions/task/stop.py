"""Takes back what `task run` made. What somebody else made is named and left alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.task import listing
from fogflow_k8s.actions.task.listing import Parties
from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import OperationFailed, Refused
from fogflow_k8s.model.diagnosis.catalogue import cause
from fogflow_k8s.model.task import functions
from fogflow_k8s.model.task.observed import SeenTask

_LATE = 30


@dataclass(frozen=True)
class Plan:
    """What goes: a function of ours, its operator and entities, and its tasks as of now."""

    function: str
    tasks: tuple[str, ...]
    operator: str = ""
    entities: tuple[Mapping[str, Any], ...] = ()

    @property
    def goes(self) -> list[str]:
        """In words, one line each."""
        lines = [f"function {self.function}", *([f"operator {self.operator}"] if self.operator else [])]
        lines += [f"entity {each.get('id')}" for each in self.entities]
        return lines + [f"task {name}" for name in self.tasks]


def plan(op: Operation, kubectl: Kubectl, text: str) -> Plan:
    """What stopping a task (or the function of that name) means. Changes nothing.

    Raises UsageError where there is no such task, Refused where it is not ours, FogflowError, ClusterError.
    """
    with listing.reach(op, kubectl) as parties:
        stored = parties.designer.functions()
        tasks = listing.look(op).tasks
        name = text if text in stored else listing.find(tasks, text)[0].topology
        of_it = [task for task in tasks if task.topology == name and name]
        if name not in stored:
            raise _without_function(parties, text, name)
    made = stored[name].get(functions.MARK)
    if not isinstance(made, dict):
        raise Refused(
            f"{text} is of function {name}, which somebody else made: it would be started again",
            hint=f"remove function {name} on the dashboard (fogflow-k8s dashboard), or whatever made it",
        )
    return _plan(name, made, of_it)


def stop(op: Operation, kubectl: Kubectl, what: Plan, *, timeout_s: float) -> None:
    """Remove all of it, and wait until the worker has taken the tasks away. Raises OperationFailed (30), ClusterError."""
    with listing.reach(op, kubectl) as parties:
        remove(op, parties, what)
    await_gone(op, what.function, timeout_s=timeout_s)


def remove(op: Operation, parties: Parties, what: Plan) -> None:
    """Remove function, operator and entities. The function first: the designer keeps an operator that is in use."""
    op.report.step(f"removing function {what.function}")
    parties.designer.remove_function(what.function)
    if what.operator:
        parties.designer.remove_operator(what.operator)
    parties.broker.delete(what.entities)


def await_gone(op: Operation, function: str, *, timeout_s: float) -> None:
    """Wait until no task of the function is left. Raises OperationFailed (30)."""
    op.report.step("waiting until its tasks are gone")

    def left() -> Sequence[SeenTask]:
        return [task for task in listing.look(op).tasks if task.topology == function]

    try:
        wait_for(
            f"the end of {function}", left, lambda tasks: not tasks, timeout_s=timeout_s, every_s=0.5, clock=op.clock
        )
    except WaitTimeout as error:
        some: Sequence[SeenTask] = error.last if isinstance(error.last, list) else []
        what = f"function {function} is removed, and {', '.join(task.name for task in some[:3])} still there after {timeout_s:g} s"
        found = cause("FK-6013", "task", "", what, namespace=op.namespace)
        raise OperationFailed(f"{found.id} {what}", hint="; ".join(found.advice), exit_code=_LATE) from error


def _plan(name: str, made: Mapping[str, Any], tasks: Sequence[SeenTask]) -> Plan:
    entities = tuple(each for each in made.get("entities") or [] if isinstance(each, dict))
    return Plan(name, tuple(task.name for task in tasks), str(made.get("operator") or ""), entities)


def _without_function(parties: Parties, text: str, topology: str) -> Refused:
    """A task that the designer has no function for: it is of a topology, or of nobody any more."""
    intents = functions.topologies_of(parties.designer.intents())
    if topology in intents:
        return Refused(
            f"{text} is of service topology {topology}, which intent {intents[topology]} asks for",
            hint="remove that intent on the dashboard: fogflow-k8s dashboard",
        )
    if not topology:
        return Refused(f"{text} does not say which function it is of", hint="fogflow-k8s doctor")
    return Refused(f"{text} is of {topology}, which the designer does not know any more", hint="fogflow-k8s doctor")
