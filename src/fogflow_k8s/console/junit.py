"""Results in JUnit format, the XML that CI systems read: of `check` and of `verify`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fogflow_k8s.actions.check.check import CheckReport
from fogflow_k8s.actions.observe.verify import Proof


@dataclass(frozen=True)
class _Case:
    """One test case. A warning passes, and its text is in the output."""

    name: str
    state: Literal["ok", "warning", "failed", "skipped"]
    message: str = ""
    remedy: str = ""
    category: str = ""
    seconds: float | None = None


def of_checkup(found: CheckReport) -> str:
    """The results of `check`, a test case per check."""
    cases = [_Case(r.check.id, r.state, r.detail, r.remedy, category=r.check.category or "") for r in found.results]
    return _xml("fogflow-k8s check", cases)


def of_proof(proof: Proof) -> str:
    """The results of `verify`, a test case per step."""
    cases = [_Case(s.name, "ok" if s.ok else "failed", s.why, seconds=s.ms / 1000) for s in proof.steps]
    return _xml("fogflow-k8s verify", cases)


def _xml(name: str, cases: Sequence[_Case]) -> str:
    from xml.etree import ElementTree as ET

    states = [case.state for case in cases]
    counts = {"tests": len(states), "failures": states.count("failed"), "skipped": states.count("skipped")}
    suite = ET.Element("testsuite", {"name": name} | {key: str(value) for key, value in counts.items()})
    for case in cases:
        optional = {"classname": case.category, "time": "" if case.seconds is None else f"{case.seconds:.3f}"}
        element = ET.SubElement(suite, "testcase", {"name": case.name} | {k: v for k, v in optional.items() if v})
        if case.state == "failed":
            ET.SubElement(element, "failure", message=case.message).text = case.remedy or None
        elif case.state == "skipped":
            ET.SubElement(element, "skipped", message=case.message)
        elif case.state == "warning":
            ET.SubElement(element, "system-out").text = f"warning: {case.message}\n{case.remedy}"
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
