"""Tasks that were dropped as all workers were full, and tasks that nobody asks for any more."""

import dataclasses

import pytest
from cell import BROKER, DESIGNER, DISCOVERY, WORKER, Memory, Pod, Snapshot
from demand import (
    FULL_S,
    REST_S,
    UNASKED_S,
    UNFED_S,
    UNTAKEN_S,
    demand,
    not_taken_up,
    room_again,
    too_full,
    unfed,
    without_task,
)
from expected import tasks

BUDGET_S = 5


def topology(*streams):
    return {"name": "f", "tasks": [{"name": "t", "operator": "o", "input_streams": list(streams)}]}


def stream(kind="Temp", **more):
    return {"selected_type": kind, "groupby": "EntityID", "scoped": False, **more}


def function(*streams, **more):
    return {"fogfunctions": {"f": {"topology": topology(*streams), "intent": {"topology": "f"}, **more}}}


def devices(*types):
    return {f"r:{n}": {"ID": str(n), "Type": kind} for n, kind in enumerate(types)} | {"s:x": {"Type": "Temp"}}


@pytest.mark.parametrize(
    ("database", "types", "count"),
    [
        (function(stream()), ["Temp", "Temp", "Room"], 2),
        (function(stream()), ["Temp2", "MyTemp", "temp"], 2),  # an unanchored regular expression
        (function(stream("Te(mp")), ["Te(mp", "Temp"], 1),  # that cannot be read as one
        (function(stream(groupby="ALL")), ["Temp", "Temp"], 1),
        (function(stream(scoped=True)), ["Temp", "Temp"], 1),
        (function(stream(), stream("Room")), ["Temp", "Temp", "Room"], 1),
        (function(stream(), stream("Room")), ["Temp", "Temp"], 0),
        (function(stream(), status="disabled"), ["Temp"], 0),
        (function(stream(), intent={"topology": "f", "priority": {"exclusive": True}}), ["Temp"], 0),
        ({"fogfunctions": {"f": {"input": "Temp"}}}, ["Temp"], 0),
        ({"serviceintents": {"i": {"topology": "f"}, "j": {"topology": "f"}}, "topologies": {"f": topology(stream())}}, ["Temp"], 1),
        ({}, ["Temp"], 0),
    ],
)  # fmt: skip
def test_tasks_are_counted_as_the_master_makes_them(database, types, count):
    assert tasks(database, devices(*types)) == count


def a_cell(running, room, **more):
    names = tuple(f"fogflow-task-{n}" for n in range(running))
    return Snapshot(designer=function(stream()), discovery=devices(*["Temp"] * 13), tasks=names, room=room, **more)


def over(seen, memory, start, seconds):
    """Whether there was room again at any look, and what was said, in this time."""
    found, said = False, []
    for n in range(int(seconds / 2) + 1):
        found |= room_again(seen, memory, start + 2.0 * n)
        said += [action.why for action in demand(seen, memory, start + 2.0 * n)]
    return found, said


def test_thirteen_devices_and_room_for_ten_are_told_once_and_planned_when_there_is_room():
    memory = Memory()
    assert without_task(a_cell(10, 0)) == 3
    found, said = over(a_cell(10, 0), memory, 0.0, 60.0)
    assert not found
    assert len(said) == 1
    assert said[0] == too_full(memory)
    assert said[0].startswith("3 tasks were dropped")
    memory.mended_at = 0.0
    found, said = over(a_cell(9, 1), memory, 62.0, REST_S)
    assert (found, said) == (True, [])


def test_soon_after_a_mend_there_is_no_other():
    memory = Memory()
    over(a_cell(10, 0), memory, 0.0, 60.0)
    memory.mended_at = 60.0
    assert over(a_cell(9, 1), memory, 62.0, REST_S - 10.0) == (False, [])


def test_a_burst_that_is_being_worked_off_is_no_drop():
    memory = Memory()
    over(a_cell(4, 0), memory, 0.0, FULL_S - 4.0)
    over(a_cell(13, 0), memory, FULL_S, 60.0)
    assert too_full(memory) == ""
    assert over(a_cell(13, 5), memory, 90.0, 300.0) == (False, [])


@pytest.mark.parametrize("unknown", [{"designer": None}, {"discovery": None}, {"tasks": None}, {"room": None}])
def test_nothing_is_said_of_what_cannot_be_told(unknown):
    memory = Memory()
    assert over(dataclasses.replace(a_cell(10, 0), **unknown), memory, 0.0, 60.0) == (False, [])


# -- what nobody asks for ------------------------------------------------------------------------------------------------


def keeping(database, *, known=True, of=("f", "g")):
    """A look at three tasks of a worker that keeps them, and a memory of when both functions were stored."""
    memory = Memory(asked=frozenset({"f", "g"}))
    if known:
        memory.known[DESIGNER] = "d/0"
    names = {f"fogflow-task-{n}": topology for n, topology in enumerate(of)}
    pods = {DESIGNER: (Pod("d", "d/0"),)}
    return Snapshot(pods=pods, designer=database, tasks=tuple(names), topologies=names, keeps_tasks=True), memory


def removed(seen, memory, seconds=2 * UNASKED_S):
    found = [(now, action) for now in range(0, int(seconds), 2) for action in demand(seen, memory, float(now))]
    return [(now, action.component, action.names) for now, action in found if action.kind == "remove"]


def test_tasks_of_a_function_that_was_deleted_while_the_master_was_away_are_removed():
    seen, memory = keeping({"fogfunctions": {"f": {}}})
    assert removed(seen, memory)[0] == (UNASKED_S, WORKER, ("fogflow-task-1",))


def test_the_last_one_too():
    assert removed(*keeping({}))[0][2] == ("fogflow-task-0", "fogflow-task-1")


def test_those_of_a_disabled_function_too():
    seen, memory = keeping({"fogfunctions": {"f": {}, "g": {"status": "disabled"}}})
    assert removed(seen, memory)[0][2] == ("fogflow-task-1",)


def test_nothing_is_removed_for_a_database_that_may_have_been_lost():
    assert removed(*keeping({}, known=False)) == []
    assert removed(*keeping(None)) == []


def test_nothing_is_removed_that_was_never_in_the_database():
    """Somebody else may have asked for it."""
    seen, memory = keeping({"fogfunctions": {"f": {}}}, of=("f", "theirs"))
    assert removed(seen, memory) == []


def test_one_that_is_asked_for_again_stays():
    seen, memory = keeping({"fogfunctions": {"f": {}}})
    assert removed(seen, memory, UNASKED_S) == []
    again = dataclasses.replace(seen, designer={"fogfunctions": {"f": {}, "g": {}}})
    assert removed(again, memory) == []


# -- what was never taken up, and what is told nothing -----------------------------------------------------------------


def taking_up(have, expected=2):
    subscriptions = {f"s:{n}": {"reference": "http://master.ns.svc:1060"} for n in range(have)}
    pods = {DISCOVERY: (Pod("x", "x/0"),), BROKER: (Pod("b", "b/0"),)}
    memory = Memory(known={DISCOVERY: "x/0", BROKER: "b/0"})
    return Snapshot(pods=pods, discovery=subscriptions, broker={}, tasks=(), expected=expected), memory


def first(rule, seen, memory, seconds=400):
    return next((now for now in range(0, seconds, 2) if rule(seen, memory, float(now))), None)


def test_what_the_master_did_not_take_up_is_replayed():
    """It was away when a function was stored, or discovery was when it wanted to subscribe."""
    assert first(not_taken_up, *taking_up(2)) is None
    assert first(not_taken_up, *taking_up(1)) == UNTAKEN_S


def test_what_several_replays_did_not_bring_is_not_replayed_again():
    seen, memory = taking_up(1)
    memory.short = 1
    assert first(not_taken_up, seen, memory) is None
    assert first(not_taken_up, dataclasses.replace(seen, expected=3), memory) == UNTAKEN_S, "one more was stored"


def test_former_plans_do_not_stand_for_those_that_are_missing():
    seen, memory = taking_up(2)
    memory.replaced = frozenset({"s:0"})
    assert first(not_taken_up, seen, memory) == UNTAKEN_S


@pytest.mark.parametrize("unknown", [{"discovery": None}, {"expected": None}, {"expected": -1}, {"expected": 0}])
def test_nothing_is_missing_where_it_cannot_be_told(unknown):
    seen, memory = taking_up(0)
    assert first(not_taken_up, dataclasses.replace(seen, **unknown), memory) is None


def feeding(*fed, tasks=("fogflow-task-1", "fogflow-task-2"), **more):
    seen, memory = taking_up(2)
    held = {
        f"s:{task}": {"reference": f"http://10.0.0.1:{task}", "Subscriber": {"Correlator": "Task.f.t.1"}}
        for task in fed
    }
    return dataclasses.replace(seen, broker=held, tasks=tasks, **more), memory


def test_a_task_that_no_broker_tells_anything_is_started_anew_more_and_more_rarely():
    seen, memory = feeding(1)
    assert first(unfed, seen, memory) == UNFED_S + 1.0
    memory.mended_at = 100.0
    assert not unfed(seen, memory, 100.0 + REST_S - 1.0)
    assert unfed(seen, memory, 100.0 + REST_S) == 1
    unfed(feeding(1, 2)[0], memory, 300.0)
    assert memory.fed == 0


def test_a_worker_that_keeps_its_tasks_sees_to_it_itself():
    assert first(unfed, *feeding(1, keeps_tasks=True)) is None


@pytest.mark.parametrize(("fed", "brokers", "told"), [((), 1, True), ((), 2, False), ((1,), 2, True)])
def test_a_worker_that_uses_the_broker_of_an_edge_is_left_alone(fed, brokers, told):
    seen, memory = feeding(*fed, brokers=brokers)
    memory.feeds = True
    assert (first(unfed, seen, memory) is not None) == told


def test_where_no_tasks_subscription_was_ever_recognised_nobody_lacks_one():
    assert first(unfed, *feeding()) is None
