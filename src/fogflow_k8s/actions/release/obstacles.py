"""The causes for which a deploy is refused before it changes the release: the rules that `check` has, too."""

from __future__ import annotations

from fogflow_k8s.actions.preconditions import address_families, capacity, external_ports, quotas, references
from fogflow_k8s.actions.release.deployment import Deployment
from fogflow_k8s.model.diagnosis.catalogue import Cause
from fogflow_k8s.model.diff.fields import changes


def unsuitable(work: Deployment) -> tuple[Cause, ...]:
    """Why the objects cannot work in this cluster; empty if the same objects are installed.

    The causes: pods that fit on no node, exceeded quotas, tasks without a usable address, external ports of other Services.
    """
    op, objects, making = work.op, work.prepared.objects, work.prepared.making
    if work.installed and not changes(work.installed.objects, objects):
        return ()
    return (
        *capacity.unschedulable(op, objects),
        *quotas.causes(op, objects, work.installed, making=making),
        *address_families.unaddressable(op, objects),
        *external_ports.conflicts(op, objects),
    )


def missing_references(work: Deployment) -> tuple[Cause, ...]:
    """The objects that the release refers to and that do not exist."""
    return tuple(references.missing(work.op, work.prepared.objects, making=work.prepared.making))
