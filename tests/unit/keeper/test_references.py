"""Subscriptions that lead nowhere, and those that are there twice: which are ended, when, and which never."""

import dataclasses

import pytest
from cell import BROKER, DESIGNER, DISCOVERY, NGINX, Memory, Snapshot
from ngsi import IDS
from observe import Members
from references import UNENDED_S, UNREACHABLE_S, clean, dead, task_of
from report import _reservations, references, report
from serve import LIVE, Shared, verify

BUDGET_S = 5


def subscription(reference, *sids, correlator="Task.f.t.1", **subscriber):
    return {"reference": reference, "Subscriber": {"Correlator": correlator, **subscriber}, IDS: list(sids or ("id1",))}


OURS = "http://fogflow-task-ab.tasks.svc:8080"
UPSTREAMS = "http://10.96.3.4:43210"


@pytest.mark.parametrize(
    ("reference", "correlator", "task"),
    [
        (OURS, "Task.f.t.1", "fogflow-task-ab"),
        (UPSTREAMS, "Task.f.t.1", "fogflow-task-43210"),
        ("http://[fd00::7]:43210", "Task.f.t.1", "fogflow-task-43210"),
        (UPSTREAMS, "", ""),
        ("http://app.example:43210", "Task.f.t.1", ""),
        ("http://10.96.3.4:0x", "Task.f.t.1", ""),
        ("", "Task.f.t.1", ""),
    ],
)
def test_a_tasks_deployment_is_told_by_its_reference(reference, correlator, task):
    assert task_of(subscription(reference, correlator=correlator)) == task


def looks(*broker, tasks=(), start=None, every=2.0, **more):
    """What is ended at each look, as (time, ids)."""
    memory, ended = start or Memory(), []
    for n, held in enumerate(broker):
        seen = Snapshot(broker={f"s:{i}": one for i, one in enumerate(held)}, tasks=tasks, **more)
        ended += [(n * every, action.component, action.names) for action in clean(seen, memory, n * every)]
    return ended


def test_a_task_that_is_gone_is_unsubscribed_at_the_second_look():
    held = [subscription(OURS, "id7", "id8")]
    assert looks(held, held) == [(2.0, BROKER, ("id7", "id8"))]


def test_one_that_comes_up_meanwhile_is_left():
    held, memory = [subscription(OURS)], Memory()
    assert looks(held, start=memory) == []
    assert looks(held, held, tasks=("fogflow-task-ab",), start=memory) == []


def test_nothing_is_ended_while_the_tasks_are_not_known():
    assert looks(*[[subscription(OURS)]] * 3, tasks=None) == []


def test_by_its_port_only_a_task_that_was_seen_here_is_gone():
    """The same port may be that of a task at a machine outside."""
    held = [subscription(UPSTREAMS)]
    assert looks(held, held, held) == []
    assert looks(held, held, start=Memory(ran=frozenset({"fogflow-task-43210"}))) == [(2.0, BROKER, ("id1",))]


def test_it_is_known_to_have_run_here_as_long_as_something_leads_to_it():
    memory, seen = Memory(), Snapshot(broker={"s:x": subscription(UPSTREAMS)}, tasks=("fogflow-task-43210",))
    clean(seen, memory, 0.0)
    clean(dataclasses.replace(seen, tasks=()), memory, 2.0)
    assert memory.ran == {"fogflow-task-43210"}
    clean(dataclasses.replace(seen, tasks=(), broker={}), memory, 4.0)
    assert memory.ran == set()


def test_it_is_remembered_while_a_new_process_holds_a_little_and_the_rest_is_still_to_be_restored():
    memory = Memory(ran=frozenset({"fogflow-task-43210"}))
    memory.snapshot[BROKER] = {"s:x": subscription(UPSTREAMS)}
    clean(Snapshot(broker={"e:T1": {}}, tasks=()), memory, 0.0)
    assert memory.ran == {"fogflow-task-43210"}


def test_of_one_that_is_there_twice_the_second_is_ended():
    held = [subscription(OURS, "id7", "id8", "id9")]
    assert looks(held, held, tasks=("fogflow-task-ab",)) == [(2.0, BROKER, ("id8", "id9"))]


def test_somebody_elses_may_be_there_twice_but_not_the_dashboards():
    one = subscription("http://app.example:1", "id7", "id8", correlator="")
    held = [{**one, "entities": [{"type": "Room"}]}]
    assert looks(held, held) == []
    page = {
        "subscriptions": {
            "k": {"reference_url": "http://app.example:1", "entity_type": "Room", "destination_broker": "NGSIv1"}
        }
    }
    assert looks(held, held, designer=page) == [(2.0, BROKER, ("id8",))]


def test_what_a_replay_has_replaced_is_ended_at_discovery_once_it_is_over():
    memory = Memory(replaced=frozenset({"s:a", "s:b"}))
    memory.snapshot[DISCOVERY] = {"s:a": {}, "s:c": {}}
    seen = Snapshot(discovery={"s:a": {}, "s:c": {}})
    assert [(one.component, one.names) for one in clean(seen, memory, 0.0)] == [(DISCOVERY, ("a",))]
    memory.snapshot[DISCOVERY] = {"s:c": {}}
    assert clean(dataclasses.replace(seen, discovery={"s:c": {}}), memory, 2.0) == []
    assert memory.replaced == set()


def test_a_subscriber_that_is_away_for_minutes_is_told_and_left():
    memory = Memory()
    seen = Snapshot(broker={"s:x": subscription("http://app.example:1", correlator="", NotifyCache=[{}])}, tasks=())
    assert clean(seen, memory, 0.0) == []
    assert memory.unreachable == {}
    assert clean(seen, memory, UNREACHABLE_S) == []
    assert memory.unreachable == {"http://app.example:1": BROKER}
    assert "has not reached the subscriber http://app.example:1" in _reservations(seen, memory)[0]
    clean(dataclasses.replace(seen, broker={}), memory, UNREACHABLE_S + 2)
    assert (memory.unreachable, memory.since) == ({}, {})


def test_an_entity_is_never_dead():
    assert not dead(Snapshot(tasks=()), Memory(), "e:x", {"entityId": {"id": "x"}})


def test_what_a_broker_keeps_though_it_was_told_to_end_it_is_named_until_it_is_gone():
    memory, seen = Memory(), Snapshot(broker={"s:x": subscription(OURS)}, tasks=())
    clean(seen, memory, 0.0)
    clean(seen, memory, UNENDED_S - 1)
    assert references(memory) == {"dead": {}, "unreachable": {}}
    clean(seen, memory, UNENDED_S)
    told = report(seen, memory, stored="", checked_age_s=0.0)
    assert told["references"] == {"dead": {BROKER: [OURS]}, "unreachable": {}}
    assert f"keeps subscriptions of a task that is gone, {OURS}" in _reservations(seen, memory)[0]
    clean(dataclasses.replace(seen, broker={}), memory, UNENDED_S + 2)
    assert references(memory)["dead"] == {}


def test_one_that_is_there_twice_leads_to_a_task_that_exists():
    memory = Memory()
    seen = Snapshot(broker={"s:x": subscription(OURS, "id1", "id2")}, tasks=("fogflow-task-ab",))
    for at in (0.0, UNENDED_S):
        clean(seen, memory, at)
    assert references(memory)["dead"] == {}


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"state": "starting"}, ""),
        ({"state": "working", "references": {"dead": {BROKER: [OURS, UPSTREAMS]}}}, f"{BROKER} keeps those of {OURS}, {UPSTREAMS}"),
    ],
)  # fmt: skip
def test_a_proof_names_where_subscriptions_lead_to_no_task(told, why):
    its = Shared(Members("001", dict.fromkeys((BROKER, DESIGNER, NGINX), "http://127.0.0.1:9")), "")
    its.state = lambda: {"why": "", **told}
    (step,) = [one for one in verify(its)["steps"] if one["name"] == LIVE]
    assert (step["ok"], step["why"]) == (not why, why)
