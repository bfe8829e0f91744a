"""What the cluster's objects say of a task."""

import json

import pytest

from fogflow_k8s.model.task.observed import group_key, refused, seen
from tests.unit.model.tasks import ADMIN, ours, pod, upstreams


def one(obj, *pods):
    (task,) = seen([obj], pods)
    return task


def test_our_worker_says_everything():
    obj = ours()
    task = one(obj, pod(obj, restarts=2), pod(upstreams()))
    assert (task.id, task.topology, task.task, task.worker) == ("Task.f1.count.123", "f1", "count", "Worker.001")
    assert (task.state, task.reason, task.restarts, task.ready, task.annotated) == ("running", "", 2, True, True)
    assert task.outputs == (("Count", "Count.123.1"),)
    assert (task.image, task.pods) == ("r.example/count:1", (f"{task.object}-abc",))


def test_upstreams_worker_says_less_and_that_is_known():
    obj = upstreams()
    task = one(obj, pod(obj))
    assert (task.id, task.topology, task.task) == ("Task.f1.count.123", "f1", "count")
    assert (task.state, task.worker, task.annotated) == ("running", "", False)
    assert task.outputs == (("Count", "Count.123.1"),)


@pytest.mark.parametrize("admin", [[], [{"command": "SET_CORRELATORID"}], "nonsense", [7], None])
def test_an_identity_that_cannot_be_read_leaves_the_name(admin):
    task = one(upstreams(admin=admin))
    assert (task.id or "", task.topology, task.name) == ("", "", "fogflow-task-40001")


def test_a_dot_in_a_name_makes_the_parts_of_the_id_unknown():
    admin = [{**ADMIN[1], "correlatorID": "Task.a.b.count.1"}]
    assert one(upstreams(admin=admin)).topology == ""
    assert one(ours("Task.a.b.count.1", topology="a.b")).topology == "a.b"


@pytest.mark.parametrize(
    ("said", "ready", "waiting", "expected"),
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
        ({"state": "running"}, False, "", ("running", "its pod is not ready, and the worker has not said so yet", "")),
        ({"state": "elsewhere"}, True, "", ("running", "", "")),
        ({}, False, "ImagePullBackOff", ("failed", "image", "FK-4001")),
        ({}, False, "ContainerCreating", ("pending", "", "")),
    ],
)
def test_the_state_is_the_workers_word_else_the_pods(said, ready, waiting, expected):
    obj = ours(ready=ready)
    obj["metadata"]["annotations"]["fogflow-k8s.io/status"] = json.dumps(said)
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
    (task,) = seen([obj], pods, events)
    state, reason, cause = expected
    assert (task.state, task.cause) == (state, cause)
    assert reason in task.reason
    assert bool(task.reason) == bool(reason)


def test_what_is_to_go_is_on_its_way_out():
    assert one(ours(desired="removed")).state == "removed"
    obj = ours()
    obj["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert one(obj).state == "removed"


def test_scaled_to_nothing_is_paused():
    obj = upstreams(ready=False)
    obj["spec"]["replicas"] = 0
    assert one(obj).state == "paused"


def test_other_workloads_are_no_tasks_and_the_order_is_by_topology():
    other = upstreams()
    other["metadata"]["name"] = "mine"
    found = seen([other, ours("Task.z.count.1", topology="z"), ours("Task.a.count.1", topology="a")], [])
    assert [task.topology for task in found] == ["a", "z"]


@pytest.mark.parametrize("broken", ["", "{", "[]", "7"])
def test_an_annotation_that_somebody_spoilt_is_none(broken):
    obj = ours()
    obj["metadata"]["annotations"] = {"fogflow-k8s.io/task": broken, "fogflow-k8s.io/status": broken}
    task = one(obj)
    assert (task.id, task.annotated, task.state) == ("", False, "running")


def test_the_key_of_a_group_is_upstreams():
    """The value of "ALL" was measured on the original."""
    assert group_key("ALL") == "3962436370"


def test_a_task_that_could_not_be_made_is_read_from_where_our_worker_keeps_it():
    kept = ours("Task.z.count.1", topology="z", state="failed", reason="exceeded quota")
    kept = {"kind": "ConfigMap", "metadata": kept["metadata"]}
    code = {"kind": "ConfigMap", "metadata": {"name": "fogflow-task-1", "labels": {}}}
    assert refused([kept, code], []) == [kept]
    assert refused([kept], [ours("Task.z.count.1", topology="z")]) == []
    (found,) = seen([kept], [])
    assert (found.id, found.state, found.reason) == ("Task.z.count.1", "failed", "exceeded quota")
