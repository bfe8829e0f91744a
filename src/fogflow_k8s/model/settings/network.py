"""Who may connect to whom beyond FogFlow's own needs: the `networkPolicy` section of values.yaml."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from fogflow_k8s.model.settings.base import Cidr, Name, Part


class ApiServer(Part):
    """How worker and keeper reach the cluster's API server."""

    cidrs: list[Cidr] = Field(default_factory=list)
    """Empty = anywhere; fogflow-k8s fills in the cluster's own."""
    ports: list[int] = Field(default_factory=lambda: [443, 6443, 16443])
    """Of the API server itself, and of its Service; fogflow-k8s fills in the cluster's own."""


class Dns(Part):
    """How pods reach the cluster's name servers."""

    ports: list[int] = Field(default_factory=lambda: [53, 1053, 5353, 8053])
    """Of their Service and of their pods; fogflow-k8s fills in the cluster's own."""


class Monitoring(Part):
    """Who may read the metrics of RabbitMQ, the keeper and the worker of engine fogflow-k8s."""

    namespaces: list[Name] = Field(default_factory=list)
    """Names of namespaces."""


class Cidrs(Part):
    """Addresses outside the cluster."""

    cidrs: list[Cidr] = Field(default_factory=list)
    """Like 203.0.113.0/24."""


class TasksEgress(Part):
    """What task pods may reach beside the broker."""

    egress_cidrs: list[Cidr] = Field(default_factory=list)
    """Like 0.0.0.0/0."""


class Policies(Part):
    """What the policies of clouds and of edges have in common."""

    enabled: bool = True
    """false leaves it to you."""
    api_server: ApiServer = ApiServer()
    dns: Dns = Dns()
    extra_egress: list[dict[str, Any]] = Field(default_factory=list)
    """More egress rules, as Kubernetes writes them, for every pod of the release and its tasks."""
    monitoring: Monitoring = Monitoring()
    subscribers: Cidrs = Cidrs()
    """Applications outside the cluster that the broker notifies."""
    tasks: TasksEgress = TasksEgress()


class NetworkPolicies(Policies):
    """Every pod takes and makes only the connections that FogFlow needs, where the network enforces policies."""

    edges: Cidrs = Cidrs()
    """Edge nodes: they reach RabbitMQ, broker and discovery, and are called back."""
