"""The findings of `doctor`, as a screen and as a JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from fogflow_k8s.actions.doctor.doctor import Diagnosis
from fogflow_k8s.console.parts import cause_document
from fogflow_k8s.console.schema import API
from fogflow_k8s.model.diagnosis.findings import Finding

if TYPE_CHECKING:
    from fogflow_k8s.console.schema.release import Doctor


def doctor_screen(found: Diagnosis) -> RenderableType:
    """Each finding with its evidence and its remedy; then how many were found, fixed and remain."""
    where = f"{found.release} in namespace {found.namespace} on {found.context}"
    lines = [Text(f"Doctor   {where}" + ("" if found.installed else ": not installed"))]
    for each in found.findings:
        lines += _finding(each)
    lines += [Text("")] + [Text(f"! not checked: {what}", "yellow") for what in found.unchecked]
    return Group(*lines, *_summary(found))


def doctor_document(found: Diagnosis) -> Doctor:
    """The document of `doctor`."""
    return {
        "apiVersion": API,
        "kind": "Doctor",
        "release": {"name": found.release, "namespace": found.namespace, "installed": found.installed},
        "cluster": {"context": found.context},
        "findings": [{**cause_document(f.cause), "fix": f.action or None, "fixed": f.fixed} for f in found.findings],
        "notChecked": list(found.unchecked),
        "exitCode": found.exit_code,
    }


def _finding(each: Finding) -> list[Text]:
    mark, colour = ("✔", "green") if each.fixed else ("✗", "red")
    tail = "  (fixed)" if each.fixed else ""
    lines = [Text(""), Text.assemble((f"{mark} {each.cause.id} {each.cause.summary}", colour), tail)]
    lines += [Text(f"    {line}") for line in each.cause.evidence]
    if each.fixed:
        return lines
    lines += [Text(f"  > {line}") for line in each.cause.advice]
    return [*lines, Text(f"  > doctor --fix would {each.action}")] if each.fix else lines


def _summary(found: Diagnosis) -> list[Text]:
    if not found.findings:
        return [Text("nothing found", "bold green")]
    fixed = len(found.findings) - len(found.left)
    what = f"{len(found.findings)} found" + (f", {fixed} fixed" if fixed else "")
    if not found.left:
        return [Text(what, "bold green")]
    return [Text(f"{what}, {len(found.left)} remaining" if fixed else what, "bold red")]
