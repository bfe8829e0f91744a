"""`task stop`: remove what `task run` created.

FogFlow starts a task again as long as its function exists, so stopping a task means removing the function with its operator
and its entities. `task run` stores their names in the function. A function without this information was created by another
program; it is named in the error, and stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.task import listing
from fogflow_k8s.actions.task.listing import FogflowClients
from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import OperationFailed, Refused
from fogflow_k8s.model.diagnosis.catalogue import cause
from fogflow_k8s.model.task import functions
from fogflow_k8s.model.task.observed import ObservedTask

_EXIT_TIMEOUT = 30


@dataclass(frozen=True)
class StopPlan:
    """What is removed: a function that `task run` created, its operator and entities, and its tasks now."""

    function: str
    tasks: tuple[str, ...]
    operator: str = ""
    entities: tuple[Mapping[str, Any], ...] = ()

    @property
    def lines(self) -> list[str]:
        """The objects that are removed, one per line."""
        lines = [f"function {self.function}", *([f"operator {self.operator}"] if self.operator else [])]
        lines += [f"entity {entity.get('id')}" for entity in self.entities]
        return lines + [f"task {name}" for name in self.tasks]


def plan(op: Operation, kubectl: Kubectl, text: str) -> StopPlan:
    """What stopping a task, or the tasks of a function, removes. Changes nothing.

    Raises UsageError when there is no such task, Refused when another program created it, FogflowError, ClusterError.
    """
    with listing.connect(op, kubectl) as clients:
        stored = clients.designer.functions()
        tasks = listing.list_tasks(op).tasks
        name = text if text in stored else listing.find_tasks(tasks, text)[0].topology
        own_tasks = [task for task in tasks if task.topology == name and name]
        if name not in stored:
            raise _no_function(clients, text, name)
    created = stored[name].get(functions.CREATED_KEY)
    if not isinstance(created, dict):
        raise Refused(
            f"{text} is a task of function {name}, which fogflow-k8s did not create: FogFlow would start it again",
            hint=f"remove function {name} on the dashboard (fogflow-k8s dashboard) or with the program that created it",
        )
    return _plan(name, created, own_tasks)


def stop(op: Operation, kubectl: Kubectl, what: StopPlan, *, timeout_s: float) -> None:
    """Remove everything in the plan, and wait until the tasks are gone. Raises OperationFailed (30), ClusterError."""
    with listing.connect(op, kubectl) as clients:
        remove(op, clients, what)
    await_gone(op, what.function, timeout_s=timeout_s)


def remove(op: Operation, clients: FogflowClients, what: StopPlan) -> None:
    """Remove function, operator and entities. The function is first: the designer keeps an operator that is in use."""
    op.report.step(f"removing function {what.function}")
    clients.designer.remove_function(what.function)
    if what.operator:
        clients.designer.remove_operator(what.operator)
    clients.broker.delete(what.entities)


def await_gone(op: Operation, function: str, *, timeout_s: float) -> None:
    """Wait until no task of the function is left. Raises OperationFailed (30)."""
    op.report.step("waiting until its tasks are gone")

    def remaining() -> Sequence[ObservedTask]:
        return [task for task in listing.list_tasks(op).tasks if task.topology == function]

    try:
        wait_for(
            f"the end of {function}",
            remaining,
            lambda tasks: not tasks,
            timeout_s=timeout_s,
            every_s=0.5,
            clock=op.clock,
        )
    except WaitTimeout as error:
        some: Sequence[ObservedTask] = error.last if isinstance(error.last, list) else []
        names = ", ".join(task.name for task in some[:3])
        what = f"function {function} is removed, and {names} still there after {timeout_s:g} s"
        found = cause("FK-6013", "task", "", what, namespace=op.namespace)
        raise OperationFailed(f"{found.id} {what}", hint="; ".join(found.advice), exit_code=_EXIT_TIMEOUT) from error


def _plan(name: str, created: Mapping[str, Any], tasks: Sequence[ObservedTask]) -> StopPlan:
    entities = tuple(each for each in created.get("entities") or [] if isinstance(each, dict))
    return StopPlan(name, tuple(task.name for task in tasks), str(created.get("operator") or ""), entities)


def _no_function(clients: FogflowClients, text: str, topology: str) -> Refused:
    """The error for a task without a function: it is of a service topology, or its function is deleted."""
    intents = functions.intents_by_topology(clients.designer.intents())
    if topology in intents:
        return Refused(
            f"{text} is a task of service topology {topology}, requested by intent {intents[topology]}",
            hint="remove that intent on the dashboard: fogflow-k8s dashboard",
        )
    if not topology:
        return Refused(f"cannot tell the function of {text}: its id is unknown", hint="fogflow-k8s doctor")
    return Refused(f"{text} is a task of {topology}, which the designer does not have", hint="fogflow-k8s doctor")
