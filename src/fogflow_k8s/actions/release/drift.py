"""Drift: differences between a release's manifests and the live objects, which were changed or deleted outside Helm.

The API server makes the comparison: each manifest is applied as a dry run, as Helm would apply it, and the fields that this
would change have drifted.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters.kubernetes.client import Invalid
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model.diff.fields import short
from fogflow_k8s.model.diff.owners import HELM
from fogflow_k8s.model.diff.three_way import Drift, drifts
from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.manifests import RESOURCES, key_of
from fogflow_k8s.model.redaction.redactor import redact


@dataclass(frozen=True)
class DriftReport:
    """The drift of a release, and the objects that could not be compared, as a permission is missing."""

    drift: tuple[Drift, ...]
    unseen: tuple[str, ...]


def drift(op: Operation, base: Sequence[Obj], wanted: Sequence[Obj]) -> DriftReport:
    """Every field and object that differs from the revision `base`, and what a deploy of `wanted` does with it."""
    asked = {key_of(o): o for o in wanted}
    known = [o for o in base if o.get("kind") in RESOURCES]
    with ThreadPoolExecutor(max_workers=4) as pool:
        found = list(pool.map(lambda o: _of_one(op, o, asked.get(key_of(o))), known))
    unseen = tuple(f"{o['kind']}/{o['metadata']['name']}" for o, each in zip(known, found, strict=True) if each is None)
    return DriftReport(tuple(d for each in found for d in each or ()), unseen)


def _of_one(op: Operation, base: Obj, wanted: Obj | None) -> list[Drift] | None:
    """The drift of one object; None without permission (a dry run of an apply needs the permission to patch)."""
    kind, namespace, name = key_of(base)
    try:
        live = op.cluster.get(kind, name, namespace or (op.namespace if RESOURCES[kind][2] else ""))
        if live is None:
            return [Drift(f"{kind}/{name}", namespace, "restored")] if wanted else []
        return _of_three(op, base, {"kind": kind, **live}, wanted)
    except ClusterError as error:
        if error.status == 403:
            return None
        raise


def _of_three(op: Operation, base: Obj, live: Obj, wanted: Obj | None) -> list[Drift]:
    try:
        back = _applied(op, base)
    except Invalid as error:  # an immutable field differs: the object was deleted and recreated
        return [_refused(base, error)]
    if wanted is None or wanted == base:
        return list(drifts(base, live, back, wanted and back, wanted=wanted))
    try:
        return list(drifts(base, live, back, _applied(op, wanted), wanted=wanted))
    except Invalid as error:
        return [*drifts(base, live, back, back, wanted=wanted), _refused(base, error)]


def _refused(obj: Obj, error: Invalid) -> Drift:
    kind, namespace, name = key_of(obj)
    return Drift(f"{kind}/{name}", namespace, "refused", why=short(redact(error.message), 300))


def _applied(op: Operation, wanted: Obj) -> dict[str, Any]:
    """The object as the API server would store it if Helm applied it now, with the ownership metadata that Helm adds."""
    kind, namespace, _ = key_of(wanted)
    where = namespace or (op.namespace if RESOURCES[kind][2] else "")
    metadata = {**wanted["metadata"], **({"namespace": where} if where else {})}
    owner = {"meta.helm.sh/release-name": op.release, "meta.helm.sh/release-namespace": op.namespace}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **owner}
    metadata["labels"] = {**(metadata.get("labels") or {}), "app.kubernetes.io/managed-by": "Helm"}
    applied = op.cluster.apply({**wanted, "metadata": metadata}, manager=HELM, force=True, dry_run=True)
    return {"kind": kind, **applied}
