"""The chart's values.yaml: the closed model from which values.schema.json is generated.

`Values` has a section for each component, with the chart's defaults, and the rules between sections. Given values are merged into
the defaults at every depth, as Helm does.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Self, TypeVar

from pydantic import Field, ModelWrapValidatorHandler, model_validator
from pydantic_core import PydanticCustomError

from fogflow_k8s.model.settings.base import IpAddress, Name, Part, merge, remember, without_nulls
from fogflow_k8s.model.settings.config import FogflowConfig, canonical
from fogflow_k8s.model.settings.expose import Expose
from fogflow_k8s.model.settings.network import NetworkPolicies
from fogflow_k8s.model.settings.parts import (
    NATIVE_IMAGE,
    Bootstrap,
    Broker,
    Component,
    DesignerPart,
    Dgraph,
    HostPath,
    Keeper,
    Nginx,
    Rabbitmq,
    Worker,
    require_native_image,
)
from fogflow_k8s.model.settings.tasks import Tasks

P = TypeVar("P", bound=Part)
_IDS = ("runAsUser", "runAsGroup", "fsGroup")


class Global(Part):
    """For all components. A component's own value takes precedence; its tolerations and nodeSelector labels are added to these."""

    image_registry: str = Field("", pattern=r"^[A-Za-z0-9.:/_-]*$")
    """Replaces the registry of every image."""
    image_pull_secrets: list[Name] = Field(default_factory=list)
    """Names of Secrets."""
    node_selector: dict[str, str] = Field(default_factory=dict)
    """Labels that a node must have."""
    affinity: dict[str, Any] = Field(default_factory=dict)
    """As in a pod's spec."""
    tolerations: list[dict[str, Any]] = Field(default_factory=list)
    """As in a pod's spec."""
    topology_spread_constraints: list[dict[str, Any]] = Field(default_factory=list)
    """As in a pod's spec; a constraint without labelSelector applies to all pods of the release."""
    priority_class_name: Name = ""
    """PriorityClass of the pods."""


class ServiceAccount(Part):
    """One account per component. Of FogFlow's own components only the worker has permissions: in the tasks namespace."""

    create: bool = True
    """false = use existing accounts."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Annotations of every account that the chart creates."""
    name: Name = ""
    """Upstream's key: all components use one account of this name."""


class ServiceSpec(Part):
    """Upstream's spelling of externalIPs."""

    external_ips: list[IpAddress] = Field(default_factory=list, alias="externalIPs")
    """The same as externalIPs."""


class UpstreamService(Part):
    """Upstream's spelling of externalIPs."""

    spec: ServiceSpec = ServiceSpec()


def made(kind: type[P], **data: Any) -> Any:
    """A field whose default is a `kind` with the given values."""
    return Field(default_factory=lambda: kind.model_validate(data))


def _sizes(cpu: str, memory: str, limit: str, cores: str) -> dict[str, Any]:
    """Requests based on measured idle use, and limits far above every measured peak.

    `cores` limits a component that runs away or is compromised, without slowing down normal work: nginx has two workers,
    Python and Node.js use little more than one core, and Go and Erlang get four.
    """
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": cores, "memory": limit}}


def fogflow_part(name: str, cpu: str, memory: str, limit: str, cores: str, uid: int = 65532) -> dict[str, Any]:
    """Values of a component with upstream's image, whose tag is the chart's appVersion."""
    return {
        "image": {"repository": f"fogflow/{name}"},
        "resources": _sizes(cpu, memory, limit, cores),
        "podSecurityContext": dict.fromkeys(_IDS, uid),
    }


def python_part(cpu: str, memory: str, limit: str, cores: str) -> dict[str, Any]:
    """Values of a component that runs in the official Python image."""
    return {
        "image": {"repository": "library/python", "tag": "3.13-alpine"},
        "resources": _sizes(cpu, memory, limit, cores),
    }


class Release(Part):
    """The values that the cloud chart and the edge chart share."""

    global_: Global = Field(Global(), alias="global")
    pod_annotations: dict[str, str] = Field(default_factory=dict)
    """For every pod of the release."""
    cluster_domain: str = Field("cluster.local", pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
    """The cluster's DNS domain."""
    toleration_seconds: int = Field(60, ge=0, le=86_400)
    """Seconds that a pod stays on a lost node, between its detection and the start of a new pod (Kubernetes' own default is 300)."""
    service_account: ServiceAccount = ServiceAccount()
    tasks: Tasks = Tasks()
    keeper: Keeper = made(Keeper, **python_part("10m", "48Mi", "128Mi", "1"))
    """Observes FogFlow beyond the state of its pods, repairs what FogFlow does not repair itself, and reports in ConfigMap <release>-health."""
    bootstrap: Bootstrap = made(Bootstrap, **python_part("10m", "24Mi", "64Mi", "1"))
    """Bootstrap: the init container that writes config.json with the password, then waits for what the component needs."""
    config_json: HostPath = HostPath()
    """Upstream's key: a config.json on the node, for all components, with the password (percent-encoded)."""


class Values(Release):
    """Values of the FogFlow chart."""

    ipv6: bool = False
    """true if pods have IPv6 addresses, alone or with IPv4; with true, nginx and RabbitMQ do not start where IPv6 is off. fogflow-k8s sets it."""
    external_ips: list[IpAddress] = Field(default_factory=list, alias="externalIPs")
    """Addresses of the cluster at which clients reach the reverse proxy (port 80). Deprecated since Kubernetes 1.36; expose.type lists the alternatives."""
    replica_count: int = Field(2, ge=1, le=100)
    """Number of replicas of nginx, the only component that can simply be replicated."""
    namespace: Name = ""
    """Upstream's key: empty, or the release's namespace (helm -n)."""
    config: FogflowConfig = FogflowConfig()
    expose: Expose = Expose()
    network_policy: NetworkPolicies = NetworkPolicies()
    rabbitmq: Rabbitmq = made(
        Rabbitmq,
        image={"repository": "library/rabbitmq", "tag": "4.3"},
        resources=_sizes("50m", "192Mi", "1Gi", "4"),
        podSecurityContext=dict.fromkeys(_IDS, 999),
    )
    """RabbitMQ, the message bus."""
    discovery: Component = made(Component, **fogflow_part("discovery", "10m", "24Mi", "512Mi", "4"))
    """IoT discovery (NGSI9). Always one instance."""
    broker: Broker = made(Broker, **fogflow_part("broker", "10m", "24Mi", "1Gi", "4"))
    """Context broker (NGSI10, NGSI-LD)."""
    master: Component = made(Component, **fogflow_part("master", "10m", "24Mi", "256Mi", "2"))
    """Orchestrator. Always one instance."""
    worker: Worker = made(
        Worker,
        **fogflow_part("worker", "10m", "48Mi", "256Mi", "2"),
        nativeImage=NATIVE_IMAGE,
    )
    """Starts the task instances."""
    designer: DesignerPart = made(DesignerPart, **fogflow_part("designer", "20m", "112Mi", "512Mi", "2", 1000))
    """Dashboard and its API. Always one instance."""
    nginx: Nginx = made(
        Nginx,
        image={"repository": "nginxinc/nginx-unprivileged", "tag": "1.29-alpine"},
        resources=_sizes("10m", "24Mi", "128Mi", "2"),
        podSecurityContext=dict.fromkeys(_IDS, 65532),
    )
    """Reverse proxy: dashboard, /ngsi9/, /ngsi10/, /ngsi-ld/ on port 80."""
    dgraph: Dgraph = made(
        Dgraph,
        image={"repository": "dgraph/standalone", "tag": "v24.0.5"},
        resources=_sizes("50m", "256Mi", "2Gi", "4"),
        podSecurityContext=dict.fromkeys(_IDS, 1000),
        persistence={"size": "8Gi"},
    )
    """Graph store. Disabled: FogFlow's code has not used it since 3.2.8."""
    nginx_conf: HostPath = HostPath()
    """Upstream's key: an nginx.conf on the node; must listen on 8080 and answer /healthz."""
    service: UpstreamService = Field(UpstreamService(), alias="Service")

    @model_validator(mode="wrap")
    @classmethod
    def _upon_defaults(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Merge the given values into the chart's defaults, at every depth: `broker.image.tag` alone keeps the repository.

        `model_fields_set` contains only the given keys, so that `given()` returns them.
        """
        if not isinstance(data, Mapping):
            return handler(data)
        data = without_nulls(defaults(), data)
        values = handler(merge(defaults(), data))
        config = data.get("config")
        given = {**data, "config": canonical(config)} if isinstance(config, Mapping) else data
        remember(values, given)
        return values

    @model_validator(mode="after")
    def _exposed_somehow(self) -> Self:
        if self.expose.type == "externalIPs" and not self.addresses:
            raise PydanticCustomError(
                "expose", "expose.type is externalIPs, but externalIPs is empty: give it an address"
            )
        if self.expose.type == "ingress" and self.expose.ingress.certified and not self.expose.ingress.host:
            raise PydanticCustomError(
                "expose",
                "expose.ingress.annotations ask cert-manager for a certificate, but expose.ingress.host is empty",
            )
        if self.expose.type == "gateway" and not self.expose.gateway.name:
            raise PydanticCustomError("expose", "expose.type is gateway, but expose.gateway.name does not say which")
        self._edges_named()
        if self.rabbitmq.external.host and not (self.rabbitmq.auth.existing_secret or self.rabbitmq.auth.password):
            raise PydanticCustomError(
                "rabbitmq",
                "rabbitmq.external.host needs a login: name the Secret with it in rabbitmq.auth.existingSecret",
            )
        return self

    @model_validator(mode="after")
    def _each_of_several_has_its_own_file(self) -> Self:
        if self.config_json.host_path.path and max(self.broker.shards, self.worker.replicas) > 1:
            raise PydanticCustomError(
                "several",
                "configJson.hostPath gives all pods one file, and several brokers or workers need one each: "
                "leave broker.shards and worker.replicas at 1, or use config",
            )
        return self

    @model_validator(mode="after")
    def _native_worker_has_its_config_and_image(self) -> Self:
        if self.config_json.host_path.path and self.worker.keeps_tasks:
            raise PydanticCustomError(
                "implementation",
                "configJson.hostPath is a file for upstream's programs, without the worker.tasks of implementation native: "
                "use config, or worker.implementation upstream",
            )
        require_native_image(self.worker, self.global_.image_registry)
        return self

    def _edges_named(self) -> None:
        """Check that expose.edge admits only known addresses, because what it opens has no login."""
        edge, cidrs = self.expose.edge, self.network_policy.edges.cidrs
        if edge.type == "none":
            return
        if not cidrs or not self.network_policy.enabled:
            raise PydanticCustomError(
                "edge",
                "expose.edge lets edges in by their addresses: it needs networkPolicy.edges.cidrs, and networkPolicy.enabled",
            )
        if any(cidr.endswith("/0") for cidr in cidrs):
            raise PydanticCustomError(
                "edge",
                "networkPolicy.edges.cidrs admits every address (/0): expose.edge needs the edges' own addresses",
            )
        if edge.type == "externalIPs" and not edge.external_ips:
            raise PydanticCustomError("edge", "expose.edge.type is externalIPs, but expose.edge.externalIPs is empty")

    def given(self) -> dict[str, Any]:
        """The values that the user set, in the form that Helm and files use, without the chart's defaults."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    @property
    def addresses(self) -> tuple[str, ...]:
        """External IPs of the reverse proxy, from both spellings, without duplicates."""
        return tuple(dict.fromkeys((*self.external_ips, *self.service.spec.external_ips)))

    @property
    def open_to_all(self) -> bool:
        """Whether clients outside the cluster reach the reverse proxy without a login."""
        outside = self.expose.type != "none" or bool(self.addresses)
        return outside and not self.expose.basic_auth.existing_secret

    @property
    def address(self) -> str:
        """Address at which users and edges reach this FogFlow; empty when none is set."""
        return self.config.coreservice_ip or next(iter(self.addresses), "")


@cache
def defaults() -> dict[str, Any]:
    """The chart's defaults, as in its values.yaml. The caller must not change the result."""
    found = {}
    for name, field in Values.model_fields.items():
        value = field.get_default(call_default_factory=True)
        found[field.alias or name] = value.model_dump() if isinstance(value, Part | FogflowConfig) else value
    return found
