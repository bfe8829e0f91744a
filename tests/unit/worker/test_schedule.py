"""Which tasks of a worker may have a pod."""

from dataclasses import replace

from fogflow_k8s.model.task.record import Status
from fogflow_k8s.worker.schedule import NO_IMAGE, PAUSED, Schedule, schedule
from tests.unit.worker.world import record, task

BUDGET_S = 5


def records(*payloads):
    """Records in this order of arrival, by id."""
    return {payload["ID"]: record(payload, order) for order, payload in enumerate(payloads)}


def test_the_first_tasks_are_active_and_the_others_wait():
    found = schedule(records(task("a"), task("b"), task("c")), 2)
    assert found == {"a": None, "b": None, "c": Status("pending", "the worker is full (2)")}


def test_a_task_without_an_image_fails_and_takes_no_room():
    assert schedule(records(task("a", image=""), task("b")), 1) == {"a": NO_IMAGE, "b": None}


def test_only_the_exclusive_tasks_of_the_highest_priority_are_active():
    low, high = {"IsExclusive": True, "PriorityLevel": 1}, {"IsExclusive": True, "PriorityLevel": 2}
    found = schedule(records(task("a"), task("b", **low), task("c", **high), task("d", **high)), 10)
    assert found == {"a": PAUSED, "b": PAUSED, "c": None, "d": None}


def test_a_task_that_is_being_removed_takes_no_room():
    known = records(task("a"), task("b"))
    known["a"] = replace(known["a"], removed=True)
    assert schedule(known, 1) == {"b": None}


def test_an_update_names_the_tasks_whose_schedule_changed():
    known, it = records(task("a"), task("b")), Schedule(1)
    assert it.update(known, room_for_all=False) == ["b"]
    assert it.inactive_status(known["b"]) == Status("pending", "the worker is full (1)")
    assert it.update(known, room_for_all=False) == []
    assert it.update(known, room_for_all=True) == ["b"]
    assert it.inactive_status(known["b"]) is None


def test_a_task_without_an_image_is_inactive_also_while_there_is_room_for_all():
    (known,) = records(task("a", image="")).values()
    assert Schedule(1).inactive_status(known) == NO_IMAGE
