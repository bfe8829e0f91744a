"""Tasks that were dropped because all workers were full, and tasks that nothing requests any more."""

import dataclasses

import pytest
from decide import record
from demand import (
    FULL_S,
    LONE_S,
    NOT_PLANNED_S,
    NOT_REQUESTED_S,
    REST_S,
    WITHOUT_INPUT_S,
    demand,
    full_warning,
    has_capacity_again,
    is_not_planned,
    missing_tasks,
    remember,
    tasks_without_input,
)
from expected import tasks
from memory import Memory
from snapshot import BROKER, DESIGNER, DISCOVERY, WORKER, Pod, Snapshot
from stored_memory import from_stored, to_stored

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


def a_snapshot(running, free_capacity, **more):
    names = tuple(f"fogflow-task-{n}" for n in range(running))
    devices_and_function = {"designer": function(stream()), "discovery": devices(*["Temp"] * 13)}
    return Snapshot(**devices_and_function, tasks=names, free_capacity=free_capacity, **more)


def rounds(snapshot, memory, start, seconds):
    """One round every two seconds: whether capacity was free again in any of them, what was reported, and the memory after that."""
    found, reported = False, []
    for n in range(int(seconds / 2) + 1):
        now = start + 2.0 * n
        memory = remember(snapshot, memory, now)
        found |= has_capacity_again(memory, now)
        actions = demand(snapshot, memory, now)
        reported += [action.why for action in actions]
        memory = record(snapshot, memory, actions, now)
    return found, reported, memory


def test_with_thirteen_devices_and_capacity_for_ten_three_tasks_are_reported_once_and_planned_when_capacity_is_free():
    assert missing_tasks(a_snapshot(10, 0)) == 3
    found, reported, memory = rounds(a_snapshot(10, 0), Memory(), 0.0, 60.0)
    assert not found
    assert len(reported) == 1
    assert reported[0] == full_warning(memory)
    assert reported[0].startswith("3 tasks were dropped")
    found, reported, _ = rounds(a_snapshot(9, 1), dataclasses.replace(memory, restarted_at=0.0), 62.0, REST_S)
    assert (found, reported) == (True, [])


def test_soon_after_an_ordered_restart_there_is_no_other_one():
    _, _, memory = rounds(a_snapshot(10, 0), Memory(), 0.0, 60.0)
    memory = dataclasses.replace(memory, restarted_at=60.0)
    assert rounds(a_snapshot(9, 1), memory, 62.0, REST_S - 10.0)[:2] == (False, [])


def test_a_burst_of_devices_does_not_count_as_dropped_tasks():
    _, _, memory = rounds(a_snapshot(4, 0), Memory(), 0.0, FULL_S - 4.0)
    _, _, memory = rounds(a_snapshot(13, 0), memory, FULL_S, 60.0)
    assert full_warning(memory) == ""
    assert rounds(a_snapshot(13, 5), memory, 90.0, 300.0)[:2] == (False, [])


@pytest.mark.parametrize("unknown", [{"designer": None}, {"discovery": None}, {"tasks": None}, {"free_capacity": None}])
def test_nothing_is_reported_when_the_number_of_tasks_is_unknown(unknown):
    snapshot = dataclasses.replace(a_snapshot(10, 0), **unknown)
    assert rounds(snapshot, Memory(), 0.0, 60.0)[:2] == (False, [])


# -- tasks that nothing requests -----------------------------------------------------------------------------------------


def requested(database, *, known=True, of=("f", "g")):
    """A snapshot of three tasks of a native worker, and a memory of the time when both functions were stored."""
    memory = Memory(requested=frozenset({"f", "g"}), complete={DESIGNER: "d/0"} if known else {})
    names = {f"fogflow-task-{n}": topology for n, topology in enumerate(of)}
    pods = {DESIGNER: (Pod("d", "d/0"),)}
    return Snapshot(pods=pods, designer=database, tasks=tuple(names), topologies=names, keeps_tasks=True), memory


def removed(snapshot, memory, seconds=2 * NOT_REQUESTED_S):
    """When which tasks are removed, with one round every two seconds."""
    found = []
    for now in range(0, int(seconds), 2):
        memory = remember(snapshot, memory, float(now))
        actions = demand(snapshot, memory, float(now))
        memory = record(snapshot, memory, actions, float(now))
        found += [(now, action.component, action.names) for action in actions if action.kind == "remove"]
    return found


def test_tasks_of_a_function_that_was_deleted_while_the_master_was_down_are_removed():
    snapshot, memory = requested({"fogfunctions": {"f": {}}})
    assert removed(snapshot, memory) == [(NOT_REQUESTED_S, WORKER, ("fogflow-task-1",))]


def test_tasks_of_the_last_function_are_removed_too():
    assert removed(*requested({}))[0][2] == ("fogflow-task-0", "fogflow-task-1")


def test_tasks_of_a_disabled_function_are_removed_too():
    snapshot, memory = requested({"fogfunctions": {"f": {}, "g": {"status": "disabled"}}})
    assert removed(snapshot, memory)[0][2] == ("fogflow-task-1",)


def test_nothing_is_removed_for_a_database_that_may_have_been_lost():
    assert removed(*requested({}, known=False)) == []
    assert removed(*requested(None)) == []


def test_nothing_is_removed_that_was_never_in_the_database():
    """Another program may have requested it."""
    snapshot, memory = requested({"fogfunctions": {"f": {}}}, of=("f", "theirs"))
    assert removed(snapshot, memory) == []


def test_tasks_of_a_function_that_is_stored_again_stay():
    snapshot, memory = requested({"fogfunctions": {"f": {}}})
    assert removed(snapshot, memory, NOT_REQUESTED_S) == []
    again = dataclasses.replace(snapshot, designer={"fogfunctions": {"f": {}, "g": {}}})
    assert removed(again, memory) == []


# -- what the master did not plan, and tasks without input ---------------------------------------------------------------


def planning(have, expected=2, **remembered):
    subscriptions = {f"s:{n}": {"reference": "http://master.ns.svc:1060"} for n in range(have)}
    pods = {DISCOVERY: (Pod("x", "x/0"),), BROKER: (Pod("b", "b/0"),), DESIGNER: (Pod("d", "d/0"),)}
    memory = Memory(complete={DISCOVERY: "x/0", BROKER: "b/0", DESIGNER: "d/0"}, **remembered)
    return Snapshot(pods=pods, discovery=subscriptions, broker={}, tasks=(), expected=expected), memory


def first(rule, snapshot, memory, seconds=400):
    """When the rule first applies, with one round every two seconds."""
    for now in range(0, seconds, 2):
        memory = remember(snapshot, memory, float(now))
        if rule(memory, float(now)) if rule is is_not_planned else rule(snapshot, memory, float(now)):
            return now
    return None


def test_what_the_master_did_not_plan_is_replayed():
    """It was down when a function was stored, or discovery was when the master wanted to subscribe."""
    assert first(is_not_planned, *planning(2)) is None
    assert first(is_not_planned, *planning(1)) == NOT_PLANNED_S


def test_what_several_replays_did_not_bring_is_not_replayed_again():
    snapshot, memory = planning(1, not_replayed=1)
    assert first(is_not_planned, snapshot, memory) is None
    one_more_stored = dataclasses.replace(snapshot, expected=3)
    assert first(is_not_planned, one_more_stored, memory) == NOT_PLANNED_S


def after(seconds, snapshot, memory, begin=0):
    """The memory after so many seconds with this snapshot."""
    for now in range(begin, begin + seconds, 2):
        memory = remember(snapshot, memory, float(now))
    return memory


def test_the_subscription_of_a_plan_that_ended_does_not_count_for_another_one():
    """A function was deleted while discovery was down, so that its subscription stayed, and one is stored that is not planned."""
    snapshot, memory = planning(2, expected=1)
    memory = after(60, snapshot, memory)
    assert (memory.ended_plans, is_not_planned(memory, 60.0)) == (1, False)
    memory = from_stored(to_stored(memory), (BROKER,))  # a keeper that follows
    memory = after(60, dataclasses.replace(snapshot, expected=2), memory, begin=60)
    assert is_not_planned(memory, 118.0)


@pytest.mark.parametrize("seconds", [2, 14])
def test_a_subscription_that_is_just_being_ended_is_no_ended_plan(seconds):
    assert after(seconds, *planning(2, expected=1)).ended_plans == 0


def test_when_less_is_stored_ended_plans_are_counted_anew():
    """The master removed two subscriptions of one function: nothing is missing."""
    snapshot, memory = planning(3, expected=2)
    memory = after(60, snapshot, memory)
    assert memory.ended_plans == 1
    removed = dataclasses.replace(snapshot, expected=1, discovery=dict(list(snapshot.discovery.items())[:1]))
    memory = after(60, removed, memory, begin=60)
    assert (memory.ended_plans, is_not_planned(memory, 118.0)) == (0, False)


def test_a_designer_that_lost_its_database_ends_no_plan():
    snapshot, memory = planning(2, expected=0)
    lost = dataclasses.replace(memory, complete={DISCOVERY: "x/0", BROKER: "b/0"})
    assert after(60, snapshot, lost).ended_plans == 0
    assert after(60, snapshot, memory).ended_plans == 2, "but what users deleted has ended"


def test_replaced_plans_do_not_count():
    snapshot, memory = planning(2, replaced=frozenset({"s:0"}))
    assert first(is_not_planned, snapshot, memory) == NOT_PLANNED_S


@pytest.mark.parametrize("unknown", [{"discovery": None}, {"expected": None}, {"expected": -1}, {"expected": 0}])
def test_nothing_counts_as_missing_where_that_is_unknown(unknown):
    snapshot, memory = planning(0)
    assert first(is_not_planned, dataclasses.replace(snapshot, **unknown), memory) is None


def with_input(*tasks_with_input, tasks=("fogflow-task-1", "fogflow-task-2"), **more):
    snapshot, memory = planning(2)
    held = {
        f"s:{task}": {"reference": f"http://10.0.0.1:{task}", "Subscriber": {"Correlator": "Task.f.t.1"}}
        for task in tasks_with_input
    }
    return dataclasses.replace(snapshot, broker=held, tasks=tasks, **more), memory


def test_a_task_without_input_is_started_again_more_and_more_rarely():
    snapshot, memory = with_input(1)
    assert first(tasks_without_input, snapshot, memory) == WITHOUT_INPUT_S + 1.0
    memory = remember(snapshot, memory, 0.0)
    memory = dataclasses.replace(memory, restarted_at=100.0, input_restarts=1)
    assert not tasks_without_input(snapshot, memory, 100.0 + REST_S - 1.0)
    assert tasks_without_input(snapshot, memory, 100.0 + REST_S) == 1
    assert remember(with_input(1, 2)[0], memory, 300.0).input_restarts == 0


def test_a_native_worker_repairs_its_tasks_input_itself():
    assert first(tasks_without_input, *with_input(1, keeps_tasks=True)) is None


@pytest.mark.parametrize(("fed", "brokers", "found"), [((), 1, True), ((), 2, False), ((1,), 2, True)])
def test_a_worker_that_uses_the_broker_of_an_edge_is_left_alone(fed, brokers, found):
    snapshot, memory = with_input(*fed, brokers=brokers)
    memory = dataclasses.replace(memory, recognizes_input=True)
    assert (first(tasks_without_input, snapshot, memory) is not None) == found


def test_where_no_tasks_subscription_was_ever_recognized_none_is_missing():
    assert first(tasks_without_input, *with_input()) is None


def test_a_service_whose_deployment_does_not_come_is_deleted_and_one_whose_deployment_comes_is_not():
    memory, reaped = Memory(), {}
    for now in range(int(2 * LONE_S)):
        lone = ("fogflow-task-1", "fogflow-task-2") if now < LONE_S / 2 else ("fogflow-task-1",)
        snapshot = Snapshot(lone_services=lone)
        memory = remember(snapshot, memory, float(now))
        for action in demand(snapshot, memory, float(now)):
            reaped.setdefault((action.kind, action.names), now)
    assert reaped == {("reap", ("fogflow-task-1",)): LONE_S}
