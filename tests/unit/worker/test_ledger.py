"""What a REMOVE_TASK leaves behind, and for how long, by a clock of the test's own."""

import json

import pytest

from fogflow_k8s.worker.ledger import _TOO_MANY, _TOO_MANY_INPUTS, AGAIN_S, PARKED_S, REMEMBERED_S, TOMBSTONE_S, Ledger
from fogflow_k8s.worker.protocol import parse
from tests.unit.worker.world import WORKER, task

ID = "Task.t.n.1"
BUDGET_S = 10


class Told:
    """A ledger, and a cluster that does at once what it says."""

    def __init__(self):
        self.ledger, self.order = Ledger(WORKER), 0

    def __call__(self, kind, now_s, *, again=False):
        payload = task(ID) if kind == "ADD_TASK" else {"ID": ID, "WorkerID": WORKER}
        self.order += 1
        message = parse(json.dumps({"Type": kind, "PayLoad": payload}).encode())
        outcome = self.ledger.outcome(message, now_s, self.order, again=again)
        if outcome.note == "removed":
            self.ledger.drop(ID)
        elif outcome.record is not None:
            self.ledger.store(outcome.record)
        return outcome.note


@pytest.fixture
def told():
    return Told()


def test_a_removal_that_is_sent_twice_keeps_a_late_task_away_no_longer_than_one(told):
    assert told("REMOVE_TASK", 100.0) == "parked"
    assert told("REMOVE_TASK", 100.0 + TOMBSTONE_S - 1) == "parked"
    assert told("ADD_TASK", 100.0 + TOMBSTONE_S + 1) == "new"


@pytest.mark.parametrize("between_s", [0.1, 90.0, REMEMBERED_S - 1])
def test_a_second_removal_of_a_task_that_had_run_lets_a_new_one_be(told, between_s):
    """The master tells a deleted function's tasks to go, also those that went with their devices long before."""
    told("ADD_TASK", 0.0)
    assert told("REMOVE_TASK", 100.0) == "removed"
    again = 100.0 + between_s
    assert told("REMOVE_TASK", again) == "parked"
    assert told("ADD_TASK", again + AGAIN_S + 0.1) == "new"


def test_a_second_removal_can_still_have_overtaken_its_task(told):
    told("ADD_TASK", 0.0)
    told("REMOVE_TASK", 100.0)
    told("REMOVE_TASK", 100.1)
    assert told("ADD_TASK", 100.2) == "overtaken"
    assert told("ADD_TASK", 100.3) == "new"


def test_a_task_that_is_made_anew_came_later_than_the_one_that_is_going(told):
    told("ADD_TASK", 0.0)
    (old,) = told.ledger.records.values()
    message = parse(json.dumps({"Type": "REMOVE_TASK", "PayLoad": {"ID": ID}}).encode())
    told.ledger.store(told.ledger.outcome(message, 1.0, 0).record)  # it is not gone yet
    assert told("ADD_TASK", 2.0) == "changed"
    (new,) = told.ledger.records.values()
    assert (new.removed, new.order > old.order) == (False, True)


def park(ledger, kind, entity, now_s=0.0, task_id=ID):
    """Tell a task's input before the task; what was made of it."""
    payload = {"TaskInstanceID": task_id, "InputStream": {"ID": entity, "Type": "Camera"}}
    message = parse(json.dumps({"Type": kind, "PayLoad": payload}).encode())
    return ledger.outcome(message, now_s, 0).note


def inputs(told):
    """The ids of the inputs of the task, once it has come."""
    assert told("ADD_TASK", 1.0) == "new"
    (record,) = told.ledger.records.values()
    return [i["ID"] for i in record.task["Inputs"] if i.get("ID", "").startswith("late.")]


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["ADD_INPUT"] * 200, ["late.1"]),
        (["ADD_INPUT", "REMOVE_INPUT"] * 100, []),
        (["REMOVE_INPUT", "ADD_INPUT"] * 100, ["late.1"]),
    ],
    ids=["said again", "removed in the end", "added in the end"],
)
def test_of_one_input_of_a_task_that_is_still_to_come_the_last_word_alone_is_kept(told, words, left):
    assert {park(told.ledger, word, "late.1") for word in words} == {"parked"}
    assert len(told.ledger._parked[ID]) == 1
    assert inputs(told) == left


def test_inputs_of_one_task_that_is_still_to_come_are_bounded(told):
    notes = [park(told.ledger, "ADD_INPUT", f"late.{n}") for n in range(_TOO_MANY_INPUTS + 5)]
    assert notes == ["parked"] * _TOO_MANY_INPUTS + ["ignored"] * 5
    assert park(told.ledger, "REMOVE_INPUT", "late.3") == "parked", "what is known of it may still change"
    assert len(inputs(told)) == _TOO_MANY_INPUTS - 1


def test_a_task_whose_inputs_are_parked_gets_more_while_there_is_no_room_for_another(told):
    for n in range(_TOO_MANY - 1):
        park(told.ledger, "ADD_INPUT", "late.0", task_id=f"Task.other.{n}")
    assert [park(told.ledger, "ADD_INPUT", f"late.{n}") for n in range(2)] == ["parked", "parked"]
    assert park(told.ledger, "ADD_INPUT", "late.0", task_id="Task.t.n.2") == "ignored"


def test_what_is_parked_is_forgotten_after_a_while(told):
    park(told.ledger, "ADD_INPUT", "late.1", 100.0)
    park(told.ledger, "ADD_INPUT", "late.2", 102.0, task_id="Task.t.n.2")
    park(told.ledger, "ADD_INPUT", "late.3", 101.0 + PARKED_S, task_id="Task.t.n.3")
    assert set(told.ledger._parked) == {"Task.t.n.2", "Task.t.n.3"}
