"""The section `tasks` of values.yaml: the namespace where task instances run."""

from __future__ import annotations

from pydantic import Field

from fogflow_k8s.model.settings.base import Part, Quantity


class TasksAdmission(Part):
    """What upstream's worker gets wrong in the pods of tasks is put right when they are created."""

    enabled: bool = True
    """Needs Kubernetes 1.36 and the right to create cluster-scoped policies; skipped with createNamespace false."""


class TasksQuota(Part):
    """A ResourceQuota of the tasks namespace."""

    enabled: bool = True
    """Skipped with createNamespace false: the namespace is somebody's."""
    hard: dict[str, Quantity] = Field(default_factory=lambda: {"pods": "100", "services": "100"})
    """As in a ResourceQuota's spec."""


class TasksLimitRange(Part):
    """A LimitRange of the tasks namespace: the worker gives its containers no resources."""

    enabled: bool = True
    """Skipped with createNamespace false: the namespace is somebody's."""
    limits: dict[str, Quantity] = Field(default_factory=lambda: {"memory": "512Mi"})
    """Of a container that names none."""
    requests: dict[str, Quantity] = Field(default_factory=lambda: {"cpu": "10m", "memory": "32Mi"})
    """Of a container that names none."""


class Tasks(Part):
    """Where task instances run."""

    create_namespace: bool = True
    """false = it exists, and you may not create namespaces."""
    admission: TasksAdmission = TasksAdmission()
    """hostPort off, no token, no capabilities, seccomp, off a lost node in time."""
    quota: TasksQuota = TasksQuota()
    """How much there may be."""
    limit_range: TasksLimitRange = TasksLimitRange()
    """What a container gets."""
