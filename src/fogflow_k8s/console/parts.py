"""Parts that several JSON documents share: causes, checks and steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fogflow_k8s.actions.observe.verify import Proof
    from fogflow_k8s.console.schema import common
    from fogflow_k8s.engine.checks import Result
    from fogflow_k8s.model.diagnosis.catalogue import Cause


def cause_document(cause: Cause) -> common.Cause:
    """One cause."""
    return {
        "id": cause.id,
        "class": cause.kind,
        "component": cause.component,
        "object": cause.object,
        "summary": cause.summary,
        "evidence": list(cause.evidence),
        "remedy": list(cause.advice),
    }


def check_document(result: Result) -> common.Check:
    """One check and its result."""
    return {
        "id": result.check.id,
        "category": result.check.category or None,
        "description": result.check.description,
        "state": result.state,
        "detail": result.detail or None,
        "remedy": as_lines(result.remedy),
    }


def step_documents(proof: Proof) -> list[common.Step]:
    """Every step of a test, in order."""
    return [
        {"name": s.name, "ok": s.ok, "detail": s.why or None, "durationSeconds": round(s.ms / 1000, 4)}
        for s in proof.steps
    ]


def as_lines(text: str) -> list[str]:
    """The lines of a text; none when it is empty."""
    return text.splitlines()
