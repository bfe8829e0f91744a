"""The pieces that sections of values.yaml are made of."""

from __future__ import annotations

from typing import Any, Literal, Self, TypeVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from fogflow_k8s.model.quantities import amounts, quantity
from fogflow_k8s.model.settings.base import Name, Part, Quantity

P = TypeVar("P", bound="Resources | WorkerTasks")


def _within_limits(sizes: P) -> P:
    """Kubernetes would say so only when the pods are made, and whoever raises a request may not know of the limit."""
    for name, most in amounts(sizes.limits).items():
        if quantity(sizes.requests.get(name, 0)) > most:
            raise PydanticCustomError(
                "limit",
                "requests.{name} is {request}, but limits.{name} is {limit}: raise that, too",
                {"name": name, "request": str(sizes.requests[name]), "limit": str(sizes.limits[name])},
            )
    return sizes


class Image(Part):
    """An image: [registry/]repository:tag[@digest]."""

    registry: str = Field("docker.io", pattern=r"^[A-Za-z0-9.:/_-]*$")
    """Empty for an image that only the nodes have."""
    repository: str = Field("", pattern=r"^[a-z0-9]*([._/-]+[a-z0-9]+)*$")
    """Path in the registry."""
    tag: str = Field("", pattern=r"^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$")
    """Empty = the chart's appVersion; of worker.ownImage its version."""
    digest: str = Field("", pattern=r"^(sha256:[0-9a-f]{64})?$")
    """Pins the image to its bytes; wins over the tag."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When the node asks the registry."""


class Resources(Part):
    """What the container is promised and what it may use at most."""

    requests: dict[str, Quantity] = Field(default_factory=dict)
    """By resource name: cpu, memory."""
    limits: dict[str, Quantity] = Field(default_factory=dict)
    """By resource name: cpu, memory."""

    @model_validator(mode="after")
    def _promised_no_more_than_allowed(self) -> Self:
        return _within_limits(self)


class PodSecurityContext(Part):
    """Under which ids the pod runs. What Pod Security `restricted` asks for beyond them is not a choice."""

    run_as_user: int | None = Field(65532, ge=1)
    """Never 0; null leaves it to the platform (OpenShift)."""
    run_as_group: int | None = Field(65532, ge=0)
    """null leaves it to the platform."""
    fs_group: int | None = Field(65532, ge=0)
    """Owner of volumes; null leaves it to the platform."""


class ContainerSecurityContext(Part):
    """The rest (no root, no capabilities, no escalation, seccomp) is not a choice."""

    read_only_root_filesystem: bool = True
    """false only for images of your own that write beside their volumes."""


class Persistence(Part):
    """A volume that outlives the pod and the release."""

    enabled: bool = False
    """false = the data goes with the pod."""
    size: Quantity = "1Gi"
    """Of the claim that the chart makes."""
    storage_class: Name = ""
    """Empty = the cluster's default."""
    existing_claim: Name = ""
    """A claim of your own instead."""


class PathOnHost(Part):
    """A path on the node."""

    path: str = Field("", pattern=r"^(/[^\x00]*)?$")
    """Absolute; empty = not used. Breaks Pod Security restricted."""


class HostPath(Part):
    """Upstream's way to bring files of the node into pods."""

    host_path: PathOnHost = PathOnHost()


class Component(Part):
    """A workload of the release. No count: they keep their state in memory, and two with one identity lose data."""

    image: Image = Image()
    resources: Resources = Resources()
    pod_security_context: PodSecurityContext = PodSecurityContext()
    container_security_context: ContainerSecurityContext = ContainerSecurityContext()
    node_selector: dict[str, str] = Field(default_factory=dict)
    """Labels that a node must have; upon global.nodeSelector."""
    affinity: dict[str, Any] = Field(default_factory=dict)
    """As in a pod's spec; instead of global.affinity."""
    tolerations: list[dict[str, Any]] = Field(default_factory=list)
    """As in a pod's spec; added to global.tolerations."""
    topology_spread_constraints: list[dict[str, Any]] = Field(default_factory=list)
    """As in a pod's spec; instead of the global ones. One without labelSelector is about this component's own pods."""
    pod_annotations: dict[str, str] = Field(default_factory=dict)
    """On this component's pods."""
    pod_labels: dict[str, str] = Field(default_factory=dict)
    """On this component's pods, beside the chart's own."""
    priority_class_name: Name = ""
    """Instead of global.priorityClassName."""


class Auth(Part):
    """How FogFlow logs in to RabbitMQ."""

    username: str = Field("fogflow", pattern=r"^[A-Za-z0-9_-]+$")
    """Never guest, which every scanner tries."""
    existing_secret: Name = ""
    """A Secret with key `password`; empty = the chart makes <release>-rabbitmq."""
    password: str = Field("", pattern=r"^([!-~]([ -~]*[!-~])?)?$")
    """For the chart's Secret: any printable ASCII text, at best 16 characters or more. Empty = random."""

    @model_validator(mode="after")
    def _not_guest(self) -> Self:
        if self.username == "guest":
            raise PydanticCustomError("guest", "username must not be guest: RabbitMQ lets it in from localhost only")
        if self.password and self.existing_secret:
            raise PydanticCustomError(
                "password", "password and existingSecret exclude each other: the password stands in the Secret"
            )
        return self


class ExternalRabbitmq(Part):
    """A RabbitMQ of your own instead of the chart's."""

    host: str = Field("", pattern=r"^[A-Za-z0-9.:-]*$")
    """Empty = the chart's."""
    port: int = Field(5672, ge=1, le=65535)
    """AMQP, without TLS: FogFlow speaks none."""
    metrics_url: str = Field("", pattern=r"^(https?://.+)?$")
    """http://host:15692 of its rabbitmq_prometheus; without it consumers of queues cannot be checked."""


class Rabbitmq(Component):
    """The message bus."""

    persistence: Persistence = Persistence()
    auth: Auth = Auth()
    external: ExternalRabbitmq = ExternalRabbitmq()


class Broker(Component):
    """Context broker (NGSI10, NGSI-LD)."""

    shards: int = Field(1, ge=1, le=16)
    """Brokers with an identity and an address each. More than one needs acceptNotificationLoops."""
    accept_notification_loops: bool = False
    """true allows several shards, though two of them can notify each other without end, until neither answers."""

    @model_validator(mode="after")
    def _one_unless_the_loops_are_accepted(self) -> Self:
        """Measured on upstream's broker: docs/architecture.md, "Shards of the broker"."""
        if self.shards > 1 and not self.accept_notification_loops:
            raise PydanticCustomError(
                "shards",
                "shards is {shards}, and upstream's brokers are not safe beside each other: after an entity is deleted at one and "
                "updated at another, the two notify each other without end until the front door stops answering, and a shard that "
                "is lost and comes back doubles subscriptions for good. Allowed: broker.shards 1. To run several all the same: "
                "broker.acceptNotificationLoops true, or fogflow-k8s deploy --force",
                {"shards": self.shards},
            )
        return self


class WorkerTasks(Part):
    """The pods of tasks, as engine fogflow-k8s makes them; an operator's own parameters win. Upstream's engine has no such thing."""

    node_selector: dict[str, str] = Field(default_factory=dict)
    """Labels that a node must have."""
    tolerations: list[dict[str, Any]] = Field(default_factory=list)
    """As in a pod's spec; a lost node is left in time without being asked."""
    requests: dict[str, Quantity] = Field(default_factory=lambda: {"cpu": "10m", "memory": "32Mi"})
    """Of a task whose operator names none."""
    limits: dict[str, Quantity] = Field(default_factory=lambda: {"memory": "256Mi"})
    """Of a task whose operator names none."""

    @model_validator(mode="after")
    def _promised_no_more_than_allowed(self) -> Self:
        return _within_limits(self)


class Worker(Component):
    """Starts the task instances."""

    engine: Literal["upstream", "fogflow-k8s"] = "upstream"
    """upstream = FogFlow's own worker; fogflow-k8s = ours, whose tasks outlive it."""
    own_image: Image = Image()
    """Of engine fogflow-k8s; `image` is upstream's. In no public registry: fogflow-k8s images build --push REF."""
    replicas: int = Field(1, ge=1, le=16)
    """Workers with an identity each: so many times the capacity. Each uses one of the broker's shards."""
    tasks: WorkerTasks = WorkerTasks()

    @property
    def keeps_tasks(self) -> bool:
        """Whether its tasks live in the cluster, so that nothing is lost with it."""
        return self.engine == "fogflow-k8s"


class DesignerPart(Component):
    """Dashboard and its API."""

    persistence: Persistence = Persistence()


def _evenly() -> list[dict[str, Any]]:
    return [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}]


class Nginx(Component):
    """Front door: the one component of which there may be several as it is, so the one that is spread unasked."""

    topology_spread_constraints: list[dict[str, Any]] = Field(default_factory=_evenly)
    """As in a pod's spec; instead of the global ones. One without labelSelector is about this component's own pods."""


class Dgraph(Component):
    """Graph store; since 3.2.8 no line of FogFlow's code uses it."""

    enabled: bool = False
    """Only for those who use it themselves."""
    persistence: Persistence = Persistence()
    host_path: PathOnHost = PathOnHost()


class Keeper(Component):
    """Watches the cell, mends it, and reports."""

    enabled: bool = True
    """false = nobody notices a deaf component, and what discovery and broker forget stays forgotten."""


class Gate(Part):
    """Init container: writes config.json with the password, then waits for what the component needs."""

    image: Image = Image()
    deadline_seconds: int = Field(600, ge=10, le=86_400)
    """Then it fails, says what it waited for, and Kubernetes starts it again."""
    resources: Resources = Resources()
