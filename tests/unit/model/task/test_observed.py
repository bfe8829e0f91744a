"""Tasks of both workers, read from the objects of the cluster."""

import json

import pytest

from fogflow_k8s.model.task.observed import group_key, observe_tasks, tasks_without_deployment
from tests.unit.model.tasks import ADMIN, ours, pod, upstreams


def one(obj, *pods):
    (task,) = observe_tasks([obj], pods)
    return task


def test_a_task_of_the_native_worker_is_known_completely():
    obj = ours()
    task = one(obj, pod(obj, restarts=2), pod(upstreams()))
    assert (task.id, task.topology, task.task, task.worker) == ("Task.f1.count.123", "f1", "count", "Worker.001")
    assert (task.state, task.reason, task.restarts, task.ready, task.annotated) == ("running", "", 2, True, True)
    assert task.outputs == (("Count", "Count.123.1"),)
    assert (task.image, task.pods) == ("r.example/count:1", (f"{task.object}-abc",))


def test_a_task_of_the_upstream_worker_has_fewer_fields():
    obj = upstreams()
    task = one(obj, pod(obj))
    assert (task.id, task.topology, task.task) == ("Task.f1.count.123", "f1", "count")
    assert (task.state, task.worker, task.annotated) == ("running", "", False)
    assert task.outputs == (("Count", "Count.123.1"),)


@pytest.mark.parametrize("admin", [[], [{"command": "SET_CORRELATORID"}], "nonsense", [7], None])
def test_a_task_whose_id_cannot_be_read_is_called_after_its_deployment(admin):
    task = one(upstreams(admin=admin))
    assert (task.id or "", task.topology, task.name) == ("", "", "fogflow-task-40001")


def test_with_a_dot_in_a_name_the_parts_of_the_id_are_unknown():
    admin = [{**ADMIN[1], "correlatorID": "Task.a.b.count.1"}]
    assert one(upstreams(admin=admin)).topology == ""
    assert one(ours("Task.a.b.count.1", topology="a.b")).topology == "a.b"


@pytest.mark.parametrize(
    ("stored", "ready", "waiting", "expected"),
    [
        ({"state": "running"}, True, "", ("running", "", "")),
        ({"state": "pending"}, False, "ImagePullBackOff", ("pending", "image", "FK-4001")),
        ({"state": "pending", "reason": "starting"}, False, "ImagePullBackOff", ("pending", "image", "FK-4001")),
        (
            {"state": "pending", "reason": "the worker is full (5)"},
            False,
            "",
            ("pending", "the worker is full (5)", ""),
        ),
        ({"state": "failed", "reason": "no image"}, False, "", ("failed", "no image", "")),
        ({"state": "paused", "reason": "Task.x has priority"}, False, "", ("paused", "Task.x has priority", "")),
        (
            {"state": "running"},
            False,
            "",
            ("running", "its pod is not ready; the worker has not reported this yet", ""),
        ),
        ({"state": "elsewhere"}, True, "", ("running", "", "")),
        ({}, False, "ImagePullBackOff", ("failed", "image", "FK-4001")),
        ({}, False, "ContainerCreating", ("pending", "", "")),
    ],
)
def test_the_state_is_the_stored_one_or_that_of_the_pods(stored, ready, waiting, expected):
    obj = ours(ready=ready)
    obj["metadata"]["annotations"]["fogflow-k8s.io/status"] = json.dumps(stored)
    pods = [pod(obj, waiting=waiting)] if waiting or ready else []
    events = []
    if waiting == "ImagePullBackOff":
        pods[0]["status"]["containerStatuses"][0]["state"]["waiting"]["message"] = (
            'failed to pull: "r.example/count:1": not found'
        )
        events = [
            {
                "kind": "Event", "reason": "Failed", "type": "Warning", "metadata": {"name": "e", "namespace": "fogflow-tasks"},
                "message": 'Failed to pull image "r.example/count:1": not found', "lastTimestamp": "2026-01-01T00:00:01Z",
                "involvedObject": {"kind": "Pod", "name": pods[0]["metadata"]["name"], "namespace": "fogflow-tasks", "uid": None},
            }
        ]  # fmt: skip
    (task,) = observe_tasks([obj], pods, events)
    state, reason, cause = expected
    assert (task.state, task.cause) == (state, cause)
    assert reason in task.reason
    assert bool(task.reason) == bool(reason)


def test_a_marked_or_deleted_task_is_being_removed():
    assert one(ours(desired="removed")).state == "removed"
    obj = ours()
    obj["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert one(obj).state == "removed"


def test_a_task_scaled_to_zero_is_paused():
    obj = upstreams(ready=False)
    obj["spec"]["replicas"] = 0
    assert one(obj).state == "paused"


def test_other_workloads_are_not_tasks_and_the_order_is_by_topology():
    other = upstreams()
    other["metadata"]["name"] = "mine"
    found = observe_tasks([other, ours("Task.z.count.1", topology="z"), ours("Task.a.count.1", topology="a")], [])
    assert [task.topology for task in found] == ["a", "z"]


@pytest.mark.parametrize("broken", ["", "{", "[]", "7"])
def test_an_annotation_that_cannot_be_read_is_ignored(broken):
    obj = ours()
    obj["metadata"]["annotations"] = {"fogflow-k8s.io/task": broken, "fogflow-k8s.io/status": broken}
    task = one(obj)
    assert (task.id, task.annotated, task.state) == ("", False, "running")


def test_the_group_key_is_that_of_fogflow():
    """The value for "ALL" is from FogFlow's own master."""
    assert group_key("ALL") == "3962436370"


def test_a_task_whose_deployment_was_rejected_is_read_from_its_config_map():
    rejected = ours("Task.z.count.1", topology="z", state="failed", reason="exceeded quota")
    rejected = {"kind": "ConfigMap", "metadata": rejected["metadata"]}
    code = {"kind": "ConfigMap", "metadata": {"name": "fogflow-task-1", "labels": {}}}
    assert tasks_without_deployment([rejected, code], []) == [rejected]
    assert tasks_without_deployment([rejected], [ours("Task.z.count.1", topology="z")]) == []
    (found,) = observe_tasks([rejected], [])
    assert (found.id, found.state, found.reason) == ("Task.z.count.1", "failed", "exceeded quota")
