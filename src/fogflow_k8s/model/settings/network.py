"""Connections that the NetworkPolicies allow in addition to those that FogFlow itself needs: the `networkPolicy` section of values.yaml."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from fogflow_k8s.model.settings.base import Cidr, Name, Part


class ApiServer(Part):
    """How worker, keeper and cleanup hook reach the cluster's API server."""

    cidrs: list[Cidr] = Field(default_factory=list)
    """Empty = any address; fogflow-k8s sets them if the control plane runs on nodes of the cluster."""
    ports: list[int] = Field(default_factory=lambda: [443, 6443, 16443])
    """Ports of the API server itself and of its Service; fogflow-k8s sets the cluster's own."""


class Dns(Part):
    """How pods reach the cluster's DNS servers."""

    ports: list[int] = Field(default_factory=lambda: [53, 1053, 5353, 8053])
    """Ports of the DNS Service and of its pods; fogflow-k8s sets the ports of the cluster if it finds them."""


class Monitoring(Part):
    """Namespaces that may read the metrics of the keeper and, in the cloud, of RabbitMQ and the native worker."""

    namespaces: list[Name] = Field(default_factory=list)
    """Names of the namespaces."""


class Cidrs(Part):
    """Addresses outside the cluster."""

    cidrs: list[Cidr] = Field(default_factory=list)
    """CIDRs, e.g. 203.0.113.0/24."""


class TasksEgress(Part):
    """Addresses that task pods may reach in addition to the broker."""

    egress_cidrs: list[Cidr] = Field(default_factory=list)
    """CIDRs, e.g. 0.0.0.0/0."""


class Policies(Part):
    """The keys that the policies of the cloud and of edges share."""

    enabled: bool = True
    """false = the chart creates no NetworkPolicies."""
    api_server: ApiServer = ApiServer()
    dns: Dns = Dns()
    extra_egress: list[dict[str, Any]] = Field(default_factory=list)
    """Additional egress rules of a NetworkPolicy, for every pod of the release and its tasks."""
    monitoring: Monitoring = Monitoring()
    subscribers: Cidrs = Cidrs()
    """Applications outside the cluster that the broker notifies."""
    tasks: TasksEgress = TasksEgress()


class NetworkPolicies(Policies):
    """Policies allow each pod only the connections that FogFlow needs. They have no effect if the network does not enforce policies."""

    edges: Cidrs = Cidrs()
    """Edge nodes: they connect to RabbitMQ, broker and discovery; broker and discovery connect to them."""
