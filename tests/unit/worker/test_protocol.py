"""What the worker makes of the master's messages."""

import json

import pytest

from fogflow_k8s.model.task.fogflow_task import Task, TaskInput, TaskOutput
from fogflow_k8s.worker.protocol import AddInput, AddTask, InvalidMessage, Prefetch, RemoveInput, RemoveTask, parse
from tests.unit.worker.world import flow, message, task

BUDGET_S = 5


def test_an_add_task_becomes_a_task():
    payload = task(
        inputs=["Device.1"], FunctionCode="x = 1", Parameters=[{"name": "a", "value": "b"}], IsExclusive=True, PriorityLevel=2
    )  # fmt: skip
    added = message("ADD_TASK", payload)
    assert added == AddTask(
        Task(
            id="Task.t.n.1",
            topology="topo",
            name="name",
            intent="intent",
            operator="op",
            image="example/op:1",
            code_hash=added.task.code_hash,
            parameters=(("a", "b"),),
            exclusive=True,
            priority=2,
            inputs=(TaskInput("Device", "Device.1"),),
            outputs=(TaskOutput("Out", "Out.Task.t.n.1.1"),),
        ),
        "x = 1",
    )
    assert added.id == "Task.t.n.1"
    assert added.task.code_hash


def test_what_the_master_leaves_empty_is_absent():
    added = message("ADD_TASK", {"ID": "t", "Inputs": None, "Outputs": None, "Parameters": None, "DockerImage": ""})
    assert added == AddTask(Task("t"))


def test_the_attribute_all_means_every_attribute():
    stream = {"Type": "Device", "ID": "", "AttributeList": ["all"]}
    added = message("ADD_INPUT", {"TaskInstanceID": "t", "InputStream": stream})
    assert added == AddInput("t", TaskInput("Device"))


@pytest.mark.parametrize(
    ("kind", "payload", "expected"),
    [
        ("REMOVE_TASK", {"ID": "t"}, RemoveTask("t")),
        ("REMOVE_INPUT", flow("t", "Device.2"), RemoveInput("t", TaskInput("Device", "Device.2"))),
        ("REMOVE_INPUT", {"TaskInstanceID": "t", "InputStream": {"ID": "D"}}, RemoveInput("t", TaskInput("", "D"))),
        ("PREFETCH_IMAGE", {"name": "image"}, Prefetch("image")),
    ],
)
def test_the_other_messages(kind, payload, expected):
    assert message(kind, payload) == expected


def test_the_case_of_the_envelopes_keys_does_not_matter():
    assert parse(b'{"type": "REMOVE_TASK", "payload": {"ID": "t"}}') == RemoveTask("t")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not an object"),
        (b'{"Type": "REMOVE_TASK"}', "Type or PayLoad is missing"),
        (b'{"Type": "X", "PayLoad": {}}', "unknown Type 'X'"),
        (b'{"Type": "REMOVE_TASK", "PayLoad": {"ID": ""}}', "ID is missing or empty"),
        (b'{"Type": "REMOVE_TASK", "PayLoad": {"ID": 3}}', "ID is not a string"),
        (b'{"Type": "REMOVE_TASK", "PayLoad": {"ID": "\\ud800"}}', "ID is not valid Unicode"),
        (b'{"Type": "ADD_INPUT", "PayLoad": {"TaskInstanceID": "t"}}', "an input is not an object"),
        (b'{"Type": "ADD_INPUT", "PayLoad": {"TaskInstanceID": "t", "InputStream": {}}}', "neither ID nor Type"),
    ],
)
def test_a_message_that_is_not_understood_says_why(body, why):
    with pytest.raises(InvalidMessage, match=why):
        parse(body)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"PriorityLevel": "x"}, "PriorityLevel is not an integer"),
        ({"Parameters": ["x"]}, "Parameters is not a list of objects"),
        ({"Inputs": [{"ID": "D", "AttributeList": [1]}]}, "AttributeList is not a list of names"),
        ({"Outputs": [{"Type": 1}]}, "Type is not a string"),
    ],
)
def test_a_task_with_an_invalid_field_is_no_task(change, why):
    with pytest.raises(InvalidMessage, match=why):
        parse(json.dumps({"Type": "ADD_TASK", "PayLoad": task(**change)}).encode())
