"""What the edge's keeper does about each loss, and what it leaves alone."""

from argparse import Namespace
from types import SimpleNamespace

import edge
import pytest
from edge_rules import BROKER, CALM_S, WORKER, EdgeMemory, EdgeSnapshot, decide, report
from http_json import Server
from ngsi import IDS
from references import NOT_REMOVED_S, UNREACHABLE_S
from restore import RESTORE_ATTEMPTS, RETRY_S, SHRUNK_S
from serve import LIVE, Shared
from snapshot import Pod

from tests.unit.keeper.stub import stub

ENTITY, SUBSCRIPTION = "e:Room1", "s:{}"
HELD = {ENTITY: {"entityId": {"id": "Room1"}}, SUBSCRIPTION: {}}
APP = {"s:app": {"reference": "http://app.example:1", IDS: ["id1"]}}
"""Its id shows that two readings are of the same process."""
GONE = "http://fogflow-task-ab.tasks.svc:8080"


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
    return EdgeSnapshot(**{**well, **other})


def task(*sids, reference=GONE):
    """A task's subscription, with the ids that it has at the broker."""
    return {"s:task": {"reference": reference, "Subscriber": {"Correlator": "Task.f.t.1"}, IDS: list(sids)}}


def over(memory, look, seconds, start=0.0):
    """Everything that is done within some seconds of the same snapshot."""
    return [repair for at in range(int(seconds) + 1) for repair in decide(look, memory, start + at)]


def test_what_is_well_is_left_alone():
    memory = EdgeMemory()
    assert over(memory, seen(), 120) == []
    assert report(seen(), memory)["state"] == "working"


def test_a_disconnected_worker_is_restarted_once_after_it_had_time_to_connect():
    memory = EdgeMemory()
    assert over(memory, seen(consumers=0), 14) == []
    assert [repair[:2] for repair in over(memory, seen(consumers=0), 2, 15)] == [("restart", "edge-worker-1")]
    assert over(memory, seen(consumers=0, pods=pods(worker="w2/0")), 10, 18) == [], "the new one has its time, too"


@pytest.mark.parametrize(
    "look",
    [seen(consumers=None), seen(consumers=0, implementation="native"), seen(consumers=0, pods=pods(started=False))],
    ids=["the cloud is down", "the native worker reconnects by itself", "it has not started"],
)
def test_a_worker_is_not_restarted_where_that_does_not_help(look):
    assert over(EdgeMemory(), look, 300) == []


def test_an_outage_of_rabbitmq_does_not_count_as_a_disconnected_worker():
    memory = EdgeMemory()
    for start in range(0, 200, 20):
        assert over(memory, seen(consumers=0), 9, start) == []
        assert over(memory, seen(consumers=None), 9, start + 10) == []


def test_a_broker_that_restarted_gets_back_what_it_held():
    memory = EdgeMemory()
    decide(seen(), memory, 0)
    (repair,) = decide(seen(pods=pods(broker="b/1"), held={}), memory, 3)
    assert repair[:2] == ("restore", [ENTITY, SUBSCRIPTION])
    assert memory.saved == HELD, "until it is restored"
    assert decide(seen(pods=pods(broker="b/1")), memory, 6) == []


def test_what_could_not_be_restored_is_kept_reported_and_tried_again_every_minute():
    memory = EdgeMemory()
    decide(seen(), memory, 0)
    empty = seen(pods=pods(broker="b/1"), held={})
    all_of_it = ("restore", [ENTITY, SUBSCRIPTION])
    assert [repair[:2] for repair in over(memory, empty, 60, 3)] == [all_of_it] * RESTORE_ATTEMPTS
    assert [repair[:2] for repair in over(memory, empty, 2 * RETRY_S + 5, 64)] == [all_of_it] * 2
    told = report(empty, memory)
    assert (told["snapshot"]["unrestored"], told["snapshot"]["entities"]) == (2, 1)
    assert "edge-broker does not accept 2 of the items that it lost" in told["why"]
    decide(seen(pods=pods(broker="b/1")), memory, 300)
    assert report(seen(), memory)["snapshot"]["unrestored"] == 0


def test_a_restore_with_progress_is_not_given_up():
    memory = EdgeMemory()
    many = {f"e:N{n}": {} for n in range(30)}
    decide(seen(held=many), memory, 0)
    held, now = {}, 0
    while held != many and now < 1000:
        now += 3
        for repair in decide(seen(pods=pods(broker="b/1"), held=dict(held), registered=None), memory, now):
            held.update({key: {} for key in repair[1][:2]})  # a bad link: so many in the time of one request
    assert held == many


def test_what_was_deleted_does_not_come_back_even_when_its_broker_is_lost_right_after():
    memory = EdgeMemory()
    decide(seen(held={**HELD, **APP}), memory, 0)
    decide(seen(held=APP), memory, 3)
    (repair,) = decide(seen(pods=pods(broker="b/1"), held={}), memory, 6)
    assert repair[:2] == ("restore", ["s:app"])


def test_subscriptions_of_deleted_tasks_are_ended_and_not_restored():
    memory, look = EdgeMemory(), seen(held={**HELD, **task("id7", "id8")}, tasks=())
    assert decide(look, memory, 0) == [], "its Deployment may come"
    assert [repair[:2] for repair in decide(look, memory, 3)] == [("unsubscribe", ["id7", "id8"])]
    (repair,) = decide(seen(pods=pods(broker="b/1"), held={}, tasks=()), memory, 6)
    assert repair[:2] == ("restore", [ENTITY, SUBSCRIPTION])


def test_the_duplicate_of_a_tasks_subscription_is_ended():
    memory, look = EdgeMemory(), seen(held={**HELD, **task("id7", "id8")}, tasks=("fogflow-task-ab",))
    decide(look, memory, 0)
    assert [repair[:2] for repair in decide(look, memory, 3)] == [("unsubscribe", ["id8"])]


@pytest.mark.parametrize(
    ("tasks", "reference"),
    [(None, GONE), (("fogflow-task-ab",), GONE), ((), "http://10.96.3.4:43210")],
    ids=["tasks are not known", "the task exists", "a task that never ran here, by its port alone"],
)
def test_subscriptions_that_may_be_alive_are_left(tasks, reference):
    held = {**HELD, **task("id7", reference=reference)}
    assert over(EdgeMemory(), seen(held=held, tasks=tasks), 60) == []


def test_what_the_broker_does_not_end_is_tried_again_with_growing_pauses_and_reported():
    memory, look = EdgeMemory(), seen(held={**HELD, **task("id7")}, tasks=())
    assert 3 <= len(over(memory, look, NOT_REMOVED_S)) <= 5
    told = report(look, memory)
    assert (told["state"], told["references"]["dead"]) == ("working", {BROKER: [GONE]})
    assert f"keeps subscriptions of a deleted task, {GONE}" in told["why"]


def test_what_was_tried_in_vain_is_forgotten_when_all_has_been_well_for_some_time():
    memory, look = EdgeMemory(), seen(held={**HELD, **task("id7")}, tasks=())
    over(memory, look, 70)
    assert over(memory, seen(tasks=()), CALM_S, 71) == []
    assert len(over(memory, look, 3, 100)) == 1


def test_a_subscriber_that_is_unreachable_for_minutes_is_reported_and_left():
    away = {"s:app": {**APP["s:app"], "Subscriber": {"NotifyCache": [{}]}}}
    memory, look = EdgeMemory(), seen(held={**HELD, **away}, tasks=())
    assert over(memory, look, UNREACHABLE_S) == []
    told = report(look, memory)
    assert told["references"]["unreachable"] == {BROKER: ["http://app.example:1"]}
    assert "edge-broker has not reached the subscriber http://app.example:1" in told["why"]


def test_a_restart_that_the_kubelet_reports_late_loses_nothing():
    memory = EdgeMemory()
    decide(seen(), memory, 0)
    assert decide(seen(held={}), memory, 3) == []
    (repair,) = decide(seen(pods=pods(broker="b/1"), held={}), memory, 6)
    assert repair[:2] == ("restore", [ENTITY, SUBSCRIPTION])


def test_the_state_of_a_broker_that_is_ending_is_not_taken_for_the_next_ones():
    memory = EdgeMemory()
    decide(seen(), memory, 0)
    both = {**pods(broker="b2/0"), BROKER: (*pods(broker="b2/0")[BROKER], Pod("edge-broker-0", "b/0", deleting=True))}
    assert decide(seen(pods=both), memory, 3) == []
    (repair,) = decide(seen(pods=pods(broker="b2/0"), held={}), memory, 6)
    assert repair[0] == "restore"
    stuck = EdgeMemory()
    decide(seen(), stuck, -10)
    assert {repair[0] for repair in over(stuck, seen(pods=both, held={}), 30)} == {"restore"}, (
        "one that never ends holds up nothing"
    )


def test_a_broker_that_holds_less_by_itself_is_believed():
    memory = EdgeMemory()
    decide(seen(), memory, 0)
    assert over(memory, seen(held={}), SHRUNK_S + 1, 3) == []
    assert memory.saved == {}


def test_what_was_published_while_the_cloud_was_down_is_registered():
    memory = EdgeMemory()
    assert over(memory, seen(registered=None), 60) == []
    lost = seen(registered=frozenset())
    assert [repair[:2] for repair in over(memory, lost, 11, 60)] == [("register", [ENTITY])]


@pytest.mark.parametrize(
    ("look", "member", "state"),
    [
        (seen(answers=False, held=None), BROKER, "down"),
        (seen(listed=None), BROKER, "cut off"),
        (seen(listed=False), BROKER, "unregistered"),
        (seen(consumers=None), WORKER, "cut off"),
        (seen(consumers=0), WORKER, "disconnected"),
    ],
)
def test_the_report_names_what_is_wrong(look, member, state):
    memory = EdgeMemory()
    assert report(look, memory)["state"] == "starting"
    memory.worked = True
    told = report(look, memory)
    assert (told["state"], told["components"][member]["state"]) == ("degraded", state)
    assert member in told["why"]


# -- the program -------------------------------------------------------------------------------------------------------


@pytest.fixture
def broker():
    """It holds the subscription of a task."""
    one = task()["s:task"]
    del one[IDS]
    answers = {
        "GET /version": {}, "GET /ngsi10/entity": [], "GET /ngsi10/subscription": {"id7": one},
        "GET /ngsi9/broker": {"Broker.002": {}}, "POST /ngsi9/discoverContextAvailability": {},
        "POST /ngsi10/unsubscribeContext": {},
    }  # fmt: skip
    with stub(answers) as it:
        yield it


@pytest.fixture
def program(broker, tmp_path):
    made = []
    yield lambda tasks: made.append(_program(broker, tmp_path, tasks)) or made[-1]
    for each in made:
        each.broker.close()
        each.discovery.close()


def _program(broker, tmp_path, tasks):
    options = Namespace(
        site="002", implementation="upstream", bus="127.0.0.1:1", user="u", password_file=tmp_path / "none"
    )
    kube = SimpleNamespace(pods=pods, tasks=tasks, write_report=lambda _: None)
    shared = Shared(SimpleNamespace(urls={}), "")
    return edge.Edge(options, kube, shared, Server(broker.url), Server(broker.url))


def test_it_lists_the_tasks_and_ends_subscriptions_of_deleted_ones_at_its_broker(program, broker, monkeypatch):
    now = iter(range(0, 1000, 10))
    monkeypatch.setattr(edge, "time", SimpleNamespace(monotonic=lambda: next(now), time=lambda: 0.0))
    it = program(dict)
    it.turn()
    it.turn()
    ended = [body for key, body, _ in broker.asked if key == "POST /ngsi10/unsubscribeContext"]
    assert ended == [{"subscriptionId": "id7"}]
    assert it.memory.repairs[-1]["why"] == "1 subscriptions of deleted tasks"


def test_without_a_right_to_list_tasks_none_counts_as_deleted(program):
    def refused():
        raise OSError

    assert program(refused).look().tasks is None


def test_its_verification_names_what_it_could_not_end(program):
    it = program(dict)
    it.options.cloud = "127.0.0.1:1"
    it.shared.report = lambda: {"references": {"dead": {BROKER: [GONE]}}}
    (step,) = [one for one in it.prove(it.shared)["steps"] if one["name"] == LIVE]
    assert (step["ok"], step["why"]) == (False, f"{BROKER} keeps those of {GONE}")
