"""`decide` against the detailed model: overlapping pods, init containers, grace periods, lost nodes, and a keeper that is lost, too."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from memory import Condition
from ordered_restart import DOUBLED_S
from report import health_report
from snapshot import BROKER, COMPONENTS, DISCOVERY, MASTER, NGINX, ORDERED, RABBITMQ, WORKER

from tests.scope import ALL, examples, sampled
from tests.unit.keeper import detailed_model
from tests.unit.keeper.detailed_model import DEVICES, NODE_S, TOLERATION_S, ControlPlane, Keeper, settled
from tests.unit.keeper.test_decide import SILENCE_S

BUDGET_S = 80

BOUND_S = {"deleted": 20.0, "killed": 20.0, "hung": 40.0, "node": 50.0}
KUBELETS = {NGINX: 120.0}  # the keeper leaves it alone
CALM_S = 1e9 if ALL else 45.0
"""After how long without a fault and without an action the silence begins, where it is not waited for the end of the time."""
MANY = settings(max_examples=examples(10, 1200), suppress_health_check=list(HealthCheck))


def hit(keeper, kind, name):
    plane = keeper.plane
    if kind == "deleted" and (pod := plane.of(name)):
        plane.delete(pod.name)
    elif kind == "killed":
        plane.kill(name)
    elif kind == "hung":
        plane.hang(name)
    elif kind == "node":
        plane.lose_node([name])
    elif kind == "keeper":
        keeper.restart(graceful=False)


def story(keeper):
    return [(round(at, 1), action.kind, action.component, action.why) for at, action in keeper.log]


def converge(keeper, seconds, *, most):
    """Seconds until it works for good; then SILENCE_S in which nothing is done."""
    plane = keeper.plane
    start, well = plane.now, None
    while plane.now < start + seconds and not _is_calm(keeper, well):
        keeper.run(plane.now + 0.25)
        well = None if plane.fault() else well if well is not None else plane.now
    assert well is not None, f"{plane.fault()} {story(keeper)}"
    assert len(keeper.repairs) <= most, story(keeper)
    assert len(keeper.log) <= 2 * most, story(keeper)
    done = len(keeper.log)
    keeper.run(plane.now + SILENCE_S)
    assert story(keeper)[done:] == [], "no action without a cause"
    assert plane.fault() == ""
    return well - start


def _is_calm(keeper, well):
    """Whether everything works since `well`, and nothing was done, for CALM_S."""
    last = max([well or 0.0, *(at for at, _ in keeper.log[-1:])])
    return well is not None and keeper.plane.now - last >= CALM_S


HOW: tuple[dict, ...] = ({}, {"volatile": True}, {"functions": 0, "intents": 2}, {"disabled": 2})
LOSSES = [(kind, name, how) for kind in ("deleted", "killed", "hung", "node") for name in COMPONENTS for how in HOW]


@pytest.mark.parametrize(
    ("kind", "name", "how"),
    sampled(LOSSES, gate=[one for one in LOSSES if one[2] == {} or one[0] == "deleted"]),
    ids=str,
)
def test_any_one_failure_is_repaired_in_time(kind, name, how):
    keeper = settled(**how)
    hit(keeper, kind, name)
    took = converge(keeper, 130.0, most=8)
    assert took <= KUBELETS.get(name, BOUND_S[kind]), story(keeper)


@pytest.mark.parametrize("name", [name for name in COMPONENTS if name != RABBITMQ])
@pytest.mark.parametrize("kind", ["deleted", "killed", "hung", "node"])
def test_any_one_failure_is_repaired_without_metrics_of_rabbitmq(kind, name):
    keeper = settled(metrics=False)
    hit(keeper, kind, name)
    assert converge(keeper, 130.0, most=8) <= KUBELETS.get(name, BOUND_S[kind] + 12.0), story(keeper)


@pytest.mark.parametrize("kind", ["deleted", "killed", "hung", "node"])
def test_a_loss_of_a_rabbitmq_without_metrics_is_repaired_too(kind):
    keeper = settled(metrics=False)
    hit(keeper, kind, RABBITMQ)
    converge(keeper, 130.0 + NODE_S + TOLERATION_S, most=8)


KINDS = st.sampled_from(
    [
        {},
        {"volatile": True},
        {"functions": 2},
        {"functions": 0, "intents": 2},
        {"functions": 1, "disabled": 2, "intents": 1},
    ]
)
FAILURES = st.tuples(st.sampled_from(["deleted", "killed", "hung", "node"]), st.sampled_from(COMPONENTS))


@MANY
@example(("hung", WORKER), ("deleted", MASTER), 1.0, {})  # a hung worker used all its grace: 184 s
@example(("hung", RABBITMQ), ("hung", "designer"), 2.0, {})  # the designer was restarted while the bus was down
@example(("hung", "designer"), ("killed", BROKER), 16.0, {})  # tasks of a replay on its way were taken for orphans
@example(("hung", MASTER), ("node", DISCOVERY), 16.0, {})  # subscriptions put back were taken for new ones
@example(("hung", MASTER), ("deleted", "designer"), 18.0, {})  # a designer replayed, and was gone before it was alone
@given(FAILURES, FAILURES, st.floats(0.0, 60.0), KINDS)
def test_any_two_failures_however_far_apart(first, second, apart, how):
    keeper = settled(**how)
    hit(keeper, *first)
    keeper.run(keeper.plane.now + apart)
    hit(keeper, *second)
    converge(keeper, 150.0, most=20)


@MANY
@given(FAILURES, st.floats(0.0, 40.0))
def test_a_keeper_that_is_lost_during_a_repair_finishes_it(failure, apart):
    keeper = settled()
    hit(keeper, *failure)
    keeper.run(keeper.plane.now + apart)
    hit(keeper, "keeper", "")
    end = keeper.plane.now + 150.0
    while keeper.plane.now < end:
        keeper.run(keeper.plane.now + 5.0)
        if (broker := keeper.plane.process(BROKER)) is not None:
            for entity in DEVICES:  # values are not stored: devices publish again
                broker.state.setdefault(f"e:{entity}", {})
    assert keeper.plane.fault() == "", story(keeper)
    assert len(keeper.repairs) <= 16, story(keeper)


@MANY
@given(st.floats(0.0, 12.0), st.sampled_from([DISCOVERY, BROKER]))
def test_the_state_of_a_pod_that_is_ending_is_not_taken_for_the_new_pods(phase, name):
    """Its answers are of the old process; taken for the new one's, the empty state that follows would be believed."""
    keeper = settled()
    keeper.run(keeper.plane.now + phase)
    hit(keeper, "deleted", name)
    assert converge(keeper, 60.0, most=4) <= BOUND_S["deleted"]


@MANY
@given(st.floats(0.0, 4.0), st.sampled_from([DISCOVERY, BROKER]))
def test_devices_that_fill_a_new_process_at_once_do_not_hide_that_subscriptions_are_lost(phase, name):
    keeper = settled()
    plane, prefix = keeper.plane, {DISCOVERY: "r:", BROKER: "e:"}[name]
    published = {key: one for key, one in plane.process(name).state.items() if key.startswith(prefix)}
    published |= {f"{prefix}Sensor{n}": {} for n in range(50)}
    plane.process(name).state.update(published)
    keeper.run(plane.now + 10.0 + phase)
    hit(keeper, "killed", name)
    for _ in range(80):
        keeper.run(plane.now + 0.25)
        if process := plane.process(name):
            process.state.update(published)
    assert plane.fault() == "", story(keeper)


@MANY
@given(st.floats(1.0, 300.0))
def test_while_rabbitmq_is_down_nothing_is_restarted_and_then_exactly_three(seconds):
    keeper = settled()
    plane = keeper.plane
    plane.scaled[RABBITMQ] = 0
    hit(keeper, "deleted", RABBITMQ)
    keeper.run(plane.now + seconds)
    assert not [action for _, action in keeper.log if action.component in ORDERED]
    plane.scaled.clear()
    while not plane.bus_up:
        keeper.run(plane.now + 0.25)
    took = converge(keeper, 60.0, most=3)
    assert took <= 20.0
    assert sorted(action.component for _, action in keeper.repairs) == sorted(ORDERED)


@given(st.floats(0.0, 20.0))
@settings(max_examples=examples(5, 400))
def test_all_but_the_reverse_proxy_on_one_node(late):
    keeper = settled()
    keeper.run(keeper.plane.now + late)
    keeper.plane.lose_node([name for name in COMPONENTS if name != NGINX])
    assert converge(keeper, 120.0, most=14) <= 60.0


@pytest.mark.parametrize("name", ORDERED)
def test_a_replay_that_the_master_lost_is_repeated(name):
    """Also when the designer is on the bus before it can be asked what it has to replay."""
    keeper = settled()
    keeper.plane.too_early = 1 + (name == "designer")  # the designer replays by itself as well
    hit(keeper, "deleted", name)
    assert converge(keeper, 60.0, most=6) <= 35.0


def test_tasks_that_run_twice_run_once_again():
    """The worker knows the second ones only, and its heartbeat has their number."""
    keeper = settled()
    for function in keeper.plane.database["fogfunctions"]:
        keeper.plane._intent(function)
    keeper.run(keeper.plane.now + 1.0)
    assert "tasks" in keeper.plane.fault()
    assert converge(keeper, 90.0, most=5) <= 60.0


def test_a_first_install_is_left_alone():
    keeper = Keeper(ControlPlane(functions=0))
    keeper.run(300.0)
    assert story(keeper) == []


def test_a_worker_with_many_tasks_gets_the_time_to_remove_them():
    keeper = settled(functions=30)
    hit(keeper, "deleted", MASTER)
    converge(keeper, 180.0, most=4)
    assert not [action for _, action in keeper.log if action.kind == "end"]


def test_a_member_that_hangs_again_and_again_is_repaired_each_time_without_a_longer_pause():
    keeper = settled()
    for _ in range(4):
        keeper.plane.hang(DISCOVERY)
        keeper.run(keeper.plane.now + 120.0)
        assert keeper.memory.attempts == {}, "what was done has helped"
    assert not [timer for timer in keeper.memory.since if timer.condition is Condition.SILENT]


@pytest.mark.parametrize("dropped", [8.0, 20.0, 60.0])
@pytest.mark.parametrize("tasks", [1, 4])
def test_a_hung_worker_is_distinguished_from_a_slow_one_before_it_is_asked_to_end(dropped, tasks, monkeypatch):
    """RabbitMQ gives its connection up before or after its heartbeats are missed; a grace that has begun cannot be shortened."""
    monkeypatch.setattr(detailed_model, "AMQP_DEAD_S", dropped)
    keeper = settled(functions=tasks)
    hit(keeper, "hung", WORKER)
    assert converge(keeper, 60.0, most=6) <= BOUND_S["hung"]


@pytest.mark.parametrize("keeps", [False, True])
def test_tasks_dropped_by_full_workers_are_planned_when_capacity_is_free(keeps, monkeypatch):
    keeper = settled(keeps=keeps, capacity=3)
    plane = keeper.plane
    monkeypatch.setattr(detailed_model, "DEVICES", (*detailed_model.DEVICES, "T4"))
    plane.appear("T4")
    keeper.run(plane.now + 300.0)
    assert len(plane.told) == 1, "reported once"
    assert keeper.repairs == [(at, action) for at, action in keeper.repairs if action.kind == "warn"], (
        "and nothing is done"
    )
    plane.capacity = 4
    converge(keeper, 200.0, most=6)


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("after", [0.5, 2.0])
def test_a_function_that_is_deleted_while_the_master_is_down_leaves_no_task(keeps, after):
    """The designer has deleted it, and the master was not notified."""
    keeper = settled(keeps=keeps, functions=2)
    plane = keeper.plane
    hit(keeper, "deleted", MASTER)
    keeper.run(plane.now + after)
    del plane.database["fogfunctions"]["f1"]
    converge(keeper, 120.0, most=6)
    assert {task.split(".")[1] for task in plane.deployments.values()} == {"f0"}


@pytest.mark.parametrize("how", ["killed", "deleted"])
def test_a_worker_that_is_killed_while_it_removes_a_task_leaves_no_service(how):
    """Upstream's worker deletes a task's Deployment, then its Service; when it ends in between, nothing else knows of the Service."""
    keeper = settled(functions=2)
    plane = keeper.plane
    worker = plane.process(WORKER)
    plane._remove_task(worker, next(iter(worker.tasks)))
    assert plane.services - plane.deployments.keys()
    hit(keeper, how, WORKER)
    converge(keeper, 120.0, most=8)


@pytest.mark.parametrize("keeps", [False, True])
def test_a_function_is_planned_although_the_subscription_of_an_ended_plan_stands_for_it(keeps):
    """It was deleted while discovery was down, which kept its subscription, and stored again while discovery was down again."""
    keeper = settled(functions=2, keeps=keeps)
    plane = keeper.plane
    function = plane.database["fogfunctions"].pop("f1")
    master = plane.process(MASTER)
    for sid in [sid for sid, (name, _) in master.tasks.items() if name == "f1"]:
        _, plan = master.tasks.pop(sid)
        for worker in plane.workers:
            process = plane.process(worker)
            for task in [one for one, of in process.tasks.items() if of in plan.values()]:
                plane._remove_task(process, task)
    keeper.run(plane.now + 60.0)
    plane.kill(DISCOVERY)
    plane.database["fogfunctions"]["f1"] = function  # the master cannot subscribe, and does not try again
    converge(keeper, 200.0, most=8)


def test_tasks_that_run_twice_are_reported_at_once_and_end_soon():
    """As after a replay that upstream's worker received twice: it knows the later one of each, and no component is at fault."""
    keeper = settled()
    plane = keeper.plane
    worker = plane.process(WORKER)
    for device, task in zip(DEVICES, sorted(plane.deployments.values()), strict=False):
        plane._launch(worker, device, task)
    assert "tasks" in plane.fault()
    keeper.run(plane.now + 2.5)
    snapshot, _ = plane.observe()
    told = health_report(snapshot, keeper.memory, stored="", checked_age_s=0.0)
    assert (told["state"], {each["state"] for each in told["components"].values()}) == ("degraded", {"ok"})
    assert f"{len(DEVICES)} tasks run more than once" in told["why"]
    keeper.run(plane.now + DOUBLED_S + 30.0)
    assert plane.fault() == ""
    assert "tasks run more than once" in story(keeper)[0][-1]
