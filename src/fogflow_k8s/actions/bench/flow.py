"""The scenario `flow`: the function whose tasks process the generator's entities and publish the outputs that are measured.

The generator's pod creates and updates the entities and subscribes to the outputs; this module registers the function at the
designer before, and removes it and what its tasks published after. The operator has to repeat the attribute `sequence` of its
input in its output, since this number tells which update an output is about.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fogflow_k8s.actions.bench import leftovers, tasks
from fogflow_k8s.actions.bench.cleanup import removing
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.task import listing, stop
from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl
from fogflow_k8s.model.bench.plan import Plan


@contextmanager
def registered(op: Operation, kubectl: Kubectl, plan: Plan, image: str) -> Iterator[None]:
    """A function over the entities of the plan during a block; `image` is that of its operator.

    Raises FogflowError, ClusterError, Interrupted (everything is removed), OperationFailed (something could not be removed).
    """
    name = tasks.new_name()
    with listing.connect(op, kubectl) as clients, removing(op, lambda: _remove(op, kubectl, plan, name)):
        tasks.register(op, clients, name, image, plan.entity_type, plan.output_type)
        yield


def _remove(op: Operation, kubectl: Kubectl, plan: Plan, name: str) -> None:
    """Remove the function, then the entities: a task that still runs would publish its output again."""
    with listing.connect(op, kubectl) as clients:
        stop.remove(op, clients, stop.StopPlan(name, (), name))
        stop.await_gone(op, name, timeout_s=plan.tasks_s)
        tasks.remove_entities(clients, (plan.entity_type, plan.output_type))
    leftovers.remove_function_records(op)
