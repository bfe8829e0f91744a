"""What the ledger remembers of messages that arrive before their ADD_TASK, and for how long."""

import pytest

from fogflow_k8s.worker.task_ledger import (
    _MAX_PARKED_INPUTS,
    _MAX_PARKED_TASKS,
    PARKED_S,
    REMEMBERED_S,
    REPEATED_TOMBSTONE_S,
    TOMBSTONE_S,
    TaskLedger,
)
from tests.unit.worker.world import WORKER, message, task

ID = "Task.t.n.1"
BUDGET_S = 10


class Ledger:
    """A ledger whose outcomes are stored at once; the test passes the time."""

    def __init__(self):
        self.ledger, self.order = TaskLedger(WORKER), 0

    def __call__(self, kind, now_s, *, redelivered=False):
        payload = task(ID) if kind == "ADD_TASK" else {"ID": ID, "WorkerID": WORKER}
        self.order += 1
        outcome = self.ledger.apply(message(kind, payload), now_s, self.order, redelivered=redelivered)
        if outcome.result == "removed":
            self.ledger.drop(ID)
        elif outcome.record is not None:
            self.ledger.store(outcome.record)
        return outcome.result


@pytest.fixture
def apply():
    return Ledger()


def test_a_removal_that_is_sent_twice_does_not_prolong_its_tombstone(apply):
    assert apply("REMOVE_TASK", 100.0) == "parked"
    assert apply("REMOVE_TASK", 100.0 + TOMBSTONE_S - 1) == "parked"
    assert apply("ADD_TASK", 100.0 + TOMBSTONE_S + 1) == "added"


@pytest.mark.parametrize("between_s", [0.1, 90.0, REMEMBERED_S - 1])
def test_a_second_removal_of_a_task_that_ran_leaves_a_short_tombstone(apply, between_s):
    """The master removes the tasks of a deleted function, also those that it removed with their devices long before."""
    apply("ADD_TASK", 0.0)
    assert apply("REMOVE_TASK", 100.0) == "removed"
    again = 100.0 + between_s
    assert apply("REMOVE_TASK", again) == "parked"
    assert apply("ADD_TASK", again + REPEATED_TOMBSTONE_S + 0.1) == "added"


def test_a_second_removal_can_arrive_before_its_task(apply):
    apply("ADD_TASK", 0.0)
    apply("REMOVE_TASK", 100.0)
    apply("REMOVE_TASK", 100.1)
    assert apply("ADD_TASK", 100.2) == "overtaken"
    assert apply("ADD_TASK", 100.3) == "added"


def test_a_task_that_replaces_one_being_removed_has_a_later_order(apply):
    apply("ADD_TASK", 0.0)
    (old,) = apply.ledger.records.values()
    apply.ledger.store(apply.ledger.apply(message("REMOVE_TASK", {"ID": ID}), 1.0, 0).record)  # not deleted yet
    assert apply("ADD_TASK", 2.0) == "changed"
    (new,) = apply.ledger.records.values()
    assert (new.removed, new.order > old.order) == (False, True)


def park(ledger, kind, entity, now_s=0.0, task_id=ID):
    """Apply an input's message before its ADD_TASK; the result."""
    payload = {"TaskInstanceID": task_id, "InputStream": {"ID": entity, "Type": "Camera"}}
    return ledger.apply(message(kind, payload), now_s, 0).result


def inputs(apply):
    """The ids of the parked inputs of the task, after its ADD_TASK."""
    assert apply("ADD_TASK", 1.0) == "added"
    (record,) = apply.ledger.records.values()
    return [each.id for each in record.task.inputs if (each.id or "").startswith("late.")]


@pytest.mark.parametrize(
    ("kinds", "left"),
    [
        (["ADD_INPUT"] * 200, ["late.1"]),
        (["ADD_INPUT", "REMOVE_INPUT"] * 100, []),
        (["REMOVE_INPUT", "ADD_INPUT"] * 100, ["late.1"]),
    ],
    ids=["repeated", "removed in the end", "added in the end"],
)
def test_of_several_messages_about_an_input_only_the_last_is_parked(apply, kinds, left):
    assert {park(apply.ledger, kind, "late.1") for kind in kinds} == {"parked"}
    assert len(apply.ledger._parked[ID]) == 1
    assert inputs(apply) == left


def test_the_parked_inputs_of_one_task_are_limited(apply):
    results = [park(apply.ledger, "ADD_INPUT", f"late.{n}") for n in range(_MAX_PARKED_INPUTS + 5)]
    assert results == ["parked"] * _MAX_PARKED_INPUTS + ["ignored"] * 5
    assert park(apply.ledger, "REMOVE_INPUT", "late.3") == "parked", "a parked input can still change"
    assert len(inputs(apply)) == _MAX_PARKED_INPUTS - 1


def test_a_task_with_parked_inputs_can_park_more_while_there_is_no_room_for_another_task(apply):
    for n in range(_MAX_PARKED_TASKS - 1):
        park(apply.ledger, "ADD_INPUT", "late.0", task_id=f"Task.other.{n}")
    assert [park(apply.ledger, "ADD_INPUT", f"late.{n}") for n in range(2)] == ["parked", "parked"]
    assert park(apply.ledger, "ADD_INPUT", "late.0", task_id="Task.t.n.2") == "ignored"


def test_parked_inputs_expire(apply):
    park(apply.ledger, "ADD_INPUT", "late.1", 100.0)
    park(apply.ledger, "ADD_INPUT", "late.2", 102.0, task_id="Task.t.n.2")
    park(apply.ledger, "ADD_INPUT", "late.3", 101.0 + PARKED_S, task_id="Task.t.n.3")
    assert set(apply.ledger._parked) == {"Task.t.n.2", "Task.t.n.3"}
