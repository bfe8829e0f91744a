"""The models that the sections of values.yaml consist of: images, resources, security contexts, and one model per component.

The docstring below a field is its description in values.schema.json and in the comments of values.yaml.
"""

from __future__ import annotations

from typing import Any, Literal, Self, TypeVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from fogflow_k8s.model.quantities import amounts, quantity
from fogflow_k8s.model.settings.base import Name, Part, Quantity
from fogflow_k8s.model.settings.worker_choice import AUTO, NATIVE_REGISTRY, NO_NATIVE_IMAGE, chosen

P = TypeVar("P", bound="Resources | WorkerTasks")


def _within_limits(sizes: P) -> P:
    """Return `sizes`. Raises PydanticCustomError when a request exceeds its limit, which Kubernetes reports only when it creates the pods."""
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
    """Empty = an image that exists only on the nodes; for worker.nativeImage, no image."""
    repository: str = Field("", pattern=r"^[a-z0-9]*([._/-]+[a-z0-9]+)*$")
    """Path of the image in the registry."""
    tag: str = Field("", pattern=r"^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$")
    """Empty = the chart's appVersion; for worker.nativeImage the chart's version."""
    digest: str = Field("", pattern=r"^(sha256:[0-9a-f]{64})?$")
    """sha256:...; pins the image's content and takes precedence over the tag."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When the node pulls the image."""


class Resources(Part):
    """Resource requests and limits of the container."""

    requests: dict[str, Quantity] = Field(default_factory=dict)
    """Requests by resource name: cpu, memory."""
    limits: dict[str, Quantity] = Field(default_factory=dict)
    """Limits by resource name: cpu, memory."""

    @model_validator(mode="after")
    def _promised_no_more_than_allowed(self) -> Self:
        return _within_limits(self)


class PodSecurityContext(Part):
    """User and group ids of the pod; null = the platform assigns them. The chart always sets what else Pod Security `restricted` requires."""

    run_as_user: int | None = Field(65532, ge=1)
    """Never 0; null = the platform (such as OpenShift) assigns it."""
    run_as_group: int | None = Field(65532, ge=0)
    """null = the platform assigns it."""
    fs_group: int | None = Field(65532, ge=0)
    """Group that owns the volumes; null = the platform assigns it."""


class ContainerSecurityContext(Part):
    """Settings of the container. The chart always sets the rest: no root, no capabilities, no privilege escalation, seccomp."""

    read_only_root_filesystem: bool = True
    """Set false only for your own images that write outside their volumes."""


class Persistence(Part):
    """A volume that remains after the pod and the release are deleted."""

    enabled: bool = False
    """false = the data is deleted with the pod."""
    size: Quantity = "1Gi"
    """Size of the PersistentVolumeClaim that the chart creates."""
    storage_class: Name = ""
    """StorageClass; empty = the cluster's default."""
    existing_claim: Name = ""
    """Your own PersistentVolumeClaim, used instead."""


class PathOnHost(Part):
    """A path on the node."""

    path: str = Field("", pattern=r"^(/[^\x00]*)?$")
    """Absolute path; empty = not used. Violates Pod Security restricted."""


class HostPath(Part):
    """Upstream's way to mount files of the node into pods."""

    host_path: PathOnHost = PathOnHost()


class Component(Part):
    """A workload of the release. It has no replica count: components keep their state in memory, and two with one identity lose data."""

    image: Image = Image()
    resources: Resources = Resources()
    pod_security_context: PodSecurityContext = PodSecurityContext()
    container_security_context: ContainerSecurityContext = ContainerSecurityContext()
    node_selector: dict[str, str] = Field(default_factory=dict)
    """Labels that a node must have, in addition to global.nodeSelector."""
    affinity: dict[str, Any] = Field(default_factory=dict)
    """Affinity as in a pod's spec; replaces global.affinity."""
    tolerations: list[dict[str, Any]] = Field(default_factory=list)
    """Tolerations as in a pod's spec; added to global.tolerations."""
    topology_spread_constraints: list[dict[str, Any]] = Field(default_factory=list)
    """As in a pod's spec; replaces the global ones. A constraint without labelSelector applies to this component's pods."""
    pod_annotations: dict[str, str] = Field(default_factory=dict)
    """Annotations of this component's pods."""
    pod_labels: dict[str, str] = Field(default_factory=dict)
    """Labels of this component's pods, in addition to the chart's own."""
    priority_class_name: Name = ""
    """PriorityClass of the pods; replaces global.priorityClassName."""


class Auth(Part):
    """How FogFlow logs in to RabbitMQ."""

    username: str = Field("fogflow", pattern=r"^[A-Za-z0-9_-]+$")
    """Must not be guest, which RabbitMQ accepts from localhost only and every scanner tries."""
    existing_secret: Name = ""
    """A Secret with key `password`; empty = the chart creates <release>-rabbitmq."""
    password: str = Field("", pattern=r"^([!-~]([ -~]*[!-~])?)?$")
    """For the Secret that the chart creates: printable ASCII text, preferably 16 characters or more; empty = random. Helm stores it in the release record: prefer existingSecret."""

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
    """Your own RabbitMQ instead of the chart's; needs auth.existingSecret or auth.password."""

    host: str = Field("", pattern=r"^[A-Za-z0-9.:-]*$")
    """Host name or address; empty = the chart's RabbitMQ."""
    port: int = Field(5672, ge=1, le=65535)
    """Port of AMQP without TLS: FogFlow does not support TLS to RabbitMQ."""
    metrics_url: str = Field("", pattern=r"^(https?://.+)?$")
    """http://host:15692 of its rabbitmq_prometheus; without it the consumers of queues cannot be checked."""


class Rabbitmq(Component):
    """RabbitMQ, the message bus."""

    persistence: Persistence = Persistence()
    auth: Auth = Auth()
    external: ExternalRabbitmq = ExternalRabbitmq()


class Broker(Component):
    """Context broker (NGSI10, NGSI-LD)."""

    shards: int = Field(1, ge=1, le=16)
    """Number of brokers, each with its own identity and address. More than one needs acceptNotificationLoops."""
    accept_notification_loops: bool = False
    """true allows several shards, although two of them can notify each other endlessly until the reverse proxy stops answering."""

    @model_validator(mode="after")
    def _one_unless_the_loops_are_accepted(self) -> Self:
        """Refuse several shards by default; docs/architecture.md, "Shards of the broker", has the measurements on upstream's broker."""
        if self.shards > 1 and not self.accept_notification_loops:
            raise PydanticCustomError(
                "shards",
                "shards is {shards}, and upstream's brokers are not safe beside each other: after an entity is deleted at one and "
                "updated at another, the two notify each other without end until the reverse proxy stops answering, and a shard that "
                "is lost and comes back doubles subscriptions for good. Allowed: broker.shards 1. To run several all the same: "
                "broker.acceptNotificationLoops true, or fogflow-k8s deploy --force",
                {"shards": self.shards},
            )
        return self


class WorkerTasks(Part):
    """Task pods of the native worker only; an operator's parameters (cpu-request, memory-limit, ...) take precedence. The upstream worker has no such settings."""

    node_selector: dict[str, str] = Field(default_factory=dict)
    """Labels that a node must have."""
    tolerations: list[dict[str, Any]] = Field(default_factory=list)
    """Tolerations as in a pod's spec. Those that move a task off a lost node in time are always set."""
    requests: dict[str, Quantity] = Field(default_factory=lambda: {"cpu": "10m", "memory": "32Mi"})
    """Requests of a task whose operator sets none."""
    limits: dict[str, Quantity] = Field(default_factory=lambda: {"memory": "256Mi"})
    """Limits of a task whose operator sets none."""

    @model_validator(mode="after")
    def _promised_no_more_than_allowed(self) -> Self:
        return _within_limits(self)


NATIVE_IMAGE = {"registry": NATIVE_REGISTRY, "repository": "fogflow-k8s/worker"}


class Worker(Component):
    """Starts the task instances."""

    implementation: Literal["auto", "upstream", "native"] = AUTO
    """upstream = the upstream worker, FogFlow's own; native = the native worker, whose tasks keep running while it is replaced or lost; auto = native where nativeImage.registry is set, else upstream. With auto, an upgrade keeps the worker that the release has."""
    native_image: Image = Image()
    """Image of the native worker; `image` is the upstream worker's. `fogflow-k8s images build --push REF` builds and pushes it; then set its registry (localhost = the image is loaded on every node)."""
    replicas: int = Field(1, ge=1, le=16)
    """Number of workers, each with its own identity and config.worker.capacity. Each uses one of the broker's shards."""
    tasks: WorkerTasks = WorkerTasks()

    @property
    def keeps_tasks(self) -> bool:
        """Whether the worker keeps its tasks in the cluster, so that the loss of the worker loses no task."""
        return chosen(self.implementation, self.native_image.registry) == "native"


def require_native_image(worker: Worker, common_registry: str) -> None:
    """Check that the native worker's image has a registry. `common_registry`: global.imageRegistry. Raises PydanticCustomError."""
    if worker.keeps_tasks and not (common_registry or worker.native_image.registry):
        raise PydanticCustomError("nativeImage", NO_NATIVE_IMAGE)


class DesignerPart(Component):
    """Dashboard and its API."""

    persistence: Persistence = Persistence()


def _evenly() -> list[dict[str, Any]]:
    return [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}]


class Nginx(Component):
    """Reverse proxy: the only component that can simply be replicated, so its pods are spread over the nodes by default."""

    topology_spread_constraints: list[dict[str, Any]] = Field(default_factory=_evenly)
    """As in a pod's spec; replaces the global ones. A constraint without labelSelector applies to this component's pods."""


class Dgraph(Component):
    """Graph store; FogFlow's code has not used it since 3.2.8."""

    enabled: bool = False
    """Enable it only if you use it yourself."""
    persistence: Persistence = Persistence()
    host_path: PathOnHost = PathOnHost()


class Keeper(Component):
    """Observes FogFlow beyond the state of its pods, repairs what FogFlow does not repair itself, and reports in ConfigMap <release>-health."""

    enabled: bool = True
    """false = disconnected components are not detected, and what discovery and broker lose is not restored."""


class Bootstrap(Part):
    """Bootstrap: the init container that writes config.json with the password, then waits for what the component needs."""

    image: Image = Image()
    deadline_seconds: int = Field(600, ge=10, le=86_400)
    """Seconds; then the container fails, logs what it waited for, and Kubernetes restarts it."""
    resources: Resources = Resources()
