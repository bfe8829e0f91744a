"""The JSON documents (version 1): fields are added, never renamed or removed."""

from __future__ import annotations

from typing import Any

from fogflow_k8s.actions.observe.status import Report
from fogflow_k8s.actions.observe.verify import Proof
from fogflow_k8s.actions.release.outcome import Outcome
from fogflow_k8s.console.diff_document import differences
from fogflow_k8s.errors import FogflowError, Forbidden
from fogflow_k8s.model.components import NAMES
from fogflow_k8s.model.diagnosis.assessment import Component
from fogflow_k8s.model.diagnosis.catalogue import Cause
from fogflow_k8s.model.release.history import Revision
from fogflow_k8s.model.settings.presets import Preset

V = 1


def report_document(report: Report, causes: tuple[Cause, ...] | None = None) -> dict[str, Any]:
    """The document of `status -o json`; `causes` replaces the report's own (those of a deploy that was rolled back)."""
    revision = report.revision
    return {
        "v": V,
        "release": {
            "name": report.release,
            "namespace": report.namespace,
            "revision": revision.number if revision else 0,
            "status": revision.status if revision else "absent",
            "chart": revision.chart if revision else "",
            "appVersion": revision.app_version if revision else "",
        },
        "cluster": {
            "context": report.context,
            "server": report.server,
            "uid": report.uid,
            "simulated": report.simulated,
        },
        "state": report.state,
        "cell": _cell(report),
        "components": _components(report),
        "tasks": dict(report.tasks),
        "urls": list(report.urls),
        "causes": [cause_document(c) for c in (report.assessment.causes if causes is None else causes)],
    }


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """The document of `deploy -o json` and `rollback -o json`."""
    return {
        **report_document(outcome.report, outcome.causes or None),
        "result": outcome.result,
        "exit": outcome.exit_code,
        "seconds": outcome.seconds,
        "says": outcome.says,
        "error": outcome.error,
        "evidence": str(outcome.bundle) if outcome.bundle else None,
        "preset": _preset(outcome.preset) if outcome.preset else None,
        **(differences(outcome.difference) if outcome.difference else {}),
    }


def cause_document(cause: Cause) -> dict[str, Any]:
    """One cause."""
    return {
        "id": cause.id,
        "class": cause.kind,
        "component": cause.component,
        "object": cause.object,
        "summary": cause.summary,
        "evidence": list(cause.evidence),
        "advice": list(cause.advice),
        "docs": cause.docs,
    }


def history_document(revisions: list[Revision]) -> dict[str, Any]:
    """The document of `history -o json`."""
    return {
        "v": V,
        "revisions": [
            {
                "revision": r.number,
                "status": r.status,
                "chart": r.chart,
                "appVersion": r.app_version,
                "updated": r.updated,
                "worked": r.verified,
                "by": r.by,
                "description": r.description,
            }
            for r in revisions
        ],
    }


def proof_document(proof: Proof) -> dict[str, Any]:
    """The document of `verify -o json`."""
    steps = [{"name": s.name, "ok": s.ok, "why": s.why, "ms": s.ms} for s in proof.steps]
    return {"v": V, "ok": proof.ok, "steps": steps}


def junit(proof: Proof) -> str:
    """The proof as CI systems read it."""
    from xml.etree import ElementTree as ET

    failures = sum(not step.ok for step in proof.steps)
    suite = ET.Element("testsuite", name="fogflow", tests=str(len(proof.steps)), failures=str(failures))
    for step in proof.steps:
        case = ET.SubElement(suite, "testcase", name=step.name, time=f"{step.ms / 1000:.3f}")
        if not step.ok:
            ET.SubElement(case, "failure", message=step.why)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def error_document(error: FogflowError) -> dict[str, Any]:
    """The document of any verb that ended with an error before it had anything to report."""
    more = {"manifest": error.manifest} if isinstance(error, Forbidden) else {}
    if error.id:
        more = {**more, "id": error.id}
    return {"v": V, "error": {"message": error.message, "hint": error.hint, **more}, "exit": error.exit_code}


def _preset(preset: Preset) -> dict[str, Any]:
    shape = preset.shape
    return {
        "name": preset.name,
        "why": preset.why,
        "shape": {
            "number": shape.number,
            "says": shape.says,
            "controlPlanes": shape.control_planes,
            "workers": shape.workers,
            "zones": shape.zones,
        } if shape else None,
    }  # fmt: skip


def _cell(report: Report) -> dict[str, Any]:
    cell = report.assessment.cell
    if cell is None:
        return {"checked": False, "why": report.why_unchecked, "age_s": None}
    return {
        "checked": cell.checked,
        "why": cell.why,
        "age_s": None if cell.age_s is None else round(cell.age_s, 1),
        "state": cell.state,
        "components": [{"name": m.name, "state": m.state, "why": m.why} for m in cell.members],
        "mends": list(cell.mends),
    }


def _components(report: Report) -> list[dict[str, Any]]:
    rows = [_component(c) for c in report.assessment.components]
    present = {c.name for c in report.assessment.components}
    return rows + [
        {
            "name": name,
            "kind": "",
            "desired": 0,
            "ready": 0,
            "updated": 0,
            "restarts": 0,
            "image": "",
            "state": "disabled",
            "cause": None,
        }
        for name in NAMES
        if name not in present
    ]


def _component(c: Component) -> dict[str, Any]:
    verdict = c.verdict
    return {
        "name": c.name,
        "kind": c.kind,
        "desired": verdict.desired,
        "ready": verdict.ready,
        "updated": verdict.updated,
        "restarts": c.restarts,
        "image": c.image,
        "state": verdict.state,
        "cause": c.cause or None,
        "reason": c.phase or verdict.reason,
        "created": c.created,
        "nodes": list(c.nodes),
    }
