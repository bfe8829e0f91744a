"""The tasks of a release, and which of them somebody means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from fogflow_k8s.actions.observe import status
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters.fogflow.api import Broker, Designer
from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl
from fogflow_k8s.errors import ClusterError, FogflowError, UsageError
from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.suggestions import suggestion
from fogflow_k8s.model.task.observed import OURS, SeenTask, refused, seen

PORT = "http"
"""What the Services of designer and broker call their port; its number is the user's."""


@dataclass(frozen=True)
class Tasks:
    """All tasks of a release."""

    namespace: str
    tasks: tuple[SeenTask, ...]

    @property
    def unknown(self) -> int:
        """How many are upstream's, of which less is known."""
        return sum(not task.annotated for task in self.tasks)


@dataclass(frozen=True)
class Parties:
    """The two that are told what to do."""

    designer: Designer
    broker: Broker


def look(op: Operation) -> Tasks:
    """All tasks as of now. Raises NotInstalled where there is neither a task nor a release, ClusterError."""
    namespace = op.tasks_namespace
    deployments: list[Obj] = [*op.cluster.list("Deployment", namespace)]
    deployments += refused(op.cluster.list("ConfigMap", namespace, OURS), deployments)
    if not deployments and _absent(op):
        raise status.absent(op)
    pods = op.cluster.list("Pod", namespace) if deployments else []
    found = seen(deployments, pods)
    if any(not task.ready for task in found):  # events and nodes say why; they are many, so only then
        found = seen(deployments, pods, op.cluster.list("Event", namespace), op.nodes or ())
    return Tasks(namespace, tuple(found))


def find(tasks: Sequence[SeenTask], text: str) -> list[SeenTask]:
    """Those that somebody means by an id, a Deployment's name or its end, or a function. Raises UsageError."""
    exact = [task for task in tasks if text in {task.id, task.object}]
    found = exact or [task for task in tasks if text == task.topology or task.object.endswith(f"-{text}")]
    if not found:
        names = [task.name for task in tasks]
        raise UsageError(
            f"there is no task {text!r}", hint=suggestion(text, names, "see them with: fogflow-k8s task list")
        )
    return found


def one(tasks: Sequence[SeenTask], text: str) -> SeenTask:
    """The one that somebody means. Raises UsageError."""
    found = find(tasks, text)
    if len(found) > 1:
        some = ", ".join(task.name for task in found[:3])
        raise UsageError(
            f"{text!r} has {len(found)} tasks, {some}...", hint=f"name one: fogflow-k8s task logs {found[0].name}"
        )
    return found[0]


@contextmanager
def reach(op: Operation, kubectl: Kubectl) -> Iterator[Parties]:
    """Designer and broker through forwarded ports: no exposure, no policy and no login stands in the way.

    The first shard of the broker, which everybody knows. Raises FogflowError where nothing can answer, ClusterError.
    """
    if op.simulated:
        raise FogflowError(status.WHY_SIMULATED, hint="fogflow-k8s sandbox up --real", exit_code=40)
    with kubectl.forward("service/designer", PORT) as first, kubectl.forward("service/cloud-broker", PORT) as second:
        parties = Parties(Designer("designer", first), Broker("cloud-broker", second))
        try:
            yield parties
        finally:
            parties.designer.close()
            parties.broker.close()


def _absent(op: Operation) -> bool:
    """Whether Helm has no such release; whoever may not read its Secrets is not told so."""
    try:
        return not op.cluster.labels("Secret", op.namespace, f"owner=helm,name={op.release}")
    except ClusterError as error:
        if error.status != 403:
            raise
        return False
