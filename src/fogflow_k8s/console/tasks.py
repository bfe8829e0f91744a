"""The screens and documents of `task`: the list, and the result of a run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fogflow_k8s.actions.task.listing import TaskList
from fogflow_k8s.actions.task.run import TaskRun
from fogflow_k8s.console.schema import API
from fogflow_k8s.console.screens import age
from fogflow_k8s.model.task.observed import ObservedTask

if TYPE_CHECKING:
    from fogflow_k8s.console.schema import task as schema

_COLOURS = {"running": "green", "pending": "yellow", "failed": "red", "paused": "dim", "removed": "dim"}
_COLUMNS = ("TASK", "TOPOLOGY", "STATE", "RESTARTS", "AGE", "REASON")
_WIDE = ("TASK", "TOPOLOGY", "STATE", "RESTARTS", "AGE", "WORKER", "DEPLOYMENT", "CAUSE", "IMAGE", "REASON")


def list_screen(found: TaskList, *, wide: bool = False, now: datetime | None = None) -> RenderableType:
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


def list_document(found: TaskList) -> schema.TaskList:
    """The document of `task list`."""
    return {
        "apiVersion": API,
        "kind": "TaskList",
        "namespace": found.namespace,
        "tasks": [_task(t) for t in found.tasks],
        "notAnnotatedCount": found.unknown,
    }


def run_screen(ran: TaskRun) -> RenderableType:
    """The task that runs, and the first entity that it published."""
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


def run_document(ran: TaskRun) -> schema.TaskRun:
    """The document of `task run`."""
    return {
        "apiVersion": API,
        "kind": "TaskRun",
        "function": ran.name,
        "entity": ran.entity,
        "task": _task(ran.task),
        "output": None if ran.output is None else dict(ran.output),
        "durations": {
            "runningSeconds": round(ran.running_s, 2),
            "outputSeconds": None if ran.output_s is None else round(ran.output_s, 2),
        },
    }


def _unknown(found: TaskList) -> str:
    some = "all tasks" if found.unknown == len(found.tasks) else f"{found.unknown} of {len(found.tasks)} tasks"
    return (
        f"upstream worker: {some}; it records neither its name nor their inputs, and their state is that of their pods"
    )


def _cells(task: ObservedTask, now: datetime) -> dict[str, Text]:
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


def _task(task: ObservedTask) -> schema.Task:
    return {
        "id": task.id or None,
        "deployment": task.object,
        "topology": task.topology or None,
        "taskName": task.task or None,
        "state": task.state,
        "reason": task.reason or None,
        "causeId": task.cause or None,
        "worker": task.worker or None,
        "image": task.image or None,
        "createdAt": task.created or None,
        "restartCount": task.restarts,
        "ready": task.ready,
        "annotated": task.annotated,
        "outputs": [{"type": kind, "id": id_} for kind, id_ in task.outputs],
        "pods": list(task.pods),
    }
