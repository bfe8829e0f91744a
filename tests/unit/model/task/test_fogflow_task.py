"""The stored form of a task: the one that every version of the native worker reads and writes."""

import json

import pytest

from fogflow_k8s.model.task.fogflow_task import Task, TaskInput, TaskOutput
from fogflow_k8s.model.task.record import Status, TaskRecord, read_record, record_annotations

BUDGET_S = 5

# The annotations that the worker wrote before tasks had a type of their own.
ANNOTATIONS = {
    "fogflow-k8s.io/task": '{"CodeHash":"","DockerImage":"r.example/count:1","ID":"Task.f1.main.1","Inputs":[{"AttributeList":["t"],"ID":"T1","Type":"Temperature"},{"AttributeList":[],"ID":"","Type":"Room"}],"IsExclusive":false,"OperatorName":"count","Outputs":[{"StreamID":"Count.1.1","Type":"Count"}],"Parameters":[{"name":"service-port","value":"9000; 8080;70000"},{"name":"cpu-limit","value":"1"}],"PriorityLevel":0,"ServiceIntentID":"ServiceIntent.f1","TaskName":"main","TopologyName":"f1"}',
    "fogflow-k8s.io/order": "7",
    "fogflow-k8s.io/desired": "present",
    "fogflow-k8s.io/subscriptions": '{"T1":"s1"}',
    "fogflow-k8s.io/status": '{"reason":"","state":"running"}',
}
TASK = Task(
    id="Task.f1.main.1",
    topology="f1",
    name="main",
    intent="ServiceIntent.f1",
    operator="count",
    image="r.example/count:1",
    parameters=(("service-port", "9000; 8080;70000"), ("cpu-limit", "1")),
    inputs=(TaskInput("Temperature", "T1", ("t",)), TaskInput("Room")),
    outputs=(TaskOutput("Count", "Count.1.1"),),
)


def test_a_record_of_an_earlier_version_is_read_and_written_unchanged():
    name = "fogflow-task-4d548c048e957351"
    record = read_record({"metadata": {"name": name, "annotations": ANNOTATIONS}})
    assert record == TaskRecord(name, TASK, 7, subscriptions={"T1": "s1"}, status=Status("running"))
    assert record_annotations(record) == ANNOTATIONS


def test_a_missing_key_and_null_are_empty():
    stored = {"ID": "t", "Parameters": None, "Inputs": [{"Type": "Device", "AttributeList": None}], "Outputs": None}
    assert Task.from_stored(stored) == Task("t", inputs=(TaskInput("Device"),))


def test_a_task_without_image_and_with_code_is_read_as_it_was_stored():
    task = Task("t", image=None, code_hash="ab", exclusive=True, priority=3)
    assert Task.from_stored(json.loads(json.dumps(task.stored()))) == task


@pytest.mark.parametrize(
    "stored",
    [
        None,
        7,
        [],
        "text",
        {},
        {"ID": ""},
        {"ID": 3},
        {"ID": "t", "DockerImage": 3},
        {"ID": "t", "PriorityLevel": "x"},
        {"ID": "t", "Inputs": ["x"]},
        {"ID": "t", "Inputs": [{"ID": "D", "AttributeList": [1]}]},
        {"ID": "t", "Outputs": [{}]},
        {"ID": "t", "Parameters": 7},
    ],
)
def test_any_other_json_is_no_task(stored):
    with pytest.raises(ValueError, match=r"stored task|invalid literal"):
        Task.from_stored(stored)
    assert read_record({"metadata": {"name": "n", "annotations": {"fogflow-k8s.io/task": json.dumps(stored)}}}) is None


def test_inputs_are_identified_by_entity_or_by_type():
    assert list(TASK.inputs_by_key) == ["T1", "type:Room"]


def test_service_ports_are_valid_and_different_from_the_tasks_own():
    assert TASK.service_ports == [9000]
    assert Task("t").service_ports == []
