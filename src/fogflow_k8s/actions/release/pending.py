"""The repair of a release that an interrupted operation left pending: a rollback. Shared by deploy, diff and doctor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fogflow_k8s.actions.observe.status import Installed
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.preconditions import target_check
from fogflow_k8s.model import manifests
from fogflow_k8s.model.release.breaking_changes import losses
from fogflow_k8s.model.release.history import repair


@dataclass(frozen=True)
class PendingRepair:
    """The revision to roll back to, its objects, and why."""

    revision: int
    objects: tuple[dict[str, Any], ...]
    reason: str
    installed: Installed

    def require_no_loss(self, *, force: bool) -> None:
        """Raises Refused when the rollback would lose data and `force` is not set."""
        target_check.require_no_loss(losses(self.installed.objects, self.objects), force=force)


def pending_repair(op: Operation, installed: Installed | None) -> PendingRepair | None:
    """The repair that the release needs; None if nothing is pending. Raises Helm's typed errors."""
    if not installed or not (plan := repair(installed.history)):
        return None
    objects = tuple(manifests.split(op.helm.manifest(plan.revision)))
    return PendingRepair(plan.revision, objects, plan.reason, installed)
