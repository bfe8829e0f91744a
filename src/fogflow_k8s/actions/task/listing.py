"""The tasks of a release, the search for those that an argument names, and the connection to FogFlow's programs.

A task is a Deployment in the tasks namespace, or a ConfigMap when the API server rejected its Deployment. The commands read
these from the cluster; they reach the designer and the broker through forwarded ports.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from fogflow_k8s.actions.observe import status
from fogflow_k8s.actions.operation import Operation, or_if_forbidden
from fogflow_k8s.adapters.fogflow.api import Broker, Designer
from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl
from fogflow_k8s.errors import FogflowError, UsageError
from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.suggestions import suggestion
from fogflow_k8s.model.task.observed import NATIVE_SELECTOR, ObservedTask, observe_tasks, tasks_without_deployment

PORT = "http"
"""The name of the port in the Services of designer and broker; the values set its number."""


@dataclass(frozen=True)
class TaskList:
    """All tasks of a release."""

    namespace: str
    tasks: tuple[ObservedTask, ...]

    @property
    def unknown(self) -> int:
        """The number of tasks of the upstream worker, which stores neither their inputs nor its own id."""
        return sum(not task.annotated for task in self.tasks)


@dataclass(frozen=True)
class FogflowClients:
    """Clients for the two programs of FogFlow that tasks are requested from."""

    designer: Designer
    broker: Broker


def list_tasks(op: Operation) -> TaskList:
    """All tasks now. Raises NotInstalled when there is neither a task nor a release, ClusterError."""
    namespace = op.tasks_namespace
    deployments: list[Obj] = [*op.cluster.list("Deployment", namespace)]
    config_maps = op.cluster.list("ConfigMap", namespace, NATIVE_SELECTOR)
    deployments += tasks_without_deployment(config_maps, deployments)
    if not deployments and _release_absent(op):
        raise status.not_installed(op)
    pods = op.cluster.list("Pod", namespace) if deployments else []
    tasks = observe_tasks(deployments, pods)
    if any(not task.ready for task in tasks):  # only then, because a namespace can have many events
        tasks = observe_tasks(deployments, pods, op.cluster.list("Event", namespace), op.nodes or ())
    return TaskList(namespace, tuple(tasks))


def find_tasks(tasks: Sequence[ObservedTask], text: str) -> list[ObservedTask]:
    """The tasks with this id, this Deployment (or the end of its name) or this function. Raises UsageError for none."""
    exact = [task for task in tasks if text in {task.id, task.object}]
    found = exact or [task for task in tasks if text == task.topology or task.object.endswith(f"-{text}")]
    if not found:
        names = [task.name for task in tasks]
        raise UsageError(
            f"there is no task {text!r}", hint=suggestion(text, names, "see them with: fogflow-k8s task list")
        )
    return found


def find_task(tasks: Sequence[ObservedTask], text: str) -> ObservedTask:
    """The only task that `find_tasks` finds. Raises UsageError for none or several."""
    found = find_tasks(tasks, text)
    if len(found) > 1:
        some = ", ".join(task.name for task in found[:3])
        raise UsageError(
            f"{text!r} has {len(found)} tasks, {some}...", hint=f"name one: fogflow-k8s task logs {found[0].name}"
        )
    return found[0]


@contextmanager
def connect(op: Operation, kubectl: Kubectl) -> Iterator[FogflowClients]:
    """Clients for the designer and the first shard of the broker, through forwarded ports.

    In this way no exposure, network policy or login of the reverse proxy is in the way. Raises FogflowError on simulated
    nodes, which run no FogFlow, and ClusterError.
    """
    if op.simulated:
        raise FogflowError(status.WHY_SIMULATED, hint="fogflow-k8s sandbox up --real", exit_code=40)
    with (
        kubectl.forward("service/designer", PORT) as designer,
        kubectl.forward("service/cloud-broker", PORT) as broker,
    ):
        clients = FogflowClients(Designer("designer", designer), Broker("cloud-broker", broker))
        try:
            yield clients
        finally:
            clients.designer.close()
            clients.broker.close()


def _release_absent(op: Operation) -> bool:
    """Whether Helm has no such release; False when the user may not read Secrets."""
    secrets = f"owner=helm,name={op.release}"
    return or_if_forbidden(lambda: not op.cluster.labels("Secret", op.namespace, secrets), lambda: False)
