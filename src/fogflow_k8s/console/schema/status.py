"""The documents of `status`, `restart`, `history`, `verify` and `check`."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from fogflow_k8s.actions.check.check import Verdict
from fogflow_k8s.actions.observe.status import State as ReleaseState
from fogflow_k8s.console.schema.common import Cause, Check, Document, ReleaseName, Server, Step
from fogflow_k8s.model.diagnosis.readiness import State as RolloutState
from fogflow_k8s.model.settings.worker_choice import Implementation


class Release(ReleaseName):
    """A Helm release and its newest revision; null when it is not installed."""

    revision: int | None
    """Number of the newest revision."""
    status: str | None
    """Status that Helm gives that revision, as deployed or failed."""
    chart: str | None
    """Chart and its version."""
    appVersion: str | None
    """Version of FogFlow."""


class Cluster(Server):
    """The cluster that was asked."""

    uid: str
    """UID of the namespace kube-system, which identifies the cluster."""
    simulated: bool
    """Whether its nodes are simulated: no container runs."""


class ComponentHealth(TypedDict):
    """What the keeper found out about one component."""

    name: str
    """Name of the component; of several brokers or workers, the second is called NAME-1."""
    state: str
    """ok, or the problem in one word."""
    reason: str | None
    """Why it is in this state."""


class Repair(TypedDict):
    """Something that the keeper repaired."""

    time: str | None
    """When it was done."""
    summary: str
    """What the keeper did."""
    reason: str | None
    """Why it did that."""
    durationSeconds: float | None
    """How long it took, in seconds."""


class Health(TypedDict):
    """Whether FogFlow itself works, by the keeper's health report: ready pods are no proof of that."""

    checked: bool
    """Whether there is a current health report about the pods that run now."""
    state: str | None
    """The keeper's word for the state of FogFlow: working, degraded or another."""
    reason: str | None
    """Why it is in this state, or why it could not be checked."""
    ageSeconds: float | None
    """Age of the health report, in seconds."""
    components: list[ComponentHealth]
    """Each component that the keeper watches."""
    repairs: list[Repair]
    """The keeper's last repairs, the newest last."""


class Replicas(TypedDict):
    """How many pods a workload has."""

    desiredReplicas: int
    """Number of pods that should run."""
    readyReplicas: int
    """Number of pods that are ready."""
    updatedReplicas: int
    """Number of pods of the newest version."""


class Component(Replicas):
    """One component of FogFlow."""

    name: str
    """Name of the component."""
    state: Literal[RolloutState, "disabled"]
    """State of its rollout. disabled: the release does not contain it."""
    reason: str | None
    """Why it is not ready, or what it does at present."""
    causeId: str | None
    """Id of the first of `causes` about this component."""
    workloadKind: str | None
    """Deployment or StatefulSet; null when disabled."""
    image: str | None
    """Image of its first container."""
    restartCount: int
    """Number of restarts of the containers of its newest pods."""
    createdAt: str | None
    """When the workload was created."""
    nodeNames: list[str]
    """Nodes that its newest pods run on."""


class StatusParts(TypedDict):
    """The state of a release."""

    release: Release
    """The release."""
    cluster: Cluster
    """The cluster that it is on."""
    workerImplementation: Implementation | None
    """The worker that the release has: FogFlow's own (upstream), or the native worker of this project."""
    state: ReleaseState
    """State of FogFlow. unverified: all pods are ready, but `health` is not checked."""
    health: Health
    """What the keeper found out."""
    components: list[Component]
    """Every component, the disabled ones last."""
    taskPods: dict[str, int]
    """Number of task pods in each state, by the states that kubectl shows."""
    urls: list[str]
    """Addresses of the dashboard."""
    causes: list[Cause]
    """What is wrong, the root cause first."""


class OtherOperation(TypedDict):
    """An operation that is changing the release."""

    holder: str
    """Who runs it, as user@host with a number."""
    command: str
    """Its command line."""
    since: str
    """When it began, by the clock of its machine."""


class Status(Document, StatusParts):
    """What `status` and `restart` print."""

    kind: Literal["Status"]
    """Kind of this document."""
    operation: OtherOperation | None
    """The operation that is changing the release, or was killed while it did; null without one."""


class Revision(TypedDict):
    """One revision of a release."""

    revision: int
    """Number of the revision."""
    status: str
    """Status that Helm gives it."""
    chart: str | None
    """Chart and its version."""
    appVersion: str | None
    """Version of FogFlow."""
    updatedAt: str | None
    """When it was installed."""
    worked: bool
    """Whether a deploy or rollback has seen it ready."""
    updatedBy: str | None
    """Who installed it, as user@host."""
    description: str | None
    """Helm's description of the operation."""


class History(Document):
    """What `history` prints."""

    kind: Literal["History"]
    """Kind of this document."""
    revisions: list[Revision]
    """Every revision, the newest last."""


class Verify(Document):
    """What `verify` prints."""

    kind: Literal["Verify"]
    """Kind of this document."""
    ok: bool
    """Whether FogFlow works."""
    steps: list[Step]
    """Each step of the test, in order."""


class CheckDocument(Document):
    """What `check` prints."""

    kind: Literal["Check"]
    """Kind of this document."""
    verdict: Verdict
    """The worst result. unreachable: the API server does not answer."""
    cluster: Server
    """The cluster that was checked."""
    namespace: str
    """Namespace that was checked."""
    checks: list[Check]
    """Every check, in order."""
