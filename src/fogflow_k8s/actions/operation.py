"""The context of an operation: one release on one cluster, and the adapters, reporter and clock to work on it with.

Every action takes an `Operation`. It also caches what several actions read: the nodes, the namespace of the tasks, and the
known secrets, which every text of another program is masked with before it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fogflow_k8s.actions import tasks_namespace
from fogflow_k8s.adapters.helm.client import Helm, Target
from fogflow_k8s.adapters.kubernetes.client import Cluster
from fogflow_k8s.engine.reporter import Reporter, Silent
from fogflow_k8s.engine.waiting import Clock, SystemClock
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model import names
from fogflow_k8s.model.kubernetes import labels_of

if TYPE_CHECKING:
    from fogflow_k8s.actions.known_secrets import SecretMask

T = TypeVar("T")
SIMULATED = "fogflow-k8s.io/simulated"  # the label of a simulated node


@dataclass
class Operation:
    """One release on one cluster, with the tools to work on it."""

    helm: Helm
    cluster: Cluster
    report: Reporter = field(default_factory=Silent)
    clock: Clock = field(default_factory=SystemClock)
    today: Callable[[], datetime] = lambda: datetime.now(UTC)  # the wall clock: reports carry its time
    command: str = "fogflow-k8s"  # the command line, for the Lease and the record
    bundles: Path | None = None  # the folder for support archives of failures; None: none are written
    retired: list[Mapping[str, Any]] = field(default_factory=list)  # Secrets before this operation changed them
    _tasks: str = field(default="", init=False)  # the tasks' namespace, once it is known

    @property
    def target(self) -> Target:
        """Release, namespace and cluster."""
        return self.helm.target

    @property
    def release(self) -> str:
        """The release's name."""
        return self.target.release

    @property
    def namespace(self) -> str:
        """The release's namespace."""
        return self.target.namespace

    @property
    def own_name(self) -> str:
        """The name of the Lease and of the record's ConfigMap, which this program makes outside the chart."""
        return f"{self.release}-fogflow-k8s"

    @cached_property
    def nodes(self) -> Sequence[Mapping[str, Any]] | None:
        """The cluster's nodes, read once; None without the permission to list them."""
        try:
            return self.cluster.list("Node")
        except ClusterError as error:
            if error.status == 403:
                return None
            raise

    @cached_property
    def api_service(self) -> Mapping[str, Any]:
        """The Service `kubernetes`, through which pods reach the API server; read once. Raises ClusterError."""
        return self.cluster.get("Service", "kubernetes", "default") or {}

    @cached_property
    def secret_mask(self) -> SecretMask:
        """The known secrets of the release; read once, when a text of another program has to be masked."""
        from fogflow_k8s.actions.known_secrets import secret_mask

        return secret_mask(self.cluster, self.release, self.namespaces, also=self.retired)

    def retire(self, secret: Mapping[str, Any]) -> None:
        """Keep masking the old values of a Secret that is about to change, and read the secrets again at the next use."""
        self.retired.append(secret)
        vars(self).pop("secret_mask", None)

    def mask(self, text: str) -> str:
        """A text of another program with the known secrets masked."""
        return self.secret_mask.redactor.text(text) if text else ""

    @property
    def simulated(self) -> bool:
        """Whether the cluster has simulated nodes: they run no container, so pods that are ready prove nothing."""
        return any(labels_of(node).get(SIMULATED) == "true" for node in self.nodes or ())

    @property
    def tasks_namespace(self) -> str:
        """The namespace of FogFlow's tasks, as the installed release has it. Raises ClusterError."""
        self._tasks = self._tasks or tasks_namespace.read(self.cluster, self.release, self.namespace)
        return self._tasks

    def learn(self, objects: Sequence[Mapping[str, Any]]) -> None:
        """Take the tasks' namespace from the release's manifests, which saves a request to the cluster."""
        found = names.tasks_namespace(objects, self.namespace)
        if self._tasks not in ("", found):
            vars(self).pop("secret_mask", None)  # the other namespace has Secrets, too
        self._tasks = found

    def assume(self) -> None:
        """Use the chart's default for the tasks' namespace if it is not known yet, without a request to the API server."""
        if not self._tasks:
            self.learn(())

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The release's namespace and that of its tasks; only the first while the API server does not answer."""
        try:
            return tuple(dict.fromkeys((self.namespace, self.tasks_namespace)))
        except ClusterError:
            return (self.namespace,)

    @property
    def selector(self) -> str:
        """The label selector of the release's own objects."""
        return f"app.kubernetes.io/instance={self.release},app.kubernetes.io/part-of=fogflow"


def or_if_forbidden(ask: Callable[[], T], otherwise: Callable[[], T]) -> T:
    """The result of a request, or that of `otherwise` when the API server forbids it. Raises ClusterError, and what `otherwise` raises."""
    try:
        return ask()
    except ClusterError as error:
        if error.status != 403:
            raise
    return otherwise()
