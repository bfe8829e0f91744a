"""The screens of `bench`: the list of scenarios, the figures of a run with small bars, and a comparison."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fogflow_k8s.actions.bench.result import BenchRun, ScenarioRun
from fogflow_k8s.actions.bench.tasks import EVERY_S, TaskFigures
from fogflow_k8s.model.bench.comparison import Difference
from fogflow_k8s.model.bench.scenarios import SCENARIOS
from fogflow_k8s.model.bench.step import Step

_BAR = 30
_COLOURS = {"better": "green", "worse": "red", "unchanged": "default", "unknown": "dim"}


def list_screen() -> RenderableType:
    """One row per scenario."""
    table = _table("SCENARIO", "RATE", "DURATION", "ENTITIES", "LOAD", "MEASURED")
    for each in SCENARIOS:
        rate = f"{each.rate:g}/s" if each.rate else "-"
        table.add_row(each.name, rate, f"{each.duration_s:g} s", str(each.entities), each.load, each.measured)
    return table


def run_screen(done: BenchRun) -> RenderableType:
    """The figures of every scenario."""
    parts: list[RenderableType] = [
        Text(
            f"Release  {done.release} · {done.chart}, FogFlow {done.fogflow} · broker shards: {done.shards}, {done.worker} worker"
        ),
        Text(
            f"Cluster  Kubernetes {done.cluster.kubernetes} · nodes: {done.cluster.nodes}, allocatable cores: {done.cluster.cpu:g}"
        ),
    ]
    for run in done.scenarios:
        parts += [Text(""), *(_tasks(run.tasks) if run.tasks else _scenario(run))]
    return Group(*parts)


def compare_screen(differences: Sequence[Difference]) -> RenderableType:
    """One row per figure that both files have."""
    shown = [each for each in differences if each.change != "unknown"]
    table = _table("SCENARIO", "FIGURE", "BEFORE", "AFTER", "RATIO", "CHANGE")
    for each in shown:
        ratio = "-" if each.ratio is None else f"{each.ratio:.2f}"
        values = (_value(each.figure, value) for value in (each.before, each.after))
        table.add_row(each.scenario, each.figure, *values, ratio, Text(each.change, _COLOURS[each.change]))
    return table


def _scenario(run: ScenarioRun) -> list[RenderableType]:
    table = _table("RATE", "ANSWERED", "FAILED", "P50", "P90", "P99", "P99.9", "MAX", "HOLDS")
    for step in sorted(run.steps, key=lambda each: each.rate):
        failed = step.figures.sent - step.figures.answered
        figures = [_ms(step.percentiles[name]) for name in ("p50", "p90", "p99", "p99.9", "max")]
        holds = "invalid" if step.figures.invalid else "no" if step.violations(run.limits) else "yes"
        table.add_row(f"{step.rate:g}/s", str(step.figures.answered), str(failed), *figures, holds)
    what = f"time until the {run.events[:-1]}" if run.subscribers else "latency"
    parts: list[RenderableType] = [_head(run), Text(f"  {what}, from the planned time of each request"), table]
    if run.steps and not run.searched and not run.invalid:
        parts += [Text(""), *_bars(run.steps[0])]
    parts += _notes(run)
    return parts


def _head(run: ScenarioRun) -> Text:
    if run.invalid:
        return Text.assemble(("✗", "red"), f" {run.scenario}: invalid, {run.invalid}; its figures mean nothing")
    if run.searched and run.capacity:
        objective = " and ".join(map(str, run.limits))
        return Text.assemble(
            ("✔", "green"), f" {run.scenario}: up to {run.capacity:g}/s" + (f" with {objective}" if objective else "")
        )
    if run.violations:
        return Text.assemble(("✗", "red"), f" {run.scenario}: {'; '.join(run.violations)}")
    return Text.assemble(
        ("✔", "green"), f" {run.scenario}: nothing failed" + (", and the objective holds" if run.limits else "")
    )


def _notes(run: ScenarioRun) -> list[RenderableType]:
    lines = [
        f"  {run.events}: {told.received} of {told.expected}, {told.lost} lost, {told.doubled} doubled, {told.late} late"
        for told in (step.notifications for step in run.steps)
        if told
    ]
    if run.resources.source == "missing":
        lines.append(f"  resource use is missing: {run.resources.why_missing}")
    elif limited := run.resources.limited_by:
        lines.append(f"  near a limit: {limited}")
    else:
        lines.append("  no component was near a limit of its CPU or memory")
    return [Text(line) for line in lines]


def _bars(step: Step) -> list[Text]:
    """The histogram: one line per bucket."""
    most = max((count for _, count in step.figures.buckets), default=1)
    return [
        Text(f"  {_ms(bound):>10}  {'█' * max(round(_BAR * count / most), 1)} {count}")
        for bound, count in step.figures.buckets
    ]


def _tasks(done: TaskFigures) -> list[RenderableType]:
    table = _table("FROM PUBLISHED TO", "TASKS", "P50", "P99", "MOST")
    for name, found in (("Deployment", done.created), ("ready", done.running)):
        table.add_row(name, str(found.count), *map(_seconds, (found.p50, found.p99, found.maximum)))
    verdict = f" task: {done.running.count} of {done.entities} tasks ran in {done.total_s:.1f} s"
    head = Text.assemble(("✔" if done.ok else "✗", "green" if done.ok else "red"), verdict)
    lines = [Text(f"  {count} {why}") for why, count in done.why_not.items()]
    about = f"{done.published} entities in {done.publish_s:.1f} s; checked every {EVERY_S:g} s; everything was removed afterwards"
    return [head, *lines, Text(""), table, Text(""), Text(about)]


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", show_edge=False)
    left = {"SCENARIO", "FIGURE", "LOAD", "MEASURED", "CHANGE", "HOLDS", "FROM PUBLISHED TO"}
    for name in columns:
        table.add_column(name, justify="left" if name in left else "right", no_wrap=name not in {"LOAD", "MEASURED"})
    return table


def _value(figure: str, value: float | None) -> str:
    if value is None:
        return "-"
    if figure in {"p50", "p99"}:
        return _ms(value)
    return f"{value:.1f}/s" if figure in {"throughput", "capacity"} else f"{value:.2%}"


def _ms(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value * 1000:.1f} ms" if value < 10 else f"{value:.1f} s"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"
