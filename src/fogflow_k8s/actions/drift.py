"""What differs between a release's manifests and the live objects: changed by hand, or deleted.

The server itself compares: each manifest is applied in a dry run as Helm would, and what would change has drifted. That
knows every default and every way to write a quantity, which no comparison on this side does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters.cluster import Invalid
from fogflow_k8s.model.diff import Change, object_changes, owner_of
from fogflow_k8s.model.manifests import RESOURCES


def drift(op: Operation, objects: Sequence[Mapping[str, Any]]) -> list[Change]:
    """Every field that a deploy of the same manifests would put back, and every object it would make anew."""
    known = [o for o in objects if o.get("kind") in RESOURCES]
    with ThreadPoolExecutor(max_workers=4) as pool:
        found = list(pool.map(lambda o: _of_one(op, o), known))
    return [change for changes in found for change in changes]


def _of_one(op: Operation, wanted: Mapping[str, Any]) -> list[Change]:
    kind, metadata = str(wanted["kind"]), wanted["metadata"]
    namespace = str(metadata.get("namespace") or (op.namespace if RESOURCES[kind][2] else ""))
    live = op.cluster.get(kind, str(metadata["name"]), namespace)
    if live is None:
        return [Change("add", f"{kind}/{metadata['name']}")]
    try:
        applied = op.cluster.apply(_as_helm_applies(op, wanted, namespace), manager="helm", force=True, dry_run=True)
    except Invalid as error:  # an immutable field was changed: deleted and made anew by hand
        return [Change("change", f"{kind}/{metadata['name']}", "(immutable)", error.message[:60], "as rendered")]
    changes = object_changes(live, {"kind": kind, **applied})
    return [Change(c.verb, c.object, c.path, c.old, c.new, owner_of(live, c.path)) for c in changes]


def _as_helm_applies(op: Operation, wanted: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    """The object with the marks of ownership that Helm adds to every object of a release."""
    metadata = {**wanted["metadata"], **({"namespace": namespace} if namespace else {})}
    owner = {"meta.helm.sh/release-name": op.release, "meta.helm.sh/release-namespace": op.namespace}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **owner}
    metadata["labels"] = {**(metadata.get("labels") or {}), "app.kubernetes.io/managed-by": "Helm"}
    return {**wanted, "metadata": metadata}
