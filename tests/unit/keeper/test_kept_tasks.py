"""With the native worker: master and designer are restarted in order, and the worker and its tasks are left alone."""

from dataclasses import replace

import pytest
from decide import decide
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from memory import Memory
from report import health_report
from snapshot import (
    BROKER,
    COMPONENTS,
    DESIGNER,
    DISCOVERY,
    KEPT,
    MASTER,
    NGINX,
    ORDERED,
    RABBITMQ,
    WORKER,
    Pod,
    Snapshot,
)

from tests.scope import examples
from tests.unit.keeper import detailed_model
from tests.unit.keeper.detailed_model import KEEPS_LIVENESS_S, NODE_S, TOLERATION_S, ControlPlane, Keeper, settled
from tests.unit.keeper.test_convergence import BOUND_S, KUBELETS, converge, hit, story

BUDGET_S = 40

MANY = settings(max_examples=examples(8, 1200), suppress_health_check=list(HealthCheck))
KINDS = ("deleted", "killed", "hung", "node")
HEARD_S = 10.0  # a new master hears of a worker that goes on with its next heartbeat
LOST_NODE_S = NODE_S + TOLERATION_S + 20.0
ALONE = {"hung": KEEPS_LIVENESS_S + 15.0, "node": LOST_NODE_S}
"""The worker itself is repaired by its kubelet and its Deployment only."""


def keeping(**how):
    return settled(keeps=True, **how)


def untouched(keeper, tasks):
    """No worker was restarted, no task removed, and each runs as it did."""
    assert keeper.plane.deployments == tasks, story(keeper)
    assert not [a for _, a in keeper.log if a.kind == "reap" or a.component in keeper.plane.workers], story(keeper)


@pytest.mark.parametrize(
    ("kind", "name", "metrics"),
    [*((k, n, True) for k in KINDS for n in COMPONENTS), *((k, n, False) for k in ("killed", "node") for n in ORDERED)],
)
def test_any_one_failure_is_repaired_and_no_task_restarts(kind, name, metrics):
    keeper = keeping(metrics=metrics)
    tasks = dict(keeper.plane.deployments)
    assert tasks
    hit(keeper, kind, name)
    took = converge(keeper, 250.0, most=6)
    untouched(keeper, tasks)
    if name == WORKER:
        assert story(keeper) == [], "it needs nothing"
        assert took <= ALONE.get(kind, BOUND_S[kind])
    elif metrics:
        assert took <= KUBELETS.get(name, BOUND_S[kind] + HEARD_S), story(keeper)


FAILURES = st.tuples(st.sampled_from(KINDS), st.sampled_from(COMPONENTS))


@MANY
@example(("node", WORKER), ("killed", MASTER), 10.0, {})  # the replay has to wait until somebody is there to hear it
@example(
    ("hung", WORKER), ("deleted", DESIGNER), 24.0, {}
)  # the master drops the worker while the replay is on its way
@given(FAILURES, FAILURES, st.floats(0.0, 60.0), st.sampled_from([{}, {"volatile": True}, {"functions": 2}]))
def test_any_two_failures_however_far_apart(first, second, apart, how):
    keeper = keeping(**how)
    tasks = dict(keeper.plane.deployments)
    hit(keeper, *first)
    keeper.run(keeper.plane.now + apart)
    hit(keeper, *second)
    converge(keeper, 300.0, most=20)
    untouched(keeper, tasks)


@MANY
@given(FAILURES, st.floats(0.0, 40.0))
def test_a_keeper_that_is_lost_during_a_repair_finishes_it(failure, apart):
    keeper = keeping()
    tasks = dict(keeper.plane.deployments)
    hit(keeper, *failure)
    keeper.run(keeper.plane.now + apart)
    hit(keeper, "keeper", "")
    end = keeper.plane.now + 250.0
    while keeper.plane.now < end:
        keeper.run(keeper.plane.now + 5.0)
        if (broker := keeper.plane.process(BROKER)) is not None:
            for entity in ("T1", "T2", "T3"):  # values are not stored: devices publish again
                broker.state.setdefault(f"e:{entity}", {})
    assert keeper.plane.fault() == "", story(keeper)
    assert len(keeper.repairs) <= 16, story(keeper)
    untouched(keeper, tasks)


@settings(max_examples=examples(5, 400))
@given(st.floats(1.0, 200.0))
def test_after_a_loss_of_rabbitmq_only_master_and_designer_are_restarted(seconds):
    keeper = keeping()
    tasks = dict(keeper.plane.deployments)
    keeper.plane.scaled[RABBITMQ] = 0
    hit(keeper, "deleted", RABBITMQ)
    keeper.run(keeper.plane.now + seconds)
    assert not [action for _, action in keeper.log if action.component in ORDERED]
    keeper.plane.scaled.clear()
    converge(keeper, 60.0, most=2)
    assert sorted(action.component for _, action in keeper.repairs) == [DESIGNER, MASTER]
    untouched(keeper, tasks)


def test_a_lost_master_needs_the_replay_alone_and_a_lost_designer_a_new_master_first():
    for name, expected in ((MASTER, ["replay designer"]), (DESIGNER, ["delete master", "replay designer"])):
        keeper = keeping()
        hit(keeper, "killed", name)
        converge(keeper, 60.0, most=2)
        assert [f"{kind} {of}" for _, kind, of, _ in story(keeper) if kind != "unsubscribe"] == expected


@settings(max_examples=examples(5, 400))
@given(st.floats(0.5, 40.0))
def test_while_one_worker_follows_the_other_nothing_is_done(seconds):
    """Both are on the queue, one of them acts; which pod that is does not matter."""
    keeper = keeping()
    plane, tasks = keeper.plane, dict(keeper.plane.deployments)
    old = plane.roll(WORKER)
    keeper.run(plane.now + seconds)
    if seconds > 5.0:
        snapshot, _ = plane.observe()
        assert (snapshot.consumers[WORKER], len(snapshot.pods[WORKER])) == (2, 2)
        assert (
            health_report(snapshot, keeper.memory, stored="", checked_age_s=0.0)["components"][WORKER]["state"] == "ok"
        )
    plane.delete(old.name)
    converge(keeper, 30.0, most=0)
    untouched(keeper, tasks)


def test_a_master_lost_in_a_rollout_that_is_stuck_does_not_wait_for_it():
    """The new worker's pod never starts (no image); the one before works, and the replay is heard."""
    keeper = keeping()
    keeper.plane.roll(WORKER)
    newest = keeper.plane.of(WORKER)
    newest.restart_at = float("inf")  # it is never started
    hit(keeper, "killed", MASTER)
    converge(keeper, 60.0, most=1)


@pytest.mark.parametrize("keeps", [False, True])
def test_another_engine_brings_every_task_back_once(keeps):
    """The keeper starts anew with the other engine; its memory is of the one before, whose tasks are gone."""
    before, after = settled(keeps=not keeps), settled(keeps=keeps)
    assert (before.memory.order[WORKER] == KEPT) is not keeps
    order = {**after.memory.order, WORKER: before.memory.order[WORKER] + "x" * keeps}
    after.memory = replace(after.memory, order=order)
    after.plane.deployments.clear()
    after.plane.of_worker.clear()
    for name in after.plane.workers:
        after.plane.process(name).tasks.clear()
    converge(after, 80.0, most=4)
    assert [action.kind for _, action in after.log if action.component == DESIGNER] == ["replay"]


def a_snapshot(**more):
    """A snapshot during an ordered restart: the master is new, and everything else works."""
    pods = {name: (Pod(f"{name}-x", f"{name}/0"),) for name in COMPONENTS}
    held = {"discovery": {}, "broker": {}, "expected": 1, "designer": {"f": 1}, "tasks": (), "brokers": 1}
    said = {"answers": {MASTER: True}, "worker_heartbeat": "1", "consumers": dict.fromkeys(ORDERED, 1), "pods": pods}
    return Snapshot(keeps_tasks=True, **{**held, **said, **more})


def with_a_new_master():
    return Memory(order={MASTER: "before", WORKER: KEPT, DESIGNER: f"{DESIGNER}/0"})


def test_the_replay_waits_for_an_upstream_worker_that_is_still_ending():
    """It hears the replay as well, and would start every task a second time."""
    pods, memory = a_snapshot().pods, with_a_new_master()
    old = Pod("old", "w/0", deleting=True)
    for now in range(30):
        actions, memory = decide(a_snapshot(pods={**pods, WORKER: (old, *pods[WORKER])}), memory, float(now))
        assert not [action for action in actions if action.component == DESIGNER]
    actions, _ = decide(a_snapshot(), memory, 31.0)
    assert [(action.kind, action.component) for action in actions] == [("replay", DESIGNER)]


@pytest.mark.parametrize("comes", [True, False])
def test_what_was_registered_while_no_worker_was_listed_is_replayed_and_nothing_else(comes, monkeypatch):
    keeper = keeping()
    plane, tasks = keeper.plane, dict(keeper.plane.deployments)
    hit(keeper, "node", WORKER)
    keeper.run(plane.now + 60.0)
    if comes:
        monkeypatch.setattr(detailed_model, "DEVICES", (*detailed_model.DEVICES, "T4"))
        assert plane.appear("T4")
    converge(keeper, 200.0, most=2)
    assert [action.component for _, action in keeper.repairs] == [MASTER, DESIGNER] * comes
    assert tasks.items() <= plane.deployments.items()
    assert len(plane.deployments) == len(tasks) + comes


def test_a_replay_to_a_master_that_lists_no_worker_is_repeated():
    """The master drops tasks for which it lists no worker."""
    memory = with_a_new_master()
    for now in range(3):
        _, memory = decide(a_snapshot(), memory, float(now))
    assert memory.restart.replaying
    _, memory = decide(a_snapshot(worker_heartbeat=""), memory, 5.0)
    assert not memory.restart.replaying


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_workers(count):
    """One more needs nothing; of one less the tasks are given to the others."""
    before = keeping(shards=2, workers=2)
    other = keeping(shards=2, workers=count)
    order = {
        **{name: one for name, one in before.memory.order.items() if name in (WORKER, f"{WORKER}-1")},
        **{name: one for name, one in other.memory.order.items() if name in (MASTER, DESIGNER)},
    }
    other.memory = replace(other.memory, order=order)
    converge(other, 80.0, most=2)
    assert [action.component for _, action in other.repairs] == ([MASTER, DESIGNER] if count == 1 else [])
    assert other.memory.order.keys() == set(other.plane.ordered)


def test_a_place_of_several_that_a_lost_node_holds_is_made_free():
    keeper = keeping(shards=2, workers=2)
    tasks = dict(keeper.plane.deployments)
    hit(keeper, "node", f"{WORKER}-1")
    converge(keeper, 250.0, most=1)
    assert [(kind, name) for _, kind, name, _ in story(keeper)] == [("end", f"{WORKER}-1")]
    assert keeper.plane.deployments == tasks


def test_a_first_install_is_left_alone_and_learned():
    keeper = Keeper(ControlPlane(functions=0, keeps=True))
    keeper.run(300.0)
    assert story(keeper) == []
    assert keeper.memory.order[WORKER] == KEPT
    assert keeper.memory.order.keys() == set(ORDERED)


def test_a_restored_broker_gets_its_subscriptions_back_as_with_upstreams():
    keeper = keeping()
    held = {key for key in keeper.plane.process(BROKER).state if key.startswith("s:")}
    hit(keeper, "killed", BROKER)
    converge(keeper, 60.0, most=1)
    (action,) = (action for _, action in keeper.log)
    assert (action.kind, action.component) == ("restore", BROKER)
    assert held <= keeper.plane.process(BROKER).state.keys()
    assert DISCOVERY not in {action.component for _, action in keeper.log}
    assert NGINX in keeper.plane.names
