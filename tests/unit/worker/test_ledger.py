"""What a REMOVE_TASK leaves behind, and for how long, by a clock of the test's own."""

import json

import pytest

from fogflow_k8s.worker.ledger import AGAIN_S, REMEMBERED_S, TOMBSTONE_S, Ledger
from fogflow_k8s.worker.protocol import parse
from tests.unit.worker.world import WORKER, task

ID = "Task.t.n.1"


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
