"""The keeper's memory: what of it outlives the keeper's pod, how long conditions have held, and that rules do not change it."""

import copy
import json

import pytest
from decide import decide
from memory import NOT_RESTORED, Condition, Memory, Timer
from snapshot import BROKER, COMPONENTS, DESIGNER, DISCOVERY, MASTER, ORDERED, WORKER, Pod, Snapshot
from stored_memory import from_stored, to_stored

BUDGET_S = 5

STORED_BY_THE_VERSION_BEFORE = {
    "order": {"master": "m/0", "cloud-worker": "w/0", "designer": "d/0"},
    "known": {"discovery": "x/0", "cloud-broker": "b/1"},
    "replaced": ["s:old"],
    "made": {"cloud-broker": ["s:b"]},
    "owners": {"s:b": ["0123456789ab"]},
    "ran": ["fogflow-task-1"],
    "short": 1,
    "unrestored": {"discovery": [], "cloud-broker": ["s:app"]},
    "recoveries": [{"what": "restore discovery", "why": "lacks 3 of 3", "when": "2026-01-01T00:00:00Z"}],
    "snapshot": {"discovery": {"r:T1": {"ID": "T1"}}, "cloud-broker": {"s:app": {}}, "designer": {"fogfunctions": {}}},
}


def test_the_memory_that_the_version_before_stored_is_read_and_stored_as_it_was():
    memory = from_stored(STORED_BY_THE_VERSION_BEFORE, (BROKER,))
    assert memory.order[MASTER] == "m/0"
    assert memory.complete == {DISCOVERY: "x/0", BROKER: "b/1"}
    assert (memory.replaced, memory.broker_subscriptions) == ({"s:old"}, {BROKER: {"s:b"}})
    assert (memory.known_tasks, memory.not_replayed) == ({"fogflow-task-1"}, 1)
    assert memory.missing == {DISCOVERY: {}, BROKER: {"s:app": NOT_RESTORED}, DESIGNER: {}}
    assert memory.recoveries[-1]["what"] == "restore discovery"
    assert memory.saved[DISCOVERY] == {"r:T1": {"ID": "T1"}}
    assert json.loads(json.dumps(to_stored(memory))) == {
        **STORED_BY_THE_VERSION_BEFORE, "ended": 0, "unrestored": {"discovery": [], "cloud-broker": ["s:app"], "designer": []}
    }  # fmt: skip


@pytest.mark.parametrize("key", STORED_BY_THE_VERSION_BEFORE)
def test_a_key_that_is_absent_counts_as_empty_and_an_unknown_one_is_ignored(key):
    stored = {name: each for name, each in STORED_BY_THE_VERSION_BEFORE.items() if name != key} | {"of tomorrow": 1}
    memory = from_stored(stored, (BROKER,))
    assert not to_stored(memory)[key] or key in {"unrestored", "snapshot"}
    assert memory.saved.keys() == {DISCOVERY, BROKER, DESIGNER}


def test_without_anything_stored_the_memory_is_empty_and_has_a_place_for_every_broker():
    memory = from_stored({}, (BROKER, f"{BROKER}-1"))
    assert memory.saved == {name: {} for name in (DISCOVERY, BROKER, DESIGNER, f"{BROKER}-1")}
    assert (memory.order, memory.complete, memory.recoveries) == ({}, {}, ())


def test_values_of_entities_are_not_stored():
    memory = Memory(saved={BROKER: {"e:T1": {"value": 1}, "s:app": {}}})
    assert to_stored(memory)["snapshot"] == {BROKER: {"s:app": {}}}


def test_a_timer_counts_from_the_beginning_of_its_condition_and_starts_anew_after_a_break():
    timer, memory = Timer(Condition.SILENT, MASTER, "m/0"), Memory()
    for now in (1.0, 2.0, 4.0):
        memory = memory.timed(now, [timer], Condition.SILENT)
    assert memory.lasted(4.0, Condition.SILENT, MASTER, "m/0") == 3.0
    assert memory.lasted(4.0, Condition.SILENT, MASTER, "m/1") == -1.0
    memory = memory.timed(5.0, [], Condition.SILENT).timed(6.0, [timer], Condition.SILENT)
    assert memory.lasted(7.0, Condition.SILENT, MASTER, "m/0") == 1.0


def test_timers_of_other_conditions_go_on():
    calm = Timer(Condition.CALM)
    memory = Memory().with_timer(1.0, calm, holds=True).timed(2.0, [], Condition.SILENT)
    assert memory.since == {calm: 1.0}
    assert memory.with_timer(3.0, calm, holds=False).since == {}


def test_a_decision_changes_neither_the_snapshot_nor_the_memory_that_it_got():
    """A master is lost, a broker is new, and a subscription leads nowhere."""
    pods = {name: (Pod(f"{name}-x", f"{name}/1"),) for name in COMPONENTS}
    dead = {"reference": "http://fogflow-task-a.ns:1", "Subscriber": {"Correlator": "Task.a"}, "subscriptionIds": ["1"]}
    snapshot = Snapshot(
        pods=pods, answers=dict.fromkeys(COMPONENTS, False), consumers=dict.fromkeys(ORDERED, 1), worker_heartbeat="1",
        discovery={"s:a": {}}, broker={"s:x": dead}, expected=1, designer={"f": 1}, tasks=("fogflow-task-b",), brokers=1,
    )  # fmt: skip
    memory = from_stored(STORED_BY_THE_VERSION_BEFORE, (BROKER,))
    kinds = set()
    for now in (0.0, 10.0, 20.0, 30.0):
        before = copy.deepcopy((snapshot, memory))
        actions, after = decide(snapshot, memory, now)
        assert (snapshot, memory) == before
        assert after != memory
        memory, kinds = after, kinds | {action.kind for action in actions}
    assert kinds == {"restore", "delete"}
    assert memory.restart
    assert memory.attempts
    assert WORKER in memory.heartbeats
