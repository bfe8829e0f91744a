"""What a deploy would change, as a JSON document (version 1): fields are added, never renamed or removed."""

from __future__ import annotations

from typing import Any

from fogflow_k8s.model.diff.fields import Field
from fogflow_k8s.model.diff.three_way import Difference, Drift

V = 1


def diff_document(found: Difference) -> dict[str, Any]:
    """The document of `diff -o json`. Values are masked; null means absent. Nothing is folded: `noise` names what is."""
    return {
        "v": V,
        "release": {"name": found.release, "namespace": found.namespace, "revision": found.revision},
        "cluster": {"context": found.context, "server": found.server},
        "changed": found.changed,
        **differences(found),
    }


def differences(found: Difference) -> dict[str, Any]:
    """The part of the document that `deploy --dry-run -o json` has, too."""
    return {
        "changes": [
            {
                "verb": c.verb,
                "object": c.object,
                "namespace": c.namespace or found.namespace,
                "path": c.field.path,
                "old": c.field.old,
                "new": c.field.new,
                "noise": c.field.noise or None,
            }
            for c in found.changes
        ],
        "drift": [_drift_document(d, found) for d in found.drift],
        "restarts": list(found.restarts),
        "rotates": list(found.rotates),
        "notCompared": list(found.unseen),
        "notes": list(found.notes),
    }


def _drift_document(drift: Drift, found: Difference) -> dict[str, Any]:
    field = drift.field or Field()
    return {
        "verb": "change" if drift.field else "add",
        "object": drift.object,
        "namespace": drift.namespace or found.namespace,
        "path": field.path,
        "deployed": field.old,
        "live": field.new,
        "wanted": drift.wanted,
        "manager": drift.owner.manager or None,
        "subresource": drift.owner.subresource or None,
        "effect": drift.effect,
        "why": drift.why or None,
        "noise": field.noise or None,
    }
