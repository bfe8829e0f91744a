"""The JSON documents of the commands that need no release: `explain`, `version` and `sandbox status`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fogflow_k8s.console.schema import API

if TYPE_CHECKING:
    from fogflow_k8s.console.schema.facts import Explain, SandboxStatus, Version
    from fogflow_k8s.sandbox.lifecycle import Status


def explain_document(ids: Sequence[str]) -> Explain:
    """The document of `explain`, about these ids of the catalogue."""
    from fogflow_k8s.model.diagnosis.catalogue import ENTRIES, cause

    return {
        "apiVersion": API,
        "kind": "Explain",
        "explanations": [
            {
                "id": id_,
                "class": ENTRIES[id_].kind,
                "title": ENTRIES[id_].title,
                "explanation": ENTRIES[id_].explanation,
                "remedy": list(cause(id_, "COMPONENT", "", "").advice),
            }
            for id_ in ids
        ],
    }


def version_document(found: Mapping[str, str], errors: Sequence[str]) -> Version:
    """The document of `version`; an empty version is not available, and `errors` say why."""
    return {
        "apiVersion": API,
        "kind": "Version",
        "versions": {
            "tool": found["tool"],
            "chart": found["chart"],
            "fogflow": found["fogflow"],
            "helm": found["helm"] or None,
            "kubernetes": found["kubernetes"] or None,
        },
        "errors": list(errors),
    }


def sandbox_document(now: Status) -> SandboxStatus:
    """The document of `sandbox status`."""
    return {
        "apiVersion": API,
        "kind": "SandboxStatus",
        "name": now.name,
        "state": now.state,
        "simulated": now.simulated,
        "context": now.context,
        "server": now.server or None,
        "kubeconfig": now.kubeconfig or None,
        "daemons": dict(now.daemons),
        "nodes": dict(now.nodes),
        "poweredOff": list(now.off),
    }
