"""What the edge's keeper does about each loss, and what it leaves alone."""

import pytest
from cell import Pod
from edge_rules import BROKER, WORKER, EdgeMemory, EdgeSeen, decide, report
from restore import RESTORE_TRIES, SHRUNK_S

ENTITY, SUBSCRIPTION = "e:Room1", "s:{}"
HELD = {ENTITY: {"entityId": {"id": "Room1"}}, SUBSCRIPTION: {}}


def pods(broker="b/0", worker="w/0", *, started=True):
    return {BROKER: (Pod("edge-broker-1", broker),), WORKER: (Pod("edge-worker-1", worker, started=started),)}


def seen(**other):
    well = {
        "pods": pods(),
        "answers": True,
        "listed": True,
        "registered": frozenset({"Room1"}),
        "held": HELD,
        "consumers": 1,
    }
    return EdgeSeen(**{**well, **other})


def over(memory, look, seconds, start=0.0):
    """Everything that is done within some seconds of one and the same look."""
    return [mend for at in range(int(seconds) + 1) for mend in decide(look, memory, start + at)]


def test_what_is_well_is_left_alone():
    memory = EdgeMemory()
    assert over(memory, seen(), 120) == []
    assert report(seen(), memory)["state"] == "working"


def test_a_deaf_worker_is_restarted_once_when_it_had_time_to_come():
    memory = EdgeMemory()
    assert over(memory, seen(consumers=0), 14) == []
    assert [mend[:2] for mend in over(memory, seen(consumers=0), 2, 15)] == [("restart", "edge-worker-1")]
    assert over(memory, seen(consumers=0, pods=pods(worker="w2/0")), 10, 18) == [], "the new one has its time, too"


@pytest.mark.parametrize(
    "look",
    [seen(consumers=None), seen(consumers=0, engine="fogflow-k8s"), seen(consumers=0, pods=pods(started=False))],
    ids=["the cloud is away", "our own worker comes back by itself", "it has not started"],
)
def test_a_worker_is_not_restarted_where_that_brings_nothing(look):
    assert over(EdgeMemory(), look, 300) == []


def test_an_outage_does_not_count_as_deafness():
    memory = EdgeMemory()
    for start in range(0, 200, 20):
        assert over(memory, seen(consumers=0), 9, start) == []
        assert over(memory, seen(consumers=None), 9, start + 10) == []


def test_a_broker_that_restarted_gets_back_what_it_held():
    memory = EdgeMemory()
    decide(seen(), memory, 0)
    (mend,) = decide(seen(pods=pods(broker="b/1"), held={}), memory, 3)
    assert mend[:2] == ("restore", [ENTITY, SUBSCRIPTION])
    assert memory.snapshot == HELD, "until it is put back"
    assert decide(seen(pods=pods(broker="b/1")), memory, 6) == []


def test_what_could_not_be_put_back_is_tried_again_and_not_for_ever():
    memory = EdgeMemory()
    decide(seen(), memory, 0)
    empty = seen(pods=pods(broker="b/1"), held={})
    assert [mend[:2] for mend in over(memory, empty, 60, 3)] == [("restore", [ENTITY, SUBSCRIPTION])] * RESTORE_TRIES
    assert decide(seen(pods=pods(broker="b/2")), memory, 70) == [], "the next process has its own tries"
    assert memory.tries == 0


def test_a_restart_that_the_kubelet_tells_of_late_loses_nothing():
    memory = EdgeMemory()
    decide(seen(), memory, 0)
    assert decide(seen(held={}), memory, 3) == []
    (mend,) = decide(seen(pods=pods(broker="b/1"), held={}), memory, 6)
    assert mend[:2] == ("restore", [ENTITY, SUBSCRIPTION])


def test_a_broker_on_its_way_out_does_not_answer_for_the_next_one():
    memory = EdgeMemory()
    decide(seen(), memory, 0)
    both = {**pods(broker="b2/0"), BROKER: (*pods(broker="b2/0")[BROKER], Pod("edge-broker-0", "b/0", deleting=True))}
    assert decide(seen(pods=both), memory, 3) == []
    (mend,) = decide(seen(pods=pods(broker="b2/0"), held={}), memory, 6)
    assert mend[0] == "restore"
    stuck = EdgeMemory(snapshot=dict(HELD), known="b/0")
    assert {mend[0] for mend in over(stuck, seen(pods=both, held={}), 30)} == {"restore"}, (
        "one that never ends holds up nothing"
    )


def test_a_broker_that_holds_less_by_itself_is_believed():
    memory = EdgeMemory()
    decide(seen(), memory, 0)
    assert over(memory, seen(held={}), SHRUNK_S + 1, 3) == []
    assert memory.snapshot == {}


def test_what_came_while_the_cloud_was_away_is_registered():
    memory = EdgeMemory()
    assert over(memory, seen(registered=None), 60) == []
    lost = seen(registered=frozenset())
    assert [mend[:2] for mend in over(memory, lost, 11, 60)] == [("register", [ENTITY])]


@pytest.mark.parametrize(
    ("look", "member", "state"),
    [
        (seen(answers=False, held=None), BROKER, "down"),
        (seen(listed=None), BROKER, "cut off"),
        (seen(listed=False), BROKER, "unregistered"),
        (seen(consumers=None), WORKER, "cut off"),
        (seen(consumers=0), WORKER, "deaf"),
    ],
)
def test_the_report_names_what_is_wrong(look, member, state):
    memory = EdgeMemory()
    assert report(look, memory)["state"] == "starting"
    memory.worked = True
    told = report(look, memory)
    assert (told["state"], told["components"][member]["state"]) == ("degraded", state)
    assert member in told["why"]
