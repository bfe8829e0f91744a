"""The JSON documents that `-o json` prints; `console/schema` has their types, and docs/json.md says how to read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogflow_k8s.actions.observe.status import Report
from fogflow_k8s.actions.observe.verify import Proof
from fogflow_k8s.actions.release.outcome import Outcome
from fogflow_k8s.console.diff_document import differences
from fogflow_k8s.console.parts import as_lines, cause_document, step_documents
from fogflow_k8s.console.schema import API
from fogflow_k8s.errors import FogflowError, Forbidden
from fogflow_k8s.model.components import NAMES
from fogflow_k8s.model.diagnosis.assessment import Component
from fogflow_k8s.model.diagnosis.catalogue import Cause
from fogflow_k8s.model.release.history import Revision
from fogflow_k8s.model.settings.presets import Preset

if TYPE_CHECKING:
    from fogflow_k8s.console.schema import common, release, status


def report_parts(report: Report, causes: tuple[Cause, ...] | None = None) -> status.StatusParts:
    """The state of a release; `causes` replaces the report's own (those of a deploy that was rolled back)."""
    revision = report.revision
    return {
        "release": {
            "name": report.release,
            "namespace": report.namespace,
            "revision": revision.number if revision else None,
            "status": revision.status if revision else None,
            "chart": revision.chart if revision else None,
            "appVersion": revision.app_version if revision else None,
        },
        "cluster": {
            "context": report.context,
            "server": report.server,
            "uid": report.uid,
            "simulated": report.simulated,
        },
        "workerImplementation": report.worker,
        "state": report.state,
        "health": _health(report),
        "components": _components(report),
        "taskPods": dict(report.tasks),
        "urls": list(report.urls),
        "causes": [cause_document(c) for c in (report.assessment.causes if causes is None else causes)],
    }


def report_document(report: Report) -> status.Status:
    """The document of `status` and `restart`."""
    operation: status.OtherOperation | None = None
    if other := report.operation:
        operation = {"holder": other.holder, "command": other.command, "since": other.acquired}
    return {"apiVersion": API, "kind": "Status", **report_parts(report), "operation": operation}


def outcome_parts(outcome: Outcome) -> release.OperationParts:
    """The state of a release after an operation, and the result of the operation."""
    return {
        **report_parts(outcome.report, outcome.causes or None),
        "result": outcome.result,
        "exitCode": outcome.exit_code,
        "durations": _durations(outcome),
        "detail": outcome.detail or None,
        "helmError": outcome.error or None,
        "bundle": str(outcome.bundle.absolute()) if outcome.bundle else None,
        "preset": _preset(outcome.preset) if outcome.preset else None,
        "difference": differences(outcome.difference) if outcome.difference else None,
    }


def outcome_document(outcome: Outcome) -> release.Operation:
    """The document of `deploy` and `rollback`."""
    return {"apiVersion": API, "kind": "Operation", **outcome_parts(outcome)}


def history_document(revisions: list[Revision]) -> status.History:
    """The document of `history`."""
    return {
        "apiVersion": API,
        "kind": "History",
        "revisions": [
            {
                "revision": r.number,
                "status": r.status,
                "chart": r.chart or None,
                "appVersion": r.app_version or None,
                "updatedAt": r.updated or None,
                "worked": r.verified,
                "updatedBy": r.by or None,
                "description": r.description or None,
            }
            for r in revisions
        ],
    }


def proof_document(proof: Proof) -> status.Verify:
    """The document of `verify`."""
    return {"apiVersion": API, "kind": "Verify", "ok": proof.ok, "steps": step_documents(proof)}


def error_document(error: FogflowError) -> common.Error:
    """The document of any command that failed before it had a result."""
    return {
        "apiVersion": API,
        "kind": "Error",
        "error": {
            "message": error.message,
            "remedy": as_lines(error.hint),
            "causeId": error.id or None,
            "manifest": error.manifest if isinstance(error, Forbidden) else None,
        },
        "exitCode": error.exit_code,
    }


def _durations(outcome: Outcome) -> release.OperationDurations:
    found = outcome.seconds
    return {
        "totalSeconds": found.get("total"),
        "helmSeconds": found.get("helm"),
        "waitSeconds": found.get("wait"),
    }


def _preset(preset: Preset) -> release.Preset:
    topology = preset.topology
    return {
        "name": preset.name,
        "reason": preset.why,
        "clusterTopology": {
            "number": topology.number,
            "description": topology.description,
            "controlPlaneNodes": topology.control_planes,
            "workerNodes": topology.workers,
            "zones": topology.zones,
        } if topology else None,
    }  # fmt: skip


def _health(report: Report) -> status.Health:
    health = report.assessment.health
    if health is None:
        return {
            "checked": False,
            "state": None,
            "reason": report.why_unchecked,
            "ageSeconds": None,
            "components": [],
            "repairs": [],
        }
    return {
        "checked": health.checked,
        "state": health.state or None,
        "reason": health.why or None,
        "ageSeconds": None if health.age_s is None else round(health.age_s, 1),
        "components": [{"name": m.name, "state": m.state, "reason": m.why or None} for m in health.members],
        "repairs": [
            {
                "time": each.get("when"),
                "summary": str(each.get("what", "")),
                "reason": each.get("why"),
                "durationSeconds": each.get("seconds"),
            }
            for each in health.repairs
        ],
    }


def _components(report: Report) -> list[status.Component]:
    rows = [_component(c) for c in report.assessment.components]
    present = {c.name for c in report.assessment.components}
    return rows + [_disabled(name) for name in NAMES if name not in present]


def _component(c: Component) -> status.Component:
    verdict = c.verdict
    return {
        "name": c.name,
        "state": verdict.state,
        "reason": c.phase or verdict.reason or None,
        "causeId": c.cause or None,
        "workloadKind": c.kind,
        "image": c.image or None,
        "desiredReplicas": verdict.desired,
        "readyReplicas": verdict.ready,
        "updatedReplicas": verdict.updated,
        "restartCount": c.restarts,
        "createdAt": c.created or None,
        "nodeNames": list(c.nodes),
    }


def _disabled(name: str) -> status.Component:
    return {
        "name": name,
        "state": "disabled",
        "reason": None,
        "causeId": None,
        "workloadKind": None,
        "image": None,
        "desiredReplicas": 0,
        "readyReplicas": 0,
        "updatedReplicas": 0,
        "restartCount": 0,
        "createdAt": None,
        "nodeNames": [],
    }
