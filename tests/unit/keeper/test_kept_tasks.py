"""With a worker whose tasks outlive it: master and designer are put in order, and it and its tasks are left alone."""

import pytest
from cell import (
    BROKER,
    DESIGNER,
    DISCOVERY,
    KEPT,
    MASTER,
    MEMBERS,
    NGINX,
    RABBITMQ,
    TRIO,
    WORKER,
    Memory,
    Pod,
    Snapshot,
)
from decide import decide
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from report import report

from tests.scope import examples
from tests.unit.keeper import slow_cell
from tests.unit.keeper.slow_cell import KEEPS_LIVENESS_S, NODE_S, TOLERATION_S, Cell, Keeper, settled
from tests.unit.keeper.test_convergence import BOUND_S, KUBELETS, converge, hit, story

BUDGET_S = 40

MANY = settings(max_examples=examples(15, 1200), suppress_health_check=list(HealthCheck))
KINDS = ("deleted", "killed", "wedged", "node")
HEARD_S = 10.0  # a new master hears of a worker that goes on with its next heartbeat
LOST_NODE_S = NODE_S + TOLERATION_S + 20.0
ALONE = {"wedged": KEEPS_LIVENESS_S + 15.0, "node": LOST_NODE_S}
"""Of the worker itself: its kubelet and its Deployment see to it, and nobody else."""


def keeping(**how):
    return settled(keeps=True, **how)


def untouched(keeper, tasks):
    """No worker was restarted, no task removed, and each runs as it did."""
    assert keeper.cell.deployments == tasks, story(keeper)
    assert not [a for _, a in keeper.log if a.kind == "reap" or a.component in keeper.cell.workers], story(keeper)


@pytest.mark.parametrize(
    ("kind", "name", "metrics"),
    [*((k, n, True) for k in KINDS for n in MEMBERS), *((k, n, False) for k in ("killed", "node") for n in TRIO)],
)
def test_any_one_failure_heals_and_no_task_notices(kind, name, metrics):
    keeper = keeping(metrics=metrics)
    tasks = dict(keeper.cell.deployments)
    assert tasks
    hit(keeper, kind, name)
    took = converge(keeper, 250.0, most=6)
    untouched(keeper, tasks)
    if name == WORKER:
        assert story(keeper) == [], "it needs nothing"
        assert took <= ALONE.get(kind, BOUND_S[kind])
    elif metrics:
        assert took <= KUBELETS.get(name, BOUND_S[kind] + HEARD_S), story(keeper)


FAILURES = st.tuples(st.sampled_from(KINDS), st.sampled_from(MEMBERS))


@MANY
@example(("node", WORKER), ("killed", MASTER), 10.0, {})  # the replay has to wait until somebody is there to hear it
@example(
    ("wedged", WORKER), ("deleted", DESIGNER), 24.0, {}
)  # the master drops the worker while the replay is on its way
@given(FAILURES, FAILURES, st.floats(0.0, 60.0), st.sampled_from([{}, {"volatile": True}, {"functions": 2}]))
def test_any_two_failures_however_far_apart(first, second, apart, how):
    keeper = keeping(**how)
    tasks = dict(keeper.cell.deployments)
    hit(keeper, *first)
    keeper.run(keeper.cell.now + apart)
    hit(keeper, *second)
    converge(keeper, 300.0, most=20)
    untouched(keeper, tasks)


@MANY
@given(FAILURES, st.floats(0.0, 40.0))
def test_a_keeper_that_is_lost_in_the_middle_of_a_mend_finishes_it(failure, apart):
    keeper = keeping()
    tasks = dict(keeper.cell.deployments)
    hit(keeper, *failure)
    keeper.run(keeper.cell.now + apart)
    hit(keeper, "keeper", "")
    end = keeper.cell.now + 250.0
    while keeper.cell.now < end:
        keeper.run(keeper.cell.now + 5.0)
        if (broker := keeper.cell.process(BROKER)) is not None:
            for entity in ("T1", "T2", "T3"):  # values are not stored: devices publish again
                broker.state.setdefault(f"e:{entity}", {})
    assert keeper.cell.ails() == "", story(keeper)
    assert len(keeper.mends) <= 16, story(keeper)
    untouched(keeper, tasks)


@settings(max_examples=examples(10, 400))
@given(st.floats(1.0, 200.0))
def test_after_a_loss_of_the_bus_master_and_designer_are_restarted_and_nobody_else(seconds):
    keeper = keeping()
    tasks = dict(keeper.cell.deployments)
    keeper.cell.scaled[RABBITMQ] = 0
    hit(keeper, "deleted", RABBITMQ)
    keeper.run(keeper.cell.now + seconds)
    assert not [action for _, action in keeper.log if action.component in TRIO]
    keeper.cell.scaled.clear()
    converge(keeper, 60.0, most=2)
    assert sorted(action.component for _, action in keeper.mends) == [DESIGNER, MASTER]
    untouched(keeper, tasks)


def test_a_lost_master_needs_the_replay_alone_and_a_lost_designer_a_new_master_first():
    for name, expected in ((MASTER, ["replay designer"]), (DESIGNER, ["delete master", "replay designer"])):
        keeper = keeping()
        hit(keeper, "killed", name)
        converge(keeper, 60.0, most=2)
        assert [f"{kind} {of}" for _, kind, of, _ in story(keeper) if kind != "unsubscribe"] == expected


@settings(max_examples=examples(10, 400))
@given(st.floats(0.5, 40.0))
def test_while_one_worker_follows_the_other_nothing_is_done(seconds):
    """Both are on the queue, one of them acts; which pod that is does not matter."""
    keeper = keeping()
    cell, tasks = keeper.cell, dict(keeper.cell.deployments)
    old = cell.roll(WORKER)
    keeper.run(cell.now + seconds)
    if seconds > 5.0:
        seen, _ = cell.look()
        assert (seen.consumers[WORKER], len(seen.pods[WORKER])) == (2, 2)
        assert report(seen, keeper.memory, stored="", checked_age_s=0.0)["components"][WORKER]["state"] == "ok"
    cell.delete(old.name)
    converge(keeper, 30.0, most=0)
    untouched(keeper, tasks)


def test_a_master_lost_in_a_rollout_that_is_stuck_does_not_wait_for_it():
    """The new worker's pod never starts (no image); the one before works, and the replay is heard."""
    keeper = keeping()
    keeper.cell.roll(WORKER)
    newest = keeper.cell.of(WORKER)
    newest.restart_at = float("inf")  # it is never started
    hit(keeper, "killed", MASTER)
    converge(keeper, 60.0, most=1)


@pytest.mark.parametrize("keeps", [False, True])
def test_another_engine_brings_every_task_back_once(keeps):
    """The keeper starts anew with the other engine; its memory is of the one before, whose tasks are gone."""
    before, after = settled(keeps=not keeps), settled(keeps=keeps)
    assert (before.memory.order[WORKER] == KEPT) is not keeps
    after.memory.order = {**after.memory.order, WORKER: before.memory.order[WORKER] + "x" * keeps}
    after.cell.deployments.clear()
    after.cell.of_worker.clear()
    for name in after.cell.workers:
        after.cell.process(name).tasks.clear()
    converge(after, 80.0, most=4)
    assert [action.kind for _, action in after.log if action.component == DESIGNER] == ["replay"]


def a_cell(**more):
    """One look in the middle of a mend: the master is new, and everything else in order."""
    pods = {name: (Pod(f"{name}-x", f"{name}/0"),) for name in MEMBERS}
    held = {"discovery": {}, "broker": {}, "expected": 1, "designer": {"f": 1}, "tasks": (), "brokers": 1}
    said = {"answers": {MASTER: True}, "worker_beat": "1", "consumers": dict.fromkeys(TRIO, 1), "pods": pods}
    return Snapshot(keeps_tasks=True, **{**held, **said, **more})


def with_a_new_master():
    return Memory(order={MASTER: "before", WORKER: KEPT, DESIGNER: f"{DESIGNER}/0"})


def test_upstreams_worker_that_is_still_ending_is_waited_for_before_the_replay():
    """It hears the replay as well, and would start every task a second time."""
    pods, memory = a_cell().pods, with_a_new_master()
    old = Pod("old", "w/0", deleting=True)
    for now in range(30):
        actions, memory = decide(a_cell(pods={**pods, WORKER: (old, *pods[WORKER])}), memory, float(now))
        assert not [action for action in actions if action.component == DESIGNER]
    actions, _ = decide(a_cell(), memory, 31.0)
    assert [(action.kind, action.component) for action in actions] == [("replay", DESIGNER)]


@pytest.mark.parametrize("comes", [True, False])
def test_what_came_while_no_worker_was_listed_is_replayed_and_nothing_else(comes, monkeypatch):
    keeper = keeping()
    cell, tasks = keeper.cell, dict(keeper.cell.deployments)
    hit(keeper, "node", WORKER)
    keeper.run(cell.now + 60.0)
    if comes:
        monkeypatch.setattr(slow_cell, "DEVICES", (*slow_cell.DEVICES, "T4"))
        assert cell.appear("T4")
    converge(keeper, 200.0, most=2)
    assert [action.component for _, action in keeper.mends] == [MASTER, DESIGNER] * comes
    assert tasks.items() <= cell.deployments.items()
    assert len(cell.deployments) == len(tasks) + comes


def test_a_replay_to_a_master_that_lists_no_worker_is_repeated():
    """What it has for nobody it drops for good."""
    memory = with_a_new_master()
    for now in range(3):
        _, memory = decide(a_cell(), memory, float(now))
    assert memory.mend.replaying
    _, memory = decide(a_cell(worker_beat=""), memory, 5.0)
    assert not memory.mend.replaying


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_workers(count):
    """One more needs nothing; of one less the tasks are given to the others."""
    before = keeping(shards=2, workers=2)
    other = keeping(shards=2, workers=count)
    other.memory.order = {
        **{name: one for name, one in before.memory.order.items() if name in (WORKER, f"{WORKER}-1")},
        **{name: one for name, one in other.memory.order.items() if name in (MASTER, DESIGNER)},
    }
    converge(other, 80.0, most=2)
    assert [action.component for _, action in other.mends] == ([MASTER, DESIGNER] if count == 1 else [])
    assert other.memory.order.keys() == set(other.cell.trio)


def test_a_place_of_several_that_a_lost_node_holds_is_made_free():
    keeper = keeping(shards=2, workers=2)
    tasks = dict(keeper.cell.deployments)
    hit(keeper, "node", f"{WORKER}-1")
    converge(keeper, 250.0, most=1)
    assert [(kind, name) for _, kind, name, _ in story(keeper)] == [("end", f"{WORKER}-1")]
    assert keeper.cell.deployments == tasks


def test_a_first_install_is_left_alone_and_learned():
    keeper = Keeper(Cell(functions=0, keeps=True))
    keeper.run(300.0)
    assert story(keeper) == []
    assert keeper.memory.order[WORKER] == KEPT
    assert keeper.memory.order.keys() == set(TRIO)


def test_a_restored_broker_gets_its_subscriptions_back_as_with_upstreams():
    keeper = keeping()
    held = {key for key in keeper.cell.process(BROKER).state if key.startswith("s:")}
    hit(keeper, "killed", BROKER)
    converge(keeper, 60.0, most=1)
    (action,) = (action for _, action in keeper.log)
    assert (action.kind, action.component) == ("restore", BROKER)
    assert held <= keeper.cell.process(BROKER).state.keys()
    assert DISCOVERY not in {action.component for _, action in keeper.log}
    assert NGINX in keeper.cell.names
