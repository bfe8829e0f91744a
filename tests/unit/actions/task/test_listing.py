"""The list of tasks, and the search for the one that an argument names."""

import pytest

from fogflow_k8s.actions.task import listing
from fogflow_k8s.errors import (
    NotInstalled,
    UsageError,
)
from tests.unit.actions.fogflow import FogFlow, operation
from tests.unit.model.tasks import ours, upstreams

BUDGET_S = 5


def test_the_list_counts_the_tasks_of_the_upstream_worker():
    fog = FogFlow()
    fog.extra = [ours(), upstreams(ready=False)]
    op = operation(fog)
    found = listing.list_tasks(op)
    assert (len(found.tasks), found.unknown, found.namespace) == (2, 1, "fogflow-tasks")
    assert ("Event", "fogflow-tasks") in op.cluster.asked, "something is not ready"


def test_events_are_read_only_when_a_task_is_not_ready():
    fog = FogFlow()
    fog.extra = [ours()]
    op = operation(fog)
    listing.list_tasks(op)
    assert [kind for kind, _ in op.cluster.asked] == [
        *("ConfigMap", "Deployment"),  # the tasks namespace
        *("Deployment", "ConfigMap", "Pod"),
    ]


def test_no_task_is_different_from_no_release():
    fog = FogFlow()
    assert listing.list_tasks(operation(fog)).tasks == ()
    fog.installed = False
    with pytest.raises(NotInstalled):
        listing.list_tasks(operation(fog))


def test_a_task_is_found_by_each_of_its_names():
    fog = FogFlow()
    fog.extra = [ours("Task.f1.count.1"), ours("Task.f1.count.2"), upstreams()]
    tasks = listing.list_tasks(operation(fog)).tasks
    for text in (tasks[0].id, tasks[0].object, tasks[0].object.removeprefix("fogflow-task-")):
        assert listing.find_task(tasks, text) == tasks[0]
    with pytest.raises(UsageError, match="has 3 tasks"):
        listing.find_task(tasks, "f1")
    with pytest.raises(UsageError, match=r"no task 'Task\.f1\.count\.3'") as error:
        listing.find_task(tasks, "Task.f1.count.3")
    assert "did you mean Task.f1.count." in error.value.hint
