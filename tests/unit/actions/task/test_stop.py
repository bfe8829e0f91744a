"""`task stop` with a fake of FogFlow in one process."""

import json
from dataclasses import replace

import pytest

from fogflow_k8s.actions.task import run, stop
from fogflow_k8s.errors import (
    OperationFailed,
    Refused,
)
from tests.unit.actions.task.request import REQUEST
from tests.unit.model.tasks import ours, upstreams

BUDGET_S = 10


def test_an_existing_entity_is_neither_replaced_nor_removed(make):
    fog, op, ctl = make()
    device = {"entityId": {"id": "T1", "type": "Temperature"}, "attributes": [{"name": "t", "value": 21}]}
    fog.entities["T1"] = device
    ran = run.run(op, ctl, replace(REQUEST, entity="T1"))
    assert ran.output is not None
    assert fog.entities["T1"] == device
    stop.stop(op, ctl, stop.plan(op, ctl, "f1"), timeout_s=5)
    assert fog.entities["T1"] == device


def test_stopping_removes_everything_that_was_created(make):
    fog, op, ctl = make()
    run.run(op, ctl, REQUEST)
    plan = stop.plan(op, ctl, "f1")
    assert plan.lines == ["function f1", "operator f1", "entity Temperature.f1", f"task {plan.tasks[0]}"]
    assert stop.plan(op, ctl, plan.tasks[0]) == plan
    stop.stop(op, ctl, plan, timeout_s=5)
    assert (fog.functions, fog.operators) == ({}, {})
    assert "Temperature.f1" not in fog.entities


def test_a_function_without_a_task_can_be_stopped(make):
    fog, op, ctl = make(makes=False)
    with pytest.raises(OperationFailed):
        run.run(op, ctl, REQUEST)
    stop.stop(op, ctl, stop.plan(op, ctl, "f1"), timeout_s=5)
    assert fog.functions == {}


def test_a_task_that_stays_is_a_failure(make):
    _, op, ctl = make(removes=False)
    run.run(op, ctl, REQUEST)
    plan = stop.plan(op, ctl, "f1")
    with pytest.raises(OperationFailed, match="still there after 5 s") as error:
        stop.stop(op, ctl, plan, timeout_s=5)
    assert error.value.message.startswith("FK-6013")
    assert error.value.exit_code == 30


@pytest.mark.parametrize(
    ("functions", "intents", "message"),
    [
        ({"f1": {"name": "f1", "topology": {"tasks": []}}}, {}, "of function f1, which fogflow-k8s did not create"),
        (
            {},
            {"i": {"id": "ServiceIntent.9", "topology": "f1"}},
            "service topology f1, requested by intent ServiceIntent.9",
        ),
        ({}, {}, "of f1, which the designer does not have"),
    ],
)
def test_what_another_program_created_is_named_and_stays(make, functions, intents, message):
    fog, op, ctl = make()
    fog.functions, fog.intents, fog.extra = functions, intents, [ours()]
    with pytest.raises(Refused, match=message) as error:
        stop.plan(op, ctl, "Task.f1.count.123")
    assert error.value.hint
    assert not [call for call in fog.calls if not call.startswith("GET")]


def test_a_task_with_an_unknown_id_is_not_stopped(make):
    fog, op, ctl = make()
    fog.extra = [upstreams(admin=[])]
    with pytest.raises(Refused, match="cannot tell the function"):
        stop.plan(op, ctl, "fogflow-task-40001")


def test_invalid_entries_of_the_created_objects_are_ignored():
    plan = stop._plan("f", json.loads('{"operator": 7, "entities": [{"id": "e"}, "x"]}'), [])
    assert plan.lines == ["function f", "operator 7", "entity e"]
