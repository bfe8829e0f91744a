"""The results of `check` as a screen and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from fogflow_k8s.actions.check.check import CheckReport
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
    "unreachable": ("the cluster does not answer", "bold red"),
}


def screen(found: CheckReport, *, short: bool = False) -> RenderableType:
    """A line per check under the name of its category; `short` leaves out the checks that passed or were skipped."""
    parts: list[RenderableType] = []
    category = ""
    for result in found.results:
        if short and result.state in {"ok", "skipped"}:
            continue
        if not short and result.check.category != category:
            category = result.check.category
            parts.append(Text(f"{category}", "bold"))
        parts += _lines(result)
    verdict, colour = _VERDICTS[found.verdict]
    counts = ", ".join(f"{n} {state}" for state in _MARKS if (n := sum(r.state == state for r in found.results)))
    return Group(*parts, *([] if short else [Text("")]), Text.assemble((verdict, colour), f" ({counts})"))


def document(found: CheckReport) -> CheckDocument:
    """The document of `check`."""
    return {
        "apiVersion": API,
        "kind": "Check",
        "verdict": found.verdict,
        "cluster": {"context": found.context, "server": found.server},
        "namespace": found.namespace,
        "checks": [check_document(result) for result in found.results],
    }


def _lines(result: Result) -> list[Text]:
    mark, colour = _MARKS[result.state]
    fine = result.state in {"ok", "skipped"}
    head = Text.assemble(("  ", ""), (mark, colour), f" {result.check.description}", ("  " if result.detail else "", ""), (result.detail, "dim" if fine else ""))  # fmt: skip
    return [head] if fine or not result.remedy else [head, Text(f"      > {result.remedy}")]
