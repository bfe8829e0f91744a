"""Two brokers and two workers: each is observed, restored and repaired like a single one, in both models."""

from dataclasses import replace

import pytest
from decide import decide
from hung import LOST_S
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from memory import Memory
from report import health_report
from snapshot import BROKER, DISCOVERY, MASTER, NGINX, RABBITMQ, WORKER, Pod, Snapshot, component, instances

from tests.scope import examples, sampled
from tests.unit.keeper.detailed_model import DEVICES, ControlPlane, Keeper
from tests.unit.keeper.detailed_model import settled as slowly_settled
from tests.unit.keeper.simple_model import Sim
from tests.unit.keeper.test_convergence import BOUND_S, KUBELETS, converge, hit, story
from tests.unit.keeper.test_decide import REPAIRED_S, SETTLED_S, SILENCE_S, lose

BUDGET_S = 70

TWO = {"shards": 2, "workers": 2}
NAMES = ControlPlane(**TWO).names
SHARD, SECOND = f"{BROKER}-1", f"{WORKER}-1"
HOW = ["deleted", "killed", "hung"]
SET_NODE_S = 75.0  # 40 s until the cluster says so, then the place has to be made free
MANY = settings(max_examples=examples(10, 1200), suppress_health_check=list(HealthCheck))


def settled():
    sim = Sim(**TWO)
    sim.run(SETTLED_S)
    assert sim.actions == [], "a new control plane needs no repair"
    sim.populate()
    sim.run(30)
    assert sim.works()
    assert sim.actions == []
    assert all(sim.members[name].state for name in sim.workers), "both have tasks"
    return sim


def test_names_of_several():
    assert instances(BROKER, 1) == (BROKER,)
    assert instances(WORKER, 3) == (WORKER, "cloud-worker-1", "cloud-worker-2")
    assert {component(name) for name in instances(WORKER, 12)} == {WORKER}
    assert component(MASTER) == MASTER


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", HOW)
def test_any_one_loss_is_repaired_and_then_nothing_more_is_done(name, how):
    if (name, how) == (NGINX, "hung"):
        return  # its kubelet's business
    sim = settled()
    lose(sim, name, how)
    sim.run(REPAIRED_S)
    assert sim.works(), (sorted(sim.tasks.values()), [(t, a.key) for t, a, _ in sim.actions])
    assert len(sim.actions) <= 9
    before = len(sim.actions)
    sim.run(SILENCE_S)
    assert len(sim.actions) == before, "no action without a cause"


LOSSES = [(kind, name, metrics) for kind in (*HOW, "node") for name in NAMES for metrics in (True, False)]


@pytest.mark.parametrize(
    ("kind", "name", "metrics"), sampled(LOSSES, gate=[one for one in LOSSES if one[2] or one[0] == "deleted"])
)
def test_any_one_failure_is_repaired_in_time(kind, name, metrics):
    keeper = slowly_settled(metrics=metrics, **TWO)
    assert all(keeper.plane.process(one).tasks for one in keeper.plane.workers), "both have tasks"
    hit(keeper, kind, name)
    if name == RABBITMQ and not metrics:
        converge(keeper, 250.0, most=9)
        return
    bound = KUBELETS.get(name, BOUND_S[kind] + (0.0 if metrics else 12.0))
    if kind == "node" and name in keeper.plane.sets:
        bound = SET_NODE_S + 20.0 * (component(name) == WORKER)
    assert converge(keeper, 130.0, most=9) <= bound, story(keeper)


FAILURES = st.tuples(st.sampled_from([*HOW, "node"]), st.sampled_from(NAMES))


@MANY
@example(("deleted", SECOND), ("deleted", WORKER), 5.0)  # one that came during the replay was taken to have no tasks
@example(("deleted", WORKER), ("killed", BROKER), 7.0)  # it was back before anybody saw that it had missed the replay
@example(
    ("node", WORKER), ("deleted", RABBITMQ), 49.0
)  # the pod of a lost node is force-deleted, although RabbitMQ is down
@given(FAILURES, FAILURES, st.floats(0.0, 60.0))
def test_any_two_failures_however_far_apart(first, second, apart):
    keeper = slowly_settled(**TWO)
    hit(keeper, *first)
    keeper.run(keeper.plane.now + apart)
    hit(keeper, *second)
    converge(keeper, 220.0, most=24)


@MANY
@given(FAILURES, st.floats(0.0, 40.0))
def test_a_keeper_that_is_lost_during_a_repair_finishes_it(failure, apart):
    keeper = slowly_settled(**TWO)
    hit(keeper, *failure)
    keeper.run(keeper.plane.now + apart)
    hit(keeper, "keeper", "")
    end = keeper.plane.now + 180.0
    while keeper.plane.now < end:
        keeper.run(keeper.plane.now + 5.0)
        for device in DEVICES:  # values are not stored: devices publish again
            if broker := keeper.plane.process(keeper.plane.shard_of(device)):
                broker.state.setdefault(f"e:{device}", {})
    assert keeper.plane.fault() == "", story(keeper)
    assert len(keeper.repairs) <= 20, story(keeper)


@pytest.mark.parametrize("how", [{}, TWO])
@pytest.mark.parametrize("name", [DISCOVERY, BROKER])
def test_one_that_misses_a_replay_and_is_back_before_anybody_sees_that_it_is_new(name, how):
    """A kubelet tells of a restart a second late: what was said meanwhile is lost, and nothing else shows it."""
    for apart in range(8, 21):
        keeper = slowly_settled(**how)
        hit(keeper, "deleted", RABBITMQ)
        keeper.run(keeper.plane.now + apart)
        hit(keeper, "killed", name)
        keeper.run(keeper.plane.now + 150.0)
        assert keeper.plane.fault() == "", (apart, story(keeper))


def test_a_lost_shard_costs_no_task_and_only_its_own_state_is_restored():
    keeper = slowly_settled(**TWO)
    tasks = dict(keeper.plane.deployments)
    hit(keeper, "killed", SHARD)
    converge(keeper, 60.0, most=1)
    assert [(kind, name) for _, kind, name, _ in story(keeper)] == [("restore", SHARD)]
    assert keeper.plane.deployments == tasks


def test_a_lost_worker_takes_the_other_one_along_and_every_task_runs_once():
    keeper = slowly_settled(**TWO)
    hit(keeper, "killed", SECOND)
    converge(keeper, 60.0, most=6)
    deleted = {name for _, kind, name, _ in story(keeper) if kind == "delete"}
    assert deleted == {MASTER, WORKER, SECOND}


def test_with_many_of_both_the_first_install_is_left_alone():
    keeper = Keeper(ControlPlane(functions=0, shards=3, workers=4))
    keeper.run(300.0)
    assert story(keeper) == []


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_workers_brings_every_task_back(count):
    """The keeper starts anew with the number; the master still plans tasks of those that are gone."""
    keeper = slowly_settled(**TWO)
    memory, functions = keeper.memory, keeper.plane.functions
    other = slowly_settled(functions=functions, shards=2, workers=count)
    order = {**memory.order, **other.memory.order}
    if count > 2:
        del order[f"{WORKER}-2"]
    other.memory = replace(other.memory, order=order)
    converge(other, 80.0, most=2 + count)
    assert other.memory.order.keys() == set(other.plane.ordered)


# -- a place that a lost node holds -----------------------------------------------------------------------------------------


def snapshot(*pods, **more):
    return Snapshot(pods={SHARD: pods}, shards=(BROKER, SHARD), **more)


def test_only_a_pod_that_is_being_deleted_and_not_ready_for_long_is_force_deleted():
    there = Pod("cloud-broker-1", "a/0", ready=False, deleting=True)
    for pod in (Pod("cloud-broker-1", "a/0"), Pod("cloud-broker-1", "a/0", deleting=True)):
        memory = Memory()
        for now in (0.0, LOST_S * 2):
            actions, memory = decide(snapshot(pod), memory, now)
            assert actions == []
    memory = Memory()
    assert decide(snapshot(there), memory, 0.0)[0] == []
    _, memory = decide(snapshot(there), memory, 1.0)
    ((action,), _) = decide(snapshot(there), memory, 1.0 + LOST_S)
    assert (action.kind, action.component, action.target, action.grace_s) == ("end", SHARD, "cloud-broker-1", 0)


def test_a_deployment_replaces_a_lost_pod_by_itself():
    there = Pod("cloud-broker-x", "a/0", ready=False, deleting=True)
    memory = Memory()
    for now in (0.0, 100.0):
        actions, memory = decide(Snapshot(pods={BROKER: (there,)}), memory, now)
        assert actions == []


# -- what is told -----------------------------------------------------------------------------------------------------------


def test_every_member_is_in_the_report_with_its_own_signals():
    sim = settled()
    told = health_report(sim.observe(), sim.memory, stored="", checked_age_s=0.0)
    assert told["state"] == "working"
    assert list(told["components"]) == [
        RABBITMQ, DISCOVERY, BROKER, SHARD, MASTER, WORKER, SECOND, "designer", NGINX
    ]  # fmt: skip
    assert told["snapshot"]["entities"] == 2
    sim.hang(SHARD)
    sim.members[SECOND].bus = None
    told = health_report(sim.observe(), sim.memory, stored="", checked_age_s=0.0)["components"]
    assert {name for name, each in told.items() if each["state"] != "ok"} == {SHARD, SECOND}
    assert told[SECOND]["state"] == "disconnected"


def test_a_broker_that_discovery_does_not_list_is_reported():
    sim = settled()
    sim.members[DISCOVERY].state.discard(SHARD)
    told = health_report(sim.observe(), sim.memory, stored="", checked_age_s=0.0)
    assert told["state"] == "degraded"
    assert told["components"][SHARD]["why"] == "discovery lists 1 of 2 brokers"
