"""The screens and documents of `task`, and its usage errors."""

from datetime import UTC, datetime

import pytest

from fogflow_k8s.actions.task.listing import TaskList
from fogflow_k8s.actions.task.run import TaskRun
from fogflow_k8s.console import tasks as screens
from fogflow_k8s.model.task.observed import observe_tasks
from tests.cli.test_screens import as_json, drawn
from tests.unit.model.tasks import ours, pod, upstreams

NOW = datetime(2026, 1, 1, 3, tzinfo=UTC)
GOOD, BAD, OLD = (
    ours(),
    ours("Task.f2.count.7", "failed", ready=False, reason="no image for arm", topology="f2"),
    upstreams(),
)
TASKS = tuple(observe_tasks([GOOD, BAD, OLD], [pod(GOOD, restarts=3), pod(OLD)]))
LISTS = {
    "some": TaskList("fogflow-tasks", TASKS),
    "none": TaskList("fogflow-tasks", ()),
    "upstreams": TaskList("fogflow-tasks", tuple(observe_tasks([OLD], [pod(OLD)]))),
}
OUTPUT = {
    "entityId": {"id": "Count.123.1", "type": "Count"},
    "attributes": [{"name": "count", "type": "integer", "value": 7}],
}
RAN = {
    "output": TaskRun("run-1", "Temperature.run-1", TASKS[0], OUTPUT, 1.234, 2.345),
    "no-output": TaskRun("run-1", "Temperature.run-1", TASKS[0], None, 1.234, None),
}


@pytest.mark.parametrize("name", LISTS)
def test_the_list(golden, name):
    golden(f"tasks-{name}.txt", drawn(screens.list_screen(LISTS[name], now=NOW)))
    golden(f"tasks-{name}.json", as_json(screens.list_document(LISTS[name])))


def test_the_wide_list(golden):
    golden("tasks-wide.txt", drawn(screens.list_screen(LISTS["some"], wide=True, now=NOW)))


@pytest.mark.parametrize("name", RAN)
def test_a_run(golden, name):
    golden(f"task-run-{name}.txt", drawn(screens.run_screen(RAN[name])))
    golden(f"task-run-{name}.json", as_json(screens.run_document(RAN[name])))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "--image", "UP", "--input", "T"], "not an image's name"),
        (["run", "--image", "x", "--input", "T", "--name", "a.b"], "not a function's name"),
        (["run", "--image", "x", "--input", "T", "--param", "cpu"], "not KEY=VALUE"),
        (["run", "--image", "x", "--input", "T", "--param", "a=1", "--param", "a=2"], "is given twice"),
        (["run", "--image", "x", "--input", "T", "--timeout", "soon"], "not a duration"),
        (["run", "--image", "x", "--input", "T", "-o", "yaml"], "not one of table, json"),
        (["run", "--image", "x"], "--input"),
        (["list", "-o", "yaml"], "not one of table, wide, json"),
    ],
)
def test_a_command_line_that_cannot_be(tool, words, message):
    assert message in tool("task", *words, code=2).stderr
