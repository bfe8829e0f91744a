"""The section `tasks` of values.yaml: the namespace where task instances run.

Task instances are the containers that a worker starts for users' programs. They run in a namespace of their own, which the chart
limits with a quota, default resources and, for the upstream worker, an admission policy.
"""

from __future__ import annotations

from pydantic import Field

from fogflow_k8s.model.settings.base import Part, Quantity


class TasksAdmission(Part):
    """A policy that corrects the task pods of the upstream worker when they are created; not used with the native worker."""

    enabled: bool = True
    """Needs Kubernetes 1.36 and permission to create cluster-scoped policies; skipped with createNamespace false."""


class TasksQuota(Part):
    """A ResourceQuota of the tasks namespace."""

    enabled: bool = True
    """Skipped with createNamespace false, because the namespace is not the chart's."""
    hard: dict[str, Quantity] = Field(default_factory=lambda: {"pods": "100", "services": "100"})
    """Limits as in a ResourceQuota's spec.hard."""


class TasksLimitRange(Part):
    """A LimitRange of the tasks namespace, because the upstream worker sets no resources for its containers."""

    enabled: bool = True
    """Skipped with createNamespace false, because the namespace is not the chart's."""
    limits: dict[str, Quantity] = Field(default_factory=lambda: {"memory": "512Mi"})
    """Default limits of a container that sets none."""
    requests: dict[str, Quantity] = Field(default_factory=lambda: {"cpu": "10m", "memory": "32Mi"})
    """Default requests of a container that sets none."""


class Tasks(Part):
    """The namespace in which task instances run."""

    create_namespace: bool = True
    """false = the namespace (config.worker.app_namespace) exists, you may not create namespaces, and you set up admission, quota and limitRange yourself."""
    admission: TasksAdmission = TasksAdmission()
    """Removes the host port, the token and all capabilities, sets seccomp, and moves tasks off a lost node in time."""
    quota: TasksQuota = TasksQuota()
    """Limits for the namespace as a whole."""
    limit_range: TasksLimitRange = TasksLimitRange()
    """Default resources of each container."""
