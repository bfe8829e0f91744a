"""`diff`: what a deploy would change.

It compares twice: the new manifests with those of the last revision (changes), and those of the last revision with the live objects
(drift: what was changed outside Helm).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fogflow_k8s.actions.observe import status
from fogflow_k8s.actions.observe.status import Installed
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.release.drift import DriftReport, drift
from fogflow_k8s.actions.release.pending import pending_repair
from fogflow_k8s.actions.release.prepare import Prepared, introduce, password_change, prepare
from fogflow_k8s.actions.release.request import Request
from fogflow_k8s.model.diff.fields import Field, changes
from fogflow_k8s.model.diff.three_way import Difference

CONFLICT = "Helm refuses to change fields of other owners (FK-7002)"


def diff(op: Operation, request: Request) -> Difference:
    """What `deploy` of the same request would change. Writes nothing; Helm renders with access to the cluster."""
    installed, notes = _repaired(op, status.installed(op))
    prepared = prepare(op, request, installed, server=True)
    introduce(op, prepared)
    found = compare(op, prepared)
    return replace(found, notes=(*notes, *found.notes), renews=found.renews or bool(notes))


def compare(op: Operation, prepared: Prepared, *, live: bool = True) -> Difference:
    """What a deploy would change; without `live`, only the difference between the manifests."""
    installed, request = prepared.installed, prepared.request
    base = installed.objects if installed else ()
    seen = drift(op, base, prepared.objects) if live else DriftReport((), ())
    password = password_change(op, prepared, installed)
    notes = [f"{loss.description}: only with --force" for loss in prepared.losses]
    renews = bool(installed and installed.newest.status != "deployed")
    if installed and renews:
        notes.append(
            f"revision {installed.newest.number} is {installed.newest.status}: a deploy makes a new one in any case"
        )
    found = Difference(
        release=op.release,
        namespace=op.namespace,
        context=op.cluster.context,
        server=op.cluster.server,
        revision=installed.newest.number if installed else 0,
        changes=tuple(changes(base, prepared.objects)),
        drift=seen.drift,
        unseen=seen.unseen,
        renews=renews,
        rotates=password.components if password.changed else (),
    )
    forced = request.force_conflicts or request.confirm or op.helm.version < (4,)
    if not forced and (found.changes or renews) and any(d.owner.manager for d in found.affected_drift):
        notes.append(f"{CONFLICT}: to take them over: fogflow-k8s deploy --force-conflicts")
    return without_secrets(op, replace(found, notes=tuple(notes)))


def without_secrets(op: Operation, found: Difference) -> Difference:
    """The difference with the known secrets masked."""
    if not found.changes and not found.drift:
        return found

    def hide(value: Any) -> Any:
        return op.secret_mask.redactor.object({"value": value})["value"]

    def hide_in(field: Field) -> Field:
        return replace(field, old=hide(field.old), new=hide(field.new), lines=tuple(map(op.mask, field.lines)))

    drift = tuple(
        replace(d, field=d.field and hide_in(d.field), wanted=hide(d.wanted), why=op.mask(d.why)) for d in found.drift
    )
    return replace(found, changes=tuple(replace(c, field=hide_in(c.field)) for c in found.changes), drift=drift)


def _repaired(op: Operation, installed: Installed | None) -> tuple[Installed | None, list[str]]:
    """The release as a deploy would repair it first, if an interrupted operation left it pending; and a note about that."""
    if not (plan := pending_repair(op, installed)):
        return installed, []
    note = f"{plan.reason}: a deploy first rolls back to revision {plan.revision}"
    return replace(plan.installed, objects=plan.objects), [note]
