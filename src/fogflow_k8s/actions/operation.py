"""What every operation on a release shares: the parties it talks to, and the names it uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

SIMULATED = "fogflow-k8s.io/simulated"  # the label of a simulated node


@dataclass
class Operation:
    """One release on one cluster, with the tools to work on it."""

    helm: Helm
    cluster: Cluster
    report: Reporter = field(default_factory=Silent)
    clock: Clock = field(default_factory=SystemClock)
    today: Callable[[], datetime] = lambda: datetime.now(UTC)  # the wall clock: reports carry its time
    command: str = "fogflow-k8s"  # what the user typed, for the Lease and the record
    bundles: Path | None = None  # the folder for the archive of a failure; None: none is made
    retired: list[Mapping[str, Any]] = field(default_factory=list)  # Secrets as they were before we changed them
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
        """The name of our Lease and of our record's ConfigMap, outside the chart."""
        return f"{self.release}-fogflow-k8s"

    @cached_property
    def nodes(self) -> Sequence[Mapping[str, Any]] | None:
        """The cluster's nodes, read once; None when we may not see them: they are the administrator's."""
        try:
            return self.cluster.list("Node")
        except ClusterError as error:
            if error.status == 403:
                return None
            raise

    @cached_property
    def api_service(self) -> Mapping[str, Any]:
        """The Service `kubernetes`, by which pods reach the API server, read once. Raises ClusterError."""
        return self.cluster.get("Service", "kubernetes", "default") or {}

    @cached_property
    def known(self) -> SecretMask:
        """What is secret about the release, read when something has to be shown that others wrote."""
        from fogflow_k8s.actions.known_secrets import known

        return known(self.cluster, self.release, self.namespaces, also=self.retired)

    def retire(self, secret: Mapping[str, Any]) -> None:
        """Go on masking what was in a Secret that is being changed, and learn anew what is secret."""
        self.retired.append(secret)
        vars(self).pop("known", None)

    def mask(self, text: str) -> str:
        """A text that others wrote, without secrets."""
        return self.known.redactor.text(text) if text else ""

    @property
    def simulated(self) -> bool:
        """True when a node of the cluster is a simulated one: nothing that needs a container can be believed then."""
        return any(labels_of(node).get(SIMULATED) == "true" for node in self.nodes or ())

    @property
    def tasks_namespace(self) -> str:
        """Where FogFlow's task instances run: as the installed release has it. Raises ClusterError."""
        self._tasks = self._tasks or tasks_namespace.read(self.cluster, self.release, self.namespace)
        return self._tasks

    def learn(self, objects: Sequence[Mapping[str, Any]]) -> None:
        """Take the tasks' namespace from the manifests that Helm has of the release, instead of asking the cluster."""
        found = names.tasks_namespace(objects, self.namespace)
        if self._tasks not in ("", found):
            vars(self).pop("known", None)  # there are Secrets in the other one, too
        self._tasks = found

    def assume(self) -> None:
        """Take the chart's default for the tasks' namespace if it is not known yet: for what must not wait for the server."""
        if not self._tasks:
            self.learn(())

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The release's namespace and its tasks'; the first alone while the API server does not say the other."""
        try:
            return tuple(dict.fromkeys((self.namespace, self.tasks_namespace)))
        except ClusterError:
            return (self.namespace,)

    @property
    def selector(self) -> str:
        """The label selector of the release's own objects."""
        return f"app.kubernetes.io/instance={self.release},app.kubernetes.io/part-of=fogflow"
