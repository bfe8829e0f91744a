"""Subscriptions that lead nowhere, and duplicates: which are ended, when, and which never."""

import dataclasses

import pytest
from memory import Memory
from ngsi import IDS
from observe import Members
from references import NOT_REMOVED_S, UNREACHABLE_S, clean, is_dead, remember, task_of
from report import health_report, references, warnings
from serve import LIVE, Shared, verify
from snapshot import BROKER, DESIGNER, DISCOVERY, NGINX, Snapshot

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
def test_a_tasks_deployment_is_known_by_its_reference(reference, correlator, task):
    assert task_of(subscription(reference, correlator=correlator)) == task


def rounds(*broker, tasks=(), start=None, every=2.0, **more):
    """What is ended in each round, as (time, broker, ids)."""
    memory, ended = start or Memory(), []
    for n, held in enumerate(broker):
        snapshot = Snapshot(broker={f"s:{i}": one for i, one in enumerate(held)}, tasks=tasks, **more)
        actions, memory = cleaned(snapshot, memory, n * every)
        ended += [(n * every, action.component, action.names) for action in actions]
    return ended


def cleaned(snapshot, memory, now):
    """One round: what is ended, and the memory after it."""
    memory = remember(snapshot, memory, now)
    return clean(snapshot, memory, now), memory


def test_subscriptions_of_a_deleted_task_are_ended_in_the_second_round():
    held = [subscription(OURS, "id7", "id8")]
    assert rounds(held, held) == [(2.0, BROKER, ("id7", "id8"))]


def test_a_task_whose_deployment_appears_meanwhile_is_left():
    snapshot = Snapshot(broker={"s:0": subscription(OURS)}, tasks=())
    actions, memory = cleaned(snapshot, Memory(), 0.0)
    assert (actions, memory.suspects) == ([], {BROKER: {"id1": 0.0}})
    for now in (2.0, 4.0):
        actions, memory = cleaned(dataclasses.replace(snapshot, tasks=("fogflow-task-ab",)), memory, now)
        assert actions == []


def test_nothing_is_ended_while_the_tasks_are_not_known():
    assert rounds(*[[subscription(OURS)]] * 3, tasks=None) == []


def test_by_its_port_alone_only_a_task_that_ran_here_counts_as_deleted():
    """The same port may be that of a task on a machine outside the cluster."""
    held = [subscription(UPSTREAMS)]
    assert rounds(held, held, held) == []
    assert rounds(held, held, start=Memory(known_tasks=frozenset({"fogflow-task-43210"}))) == [(2.0, BROKER, ("id1",))]


def test_a_task_is_known_to_have_run_here_as_long_as_a_subscription_leads_to_it():
    snapshot = Snapshot(broker={"s:x": subscription(UPSTREAMS)}, tasks=("fogflow-task-43210",))
    memory = remember(snapshot, Memory(), 0.0)
    memory = remember(dataclasses.replace(snapshot, tasks=()), memory, 2.0)
    assert memory.known_tasks == {"fogflow-task-43210"}
    memory = remember(dataclasses.replace(snapshot, tasks=(), broker={}), memory, 4.0)
    assert memory.known_tasks == set()


def test_a_task_is_still_known_while_a_new_process_holds_only_a_part_of_what_will_be_restored():
    saved = {BROKER: {"s:x": subscription(UPSTREAMS)}}
    memory = Memory(known_tasks=frozenset({"fogflow-task-43210"}), saved=saved)
    memory = remember(Snapshot(broker={"e:T1": {}}, tasks=()), memory, 0.0)
    assert memory.known_tasks == {"fogflow-task-43210"}


def test_the_duplicates_of_a_tasks_subscription_are_ended():
    held = [subscription(OURS, "id7", "id8", "id9")]
    assert rounds(held, held, tasks=("fogflow-task-ab",)) == [(2.0, BROKER, ("id8", "id9"))]


def test_duplicates_of_other_subscriptions_are_left_but_not_those_of_the_dashboard():
    one = subscription("http://app.example:1", "id7", "id8", correlator="")
    held = [{**one, "entities": [{"type": "Room"}]}]
    assert rounds(held, held) == []
    page = {
        "subscriptions": {
            "k": {"reference_url": "http://app.example:1", "entity_type": "Room", "destination_broker": "NGSIv1"}
        }
    }
    assert rounds(held, held, designer=page) == [(2.0, BROKER, ("id8",))]


def test_subscriptions_of_replaced_plans_are_ended_at_discovery_after_the_replay():
    memory = Memory(replaced=frozenset({"s:a", "s:b"}), saved={DISCOVERY: {"s:a": {}, "s:c": {}}})
    snapshot = Snapshot(discovery={"s:a": {}, "s:c": {}})
    actions, memory = cleaned(snapshot, memory, 0.0)
    assert [(one.component, one.names) for one in actions] == [(DISCOVERY, ("a",))]
    memory = dataclasses.replace(memory, saved={DISCOVERY: {"s:c": {}}})
    actions, memory = cleaned(dataclasses.replace(snapshot, discovery={"s:c": {}}), memory, 2.0)
    assert actions == []
    assert memory.replaced == set()


def test_a_subscriber_that_is_unreachable_for_minutes_is_reported_and_left():
    held = {"s:x": subscription("http://app.example:1", correlator="", NotifyCache=[{}])}
    snapshot = Snapshot(broker=held, tasks=())
    actions, memory = cleaned(snapshot, Memory(), 0.0)
    assert (actions, memory.unreachable) == ([], {})
    actions, memory = cleaned(snapshot, memory, UNREACHABLE_S)
    assert (actions, memory.unreachable) == ([], {"http://app.example:1": BROKER})
    assert "has not reached the subscriber http://app.example:1" in warnings(snapshot, memory)[0]
    assert remember(dataclasses.replace(snapshot, broker=None), memory, UNREACHABLE_S).unreachable, (
        "not read, not forgotten"
    )
    memory = remember(dataclasses.replace(snapshot, broker={}), memory, UNREACHABLE_S + 2)
    assert (memory.unreachable, memory.since) == ({}, {})


def test_an_entity_is_never_dead():
    assert not is_dead(Snapshot(tasks=()), Memory(), "e:x", {"entityId": {"id": "x"}})


def test_a_subscription_that_a_broker_does_not_end_is_reported_as_long_as_it_exists():
    snapshot = Snapshot(broker={"s:x": subscription(OURS)}, tasks=())
    memory = remember(snapshot, remember(snapshot, Memory(), 0.0), NOT_REMOVED_S - 1)
    assert references(memory) == {"dead": {}, "unreachable": {}}
    memory = remember(snapshot, memory, NOT_REMOVED_S)
    document = health_report(snapshot, memory, stored="", checked_age_s=0.0)
    assert document["references"] == {"dead": {BROKER: [OURS]}, "unreachable": {}}
    assert f"keeps subscriptions of a deleted task, {OURS}" in warnings(snapshot, memory)[0]
    memory = remember(dataclasses.replace(snapshot, broker={}), memory, NOT_REMOVED_S + 2)
    assert references(memory)["dead"] == {}


def test_a_duplicate_of_an_existing_tasks_subscription_is_not_reported_as_dead():
    memory = Memory()
    snapshot = Snapshot(broker={"s:x": subscription(OURS, "id1", "id2")}, tasks=("fogflow-task-ab",))
    for now in (0.0, NOT_REMOVED_S):
        memory = remember(snapshot, memory, now)
    assert references(memory)["dead"] == {}


@pytest.mark.parametrize(
    ("reported", "why"),
    [
        ({"state": "starting"}, ""),
        ({"state": "working", "references": {"dead": {BROKER: [OURS, UPSTREAMS]}}}, f"{BROKER} keeps those of {OURS}, {UPSTREAMS}"),
    ],
)  # fmt: skip
def test_a_verification_names_subscriptions_of_deleted_tasks(reported, why):
    shared = Shared(Members("001", dict.fromkeys((BROKER, DESIGNER, NGINX), "http://127.0.0.1:9")), "")
    shared.report = lambda: {"why": "", **reported}
    (step,) = [one for one in verify(shared)["steps"] if one["name"] == LIVE]
    assert (step["ok"], step["why"]) == (not why, why)
