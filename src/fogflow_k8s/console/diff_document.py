"""What a deploy would change, as a JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogflow_k8s.console.schema import API
from fogflow_k8s.model.diff.fields import Field
from fogflow_k8s.model.diff.three_way import Difference, Drift

if TYPE_CHECKING:
    from fogflow_k8s.console.schema import release


def diff_document(found: Difference) -> release.Diff:
    """The document of `diff`. Values are masked; null means absent. `noise` marks the changes that the screen only counts."""
    return {
        "apiVersion": API,
        "kind": "Diff",
        "release": {"name": found.release, "namespace": found.namespace, "revision": found.revision or None},
        "cluster": {"context": found.context, "server": found.server},
        **differences(found),
    }


def differences(found: Difference) -> release.Difference:
    """The keys that the document of `deploy --dry-run` has as well."""
    return {
        "changed": found.changed,
        "changes": [
            {
                "action": c.verb,
                "object": c.object,
                "namespace": c.namespace or found.namespace,
                "path": c.field.path or None,
                "old": c.field.old,
                "new": c.field.new,
                "noise": c.field.noise or None,
            }
            for c in found.changes
        ],
        "drift": [_drift(d, found) for d in found.drift],
        "replacedPods": list(found.restarts),
        "passwordRestarts": list(found.rotates),
        "notCompared": list(found.unseen),
        "notes": list(found.notes),
    }


def _drift(drift: Drift, found: Difference) -> release.Drift:
    field = drift.field or Field()
    return {
        "action": "change" if drift.field else "add",
        "object": drift.object,
        "namespace": drift.namespace or found.namespace,
        "path": field.path or None,
        "deployed": field.old,
        "live": field.new,
        "wanted": drift.wanted,
        "manager": drift.owner.manager or None,
        "subresource": drift.owner.subresource or None,
        "effect": drift.effect,
        "reason": drift.why or None,
        "noise": field.noise or None,
    }
