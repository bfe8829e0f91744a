"""The screens and documents of `task`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fogflow_k8s.actions.task.bench import EVERY_S, Bench
from fogflow_k8s.actions.task.listing import Tasks
from fogflow_k8s.actions.task.run import Ran
from fogflow_k8s.console.screens import age
from fogflow_k8s.model.task.observed import SeenTask
from fogflow_k8s.model.task.percentiles import Spread

V = 1
_COLOURS = {"running": "green", "pending": "yellow", "failed": "red", "paused": "dim", "removed": "dim"}
_COLUMNS = ("TASK", "TOPOLOGY", "STATE", "RESTARTS", "AGE", "REASON")
_WIDE = ("TASK", "TOPOLOGY", "STATE", "RESTARTS", "AGE", "WORKER", "DEPLOYMENT", "CAUSE", "IMAGE", "REASON")


def list_screen(found: Tasks, *, wide: bool = False, now: datetime | None = None) -> RenderableType:
    """One row per task; `wide`: with worker, object, cause and image."""
    if not found.tasks:
        return Text(f"no task runs in namespace {found.namespace}")
    columns = _WIDE if wide else _COLUMNS
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", show_edge=False)
    for name in columns:
        table.add_column(name, no_wrap=name not in {"IMAGE", "REASON"})
    for task in found.tasks:
        cells = _cells(task, now or datetime.now(UTC))
        table.add_row(*(cells[name] for name in columns))
    return Group(table, *([Text(""), Text(_unknown(found))] if found.unknown else []))


def list_document(found: Tasks) -> dict[str, Any]:
    """The document of `task list -o json`."""
    return {"v": V, "namespace": found.namespace, "unknown": found.unknown, "tasks": [_task(t) for t in found.tasks]}


def run_screen(ran: Ran) -> RenderableType:
    """What runs, and what it published first."""
    lines = [
        Text.assemble(("✔", "green"), f" {ran.task.name} runs, {ran.running_s:.1f} s after {ran.entity} was published"),
    ]
    if ran.output is not None:
        identity = ran.output.get("entityId") or {}
        lines.append(
            Text.assemble(("✔", "green"), f" it published {identity.get('id')} after {ran.output_s or 0:.1f} s")
        )
        lines += [Text(f"    {a.get('name')} = {a.get('value')}") for a in ran.output.get("attributes") or []]
    return Group(*lines, Text(f"Next: fogflow-k8s task logs {ran.task.name}; fogflow-k8s task stop {ran.name}"))


def run_document(ran: Ran) -> dict[str, Any]:
    """The document of `task run -o json`."""
    seconds = {"running": round(ran.running_s, 2), "output": None if ran.output_s is None else round(ran.output_s, 2)}
    return {
        "v": V, "function": ran.name, "entity": ran.entity, "task": _task(ran.task), "output": ran.output, "seconds": seconds,
    }  # fmt: skip


def bench_screen(done: Bench) -> RenderableType:
    """The figures, and why tasks are missing."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", show_edge=False)
    for name in ("FROM PUBLISHED TO", "TASKS", "P50", "P99", "MOST"):
        table.add_column(name, justify="left" if name == "FROM PUBLISHED TO" else "right", no_wrap=True)
    for name, found in (("Deployment", done.created), ("ready", done.running)):
        table.add_row(name, str(found.count), *map(_seconds, (found.p50, found.p99, found.most)))
    verdict = f"{done.running.count} of {done.entities} tasks ran"
    head = Text.assemble(
        ("✔" if done.ok else "✗", "green" if done.ok else "red"), f" {verdict} in {done.total_s:.1f} s"
    )
    lines = [Text(f"  {count} {why}") for why, count in done.why_not.items()]
    about = (
        f"{done.published} entities in {done.publish_s:.1f} s; looked every {EVERY_S:g} s; everything is removed again"
    )
    return Group(head, *lines, Text(""), table, Text(""), Text(about))


def bench_document(done: Bench) -> dict[str, Any]:
    """The document of `task bench -o json`. Durations are seconds."""
    return {
        "v": V,
        "ok": done.ok,
        "image": done.image,
        "entities": done.entities,
        "published": done.published,
        "created": _spread(done.created),
        "running": _spread(done.running),
        "seconds": {"publish": round(done.publish_s, 2), "total": round(done.total_s, 2), "everyLook": EVERY_S},
        "workers": [{"worker": worker or None, "tasks": count} for worker, count in sorted(done.workers.items())],
        "missing": [{"why": why, "tasks": count} for why, count in done.why_not.items()],
    }


def _unknown(found: Tasks) -> str:
    some = "all tasks" if found.unknown == len(found.tasks) else f"{found.unknown} of {len(found.tasks)} tasks"
    return f"of upstream's worker: {some}; it writes down neither its name nor their inputs, and their state is that of their pods"


def _cells(task: SeenTask, now: datetime) -> dict[str, Text]:
    return {
        "TASK": Text(task.name),
        "TOPOLOGY": Text(task.topology or "?"),
        "STATE": Text(task.state, _COLOURS[task.state]),
        "RESTARTS": Text(str(task.restarts)),
        "AGE": Text(age(task.created, now)),
        "WORKER": Text(task.worker or "?"),
        "DEPLOYMENT": Text(task.object),
        "CAUSE": Text(task.cause),
        "IMAGE": Text(task.image, no_wrap=True, overflow="ellipsis"),
        "REASON": Text(task.reason, no_wrap=True, overflow="ellipsis"),
    }


def _task(task: SeenTask) -> dict[str, Any]:
    return {
        "id": task.id or None,
        "deployment": task.object,
        "topology": task.topology or None,
        "task": task.task or None,
        "state": task.state,
        "reason": task.reason,
        "cause": task.cause or None,
        "worker": task.worker or None,
        "image": task.image,
        "created": task.created or None,
        "restarts": task.restarts,
        "ready": task.ready,
        "annotated": task.annotated,
        "outputs": [{"type": kind, "id": id_} for kind, id_ in task.outputs],
        "pods": list(task.pods),
    }


def _spread(found: Spread) -> dict[str, Any]:
    rounded = {name: None if value is None else round(value, 2) for name, value in (("p50", found.p50), ("p99", found.p99), ("max", found.most))}  # fmt: skip
    return {"count": found.count, **rounded}


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"
