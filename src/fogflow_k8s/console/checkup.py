"""The results of `check` as a screen, as JSON and as JUnit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from fogflow_k8s.actions.check.check import Checkup
from fogflow_k8s.console.parts import check_document
from fogflow_k8s.console.schema import API
from fogflow_k8s.engine.checks import Result

if TYPE_CHECKING:
    from fogflow_k8s.console.schema.status import CheckDocument

_MARKS = {"ok": ("✔", "green"), "skipped": ("-", "dim"), "warning": ("‼", "yellow"), "failed": ("✗", "red")}
_VERDICTS = {
    "ok": ("ready for a deploy", "bold green"),
    "warning": ("a deploy will work; see the warnings", "bold yellow"),
    "failed": ("a deploy would fail", "bold red"),
    "unreachable": ("the cluster gives no answer", "bold red"),
}


def screen(found: Checkup, *, short: bool = False) -> RenderableType:
    """A line per check under the name of its category; in short, only what is not as it should be."""
    parts: list[RenderableType] = []
    category = ""
    for result in found.results:
        if short and result.state in {"ok", "skipped"}:
            continue
        if not short and result.check.category != category:
            category = result.check.category
            parts.append(Text(f"{category}", "bold"))
        parts += _lines(result)
    says, colour = _VERDICTS[found.verdict]
    counts = ", ".join(f"{n} {state}" for state in _MARKS if (n := sum(r.state == state for r in found.results)))
    return Group(*parts, *([] if short else [Text("")]), Text.assemble((says, colour), f" ({counts})"))


def document(found: Checkup) -> CheckDocument:
    """The document of `check`."""
    return {
        "apiVersion": API,
        "kind": "Check",
        "verdict": found.verdict,
        "cluster": {"context": found.context, "server": found.server},
        "namespace": found.namespace,
        "checks": [check_document(result) for result in found.results],
    }


def junit(found: Checkup) -> str:
    """A test case per check; a warning passes, and says so in its output."""
    from xml.etree import ElementTree as ET

    states = [r.state for r in found.results]
    counts = {"tests": len(states), "failures": states.count("failed"), "skipped": states.count("skipped")}
    suite = ET.Element("testsuite", {"name": "fogflow-k8s check"} | {k: str(v) for k, v in counts.items()})
    for result in found.results:
        case = ET.SubElement(suite, "testcase", classname=result.check.category, name=result.check.id)
        if result.state == "failed":
            ET.SubElement(case, "failure", message=result.fact).text = result.mend
        elif result.state == "skipped":
            ET.SubElement(case, "skipped", message=result.fact)
        elif result.state == "warning":
            ET.SubElement(case, "system-out").text = f"warning: {result.fact}\n{result.mend}"
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _lines(result: Result) -> list[Text]:
    mark, colour = _MARKS[result.state]
    fine = result.state in {"ok", "skipped"}
    head = Text.assemble(("  ", ""), (mark, colour), f" {result.check.says}", ("  " if result.fact else "", ""), (result.fact, "dim" if fine else ""))  # fmt: skip
    return [head] if fine or not result.mend else [head, Text(f"      > {result.mend}")]
