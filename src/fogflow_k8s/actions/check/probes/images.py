"""Whether the nodes can pull every image, as one result; `fogflow-k8s images check` shows each image."""

from __future__ import annotations

from fogflow_k8s.actions.images.check import TargetPlatforms, check, secrets_of
from fogflow_k8s.actions.images.listing import Registries, wanted_by
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.release.prepare import Prepared
from fogflow_k8s.adapters.registry.credentials import docker_logins
from fogflow_k8s.adapters.registry.errors import LocalImage, Unreachable
from fogflow_k8s.engine.checks import CheckOutcome


def images_pullable(op: Operation, prepared: Prepared) -> CheckOutcome:
    """Every image exists for the platforms of the nodes. Skipped if a registry is unreachable from here: the nodes may reach it."""
    from fogflow_k8s.model.settings.values import Values

    uses = wanted_by(prepared.everything, prepared.request.chart, Values.model_validate(prepared.values))
    found = check(
        uses, Registries(), docker_logins(), TargetPlatforms(tuple(op.nodes or ())), secrets_of(op, uses.uses)
    )
    unknown = {image for image, seen in found.seen.items() if isinstance(seen.failure, Unreachable)}
    short = {use.image.short for use in uses.uses if str(use.image) in unknown}
    failed = [r for r in found.results if r.state == "failed" and r.check.description not in short]
    if failed:
        detail = "; ".join(f"{r.check.description}: {r.detail}" for r in failed[:3]) + (
            " ..." if len(failed) > 3 else ""
        )
        return CheckOutcome(False, detail, failed[0].remedy)
    if unknown:
        local = [use.image.short for use in uses.uses if isinstance(found.seen[str(use.image)].failure, LocalImage)]
        hosts = sorted({use.image.host for use in uses.uses if str(use.image) in unknown} - {"localhost"})
        reasons = [f"{', '.join(hosts)} cannot be reached from this machine; the nodes may reach it"] if hosts else []
        reasons += [f"{', '.join(local)} is in no registry: it must be loaded into every node"] if local else []
        return CheckOutcome(None, "; ".join(reasons))
    return CheckOutcome(True, f"{len(found.seen)} images")
