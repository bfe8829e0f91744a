"""The worker's heart against a cluster, a broker and a bus in memory."""

import asyncio
import json

import pytest

from fogflow_k8s.model.task.record import DESIRED, STATUS, SUBSCRIPTIONS
from fogflow_k8s.model.task.record import TASK as KEPT
from fogflow_k8s.worker import work_queue
from fogflow_k8s.worker.kube import Refused, Unreachable
from fogflow_k8s.worker.protocol import Garbage, parse
from tests.unit.worker.world import Broker, Cluster, World, flow, task


@pytest.fixture(autouse=True)
def _no_back_off(monkeypatch):
    monkeypatch.setattr(work_queue, "FIRST_BACK_OFF_S", 0)


def message(kind, payload):
    return parse(
        json.dumps({"Type": kind, "RoutingKey": "Worker.001.", "From": "Master.001", "PayLoad": payload}).encode()
    )


def played(*messages, world=None):
    """The world after these messages, or what others do to it, and all that follows from them."""

    async def play():
        it = world or World()
        await it.start()
        try:
            await it.settled()
            for each in messages:
                await (each(it) if callable(each) else it.tasks.hear(message(*each)))
                await it.settled()
        finally:
            await it.stop()
        return it

    return asyncio.run(play())


async def asked_to_go(world):
    """What the keeper does about a task that nobody asks for, and what a person may do; the watch shows it."""
    note = {"metadata": {"annotations": {DESIRED: "removed"}}}
    world.observed.put("deployments", await world.cluster.patch("deployments", only(world)["metadata"]["name"], note))


def only(world, kind="deployments"):
    (obj,) = world.cluster.objects[kind].values()
    return obj


def test_a_task_is_kept_served_and_told():
    world = played(("ADD_TASK", task(inputs=["Device.1", "Device.2"])))
    assert world.running() == {"Task.t.n.1": ["Device.1", "Device.2"]}
    kept = only(world)["metadata"]["annotations"]
    assert json.loads(kept[KEPT])["OperatorName"] == "op"
    assert json.loads(kept[STATUS]) == {"state": "running", "reason": ""}
    assert set(json.loads(kept[SUBSCRIPTIONS]).values()) == set(world.broker.held)
    assert world.bus.of("Task.t.n.1") == ["pending", "running"]
    info = [p["Info"] for kind, p in world.bus.said if kind == "TASK_INFO"]
    assert info == [
        f"refURL=http://{only(world)['metadata']['name']}.tasks.svc:8080; containerID={only(world)['metadata']['name']}"
    ]


def test_nobody_is_told_before_the_pod_is_ready():
    cluster = Cluster()
    cluster.ready = False
    world = played(("ADD_TASK", task()), world=World(cluster=cluster))
    assert world.broker.held == {}
    assert world.bus.of("Task.t.n.1") == ["pending"]


def test_a_service_is_made_as_soon_as_there_is_a_pod_for_it():
    """In a burst every task is kept before the many writes that follow each Service."""

    async def play():
        world = World()
        world.cluster.ready = False
        await world.start()
        await world.tasks.hear(message("ADD_TASK", task()))
        await world.settled()
        before = dict(world.cluster.objects["services"])
        world.cluster.ready = True
        for obj in world.cluster.objects["deployments"].values():
            world.cluster._pods(obj, 1)
        await world.settled()
        await world.stop()
        return world, before

    world, before = asyncio.run(play())
    assert before == {}
    assert only(world, "services")["metadata"]["name"] == only(world)["metadata"]["name"]
    assert world.bus.of("Task.t.n.1") == ["pending", "running"]


def test_a_replay_changes_nothing_and_is_answered():
    world = played(("ADD_TASK", task()), ("ADD_INPUT", flow("Task.t.n.1", "Device.2")))
    before = (world.running(), json.dumps(world.cluster.objects, sort_keys=True))
    writes = len([c for c in world.cluster.calls if c[0] != "LIST"])
    world.bus.said.clear()
    played(("ADD_TASK", task(ServiceIntentID="")), world=world)
    assert (world.running(), json.dumps(world.cluster.objects, sort_keys=True)) == before
    assert len([c for c in world.cluster.calls if c[0] != "LIST"]) == writes
    assert world.bus.of("Task.t.n.1") == ["running"] * 2, "by the new process unasked, and as the answer"
    assert world.tasks.ledger.records["Task.t.n.1"].task["ServiceIntentID"] == "intent"


def test_a_removal_leaves_nothing():
    world = played(("ADD_TASK", task()), ("REMOVE_TASK", {"ID": "Task.t.n.1", "WorkerID": "Worker.001"}))
    assert [kind for kind, objects in world.cluster.objects.items() if objects] == []
    assert world.broker.held == {}
    assert ("forgotten", "Task.t.n.1") in world.broker.outputs
    assert world.bus.of("Task.t.n.1")[-1] == "removed"
    assert world.tasks.workload == 0


def test_a_new_process_finds_everything_in_the_cluster_and_touches_no_pod():
    world = played(("ADD_TASK", task("Task.a")), ("ADD_TASK", task("Task.b", FunctionCode="exports.handler = 1")))
    before, subscribed = json.dumps(world.cluster.objects, sort_keys=True), dict(world.broker.held)
    world.cluster.calls.clear()
    world.bus.said.clear()
    played(world=world)
    assert [world.bus.of(each) for each in world.tasks.ledger.records] == [["running"], ["running"]], "told, once"
    assert json.dumps(world.cluster.objects, sort_keys=True) == before
    assert world.broker.held == subscribed
    assert {verb for verb, _ in world.cluster.calls} == {"LIST"}
    assert world.tasks.workload == 2


def test_what_a_killed_worker_had_not_written_yet_is_found_out_again():
    world = played(("ADD_TASK", task()))
    subscribed = dict(world.broker.held)
    for what in (SUBSCRIPTIONS, STATUS):
        del only(world)["metadata"]["annotations"][what]
    played(world=world)
    assert world.broker.held == subscribed, "taken over, not made a second time"
    assert set(json.loads(only(world)["metadata"]["annotations"][SUBSCRIPTIONS]).values()) == set(subscribed)
    assert world.bus.of("Task.t.n.1")[-1] == "running"


def test_what_becomes_of_a_task_is_written_once_and_later():
    """A start has four states; they are one PATCH. The end of the process does not wait for it."""

    async def play():
        world = World()
        world.cluster.ready = False
        await world.start()
        world.tasks._write_s = 3600
        await world.tasks.hear(message("ADD_TASK", task()))
        for ready in (False, True):
            world.cluster.ready = ready
            for obj in world.cluster.objects["deployments"].values():
                world.cluster._pods(obj, ready)
            await world.settled(written=False)
        assert "PATCH" not in {verb for verb, _ in world.cluster.calls}
        await world.tasks.finish()
        await world.stop()
        return world

    world = asyncio.run(play())
    assert [call for call in world.cluster.calls if call[0] == "PATCH"] == [("PATCH", "deployments")]
    assert json.loads(only(world)["metadata"]["annotations"][STATUS])["state"] == "running"


def test_a_removal_that_was_kept_is_done_by_the_next_process():
    world = played(("ADD_TASK", task()))
    only(world)["metadata"]["annotations"][DESIRED] = "removed"
    played(world=world)
    assert world.cluster.objects["deployments"] == {}
    assert world.broker.held == {}


def test_a_task_whose_deployment_says_that_it_is_to_go_is_removed_with_all_that_belongs_to_it():
    world = played(("ADD_TASK", task()), asked_to_go)
    assert (world.cluster.objects["deployments"], world.cluster.objects["services"], world.broker.held) == ({}, {}, {})
    assert world.bus.of("Task.t.n.1")[-1] == "removed"
    assert world.tasks.workload == 0
    played(world=world)
    assert world.tasks.workload == 0


def test_one_that_is_asked_for_again_is_made_again():
    world = played(("ADD_TASK", task()), asked_to_go, ("ADD_TASK", task()))
    assert world.running() == {"Task.t.n.1": ["Device.1"]}


def test_a_removal_that_is_said_twice_takes_no_later_task(monkeypatch):
    """The master says it by the entity and by the intent; an ADD_TASK of some seconds later is a new one."""
    clock = [100.0]
    monkeypatch.setattr("fogflow_k8s.worker.tasks.time.monotonic", lambda: clock[0])
    removed = ("REMOVE_TASK", {"ID": "Task.t.n.1"})

    async def later(_):
        clock[0] += 2.0

    world = played(("ADD_TASK", task()), removed, removed, later, ("ADD_TASK", task()))
    assert world.running() == {"Task.t.n.1": ["Device.1"]}


def test_what_overtakes_an_add_task_counts():
    removed = ("REMOVE_TASK", {"ID": "Task.t.n.1"})
    assert played(removed, ("ADD_TASK", task())).running() == {}
    assert played(removed, ("ADD_TASK", task()), ("ADD_TASK", task())).running() == {"Task.t.n.1": ["Device.1"]}
    early = ("ADD_INPUT", flow("Task.t.n.1", "Device.9"))
    assert played(early, ("ADD_TASK", task())).running() == {"Task.t.n.1": ["Device.1", "Device.9"]}
    gone = ("REMOVE_INPUT", flow("Task.t.n.1", "Device.1"))
    assert played(early, gone, ("ADD_TASK", task())).running() == {"Task.t.n.1": ["Device.9"]}


def test_an_input_comes_and_goes():
    world = played(("ADD_TASK", task()), ("ADD_INPUT", flow("Task.t.n.1", "Device.2")))
    assert world.running() == {"Task.t.n.1": ["Device.1", "Device.2"]}
    played(("REMOVE_INPUT", {"InputStream": {"ID": "Device.1"}, "TaskInstanceID": "Task.t.n.1"}), world=world)
    assert world.running() == {"Task.t.n.1": ["Device.2"]}


def test_over_capacity_tasks_wait_in_the_order_in_which_they_came():
    world = World(capacity=2)
    played(*(("ADD_TASK", task(f"Task.{n}")) for n in range(4)), world=world)
    assert set(world.running()) == {"Task.0", "Task.1"}
    assert world.bus.of("Task.3") == ["pending"]
    assert len(world.cluster.objects["deployments"]) == 4  # kept, without a pod
    played(("REMOVE_TASK", {"ID": "Task.0"}), world=world)
    assert set(world.running()) == {"Task.1", "Task.2"}
    assert world.running()["Task.2"] == ["Device.1"]


def test_an_exclusive_task_has_the_worker_to_itself_and_gives_it_back():
    world = played(("ADD_TASK", task("Task.low")), ("ADD_TASK", task("Task.high", IsExclusive=True, PriorityLevel=3)))
    assert set(world.running()) == {"Task.high"}
    assert world.bus.of("Task.low")[-1] == "paused"
    low = world.tasks.ledger.records["Task.low"]
    assert (low.subscriptions, ("forgotten", "Task.low") in world.broker.outputs) == ({}, True)
    played(("ADD_TASK", task("Task.mid", IsExclusive=True, PriorityLevel=1)), world=world)
    assert set(world.running()) == {"Task.high"}
    played(("REMOVE_TASK", {"ID": "Task.high"}), world=world)
    assert set(world.running()) == {"Task.mid"}
    played(("REMOVE_TASK", {"ID": "Task.mid"}), world=world)
    assert world.running() == {"Task.low": ["Device.1"]}
    assert world.bus.of("Task.low")[-1] == "running"


def test_what_the_api_server_will_not_have_is_kept_told_and_tried_again():
    cluster = Cluster()
    cluster.refuse = ("deployments", Refused(403, "Forbidden", "exceeded quota: fogflow-tasks"))
    world = World(cluster=cluster)
    played(("ADD_TASK", task()), world=world)
    assert world.bus.of("Task.t.n.1") == ["failed: exceeded quota: fogflow-tasks"]
    assert json.loads(only(world, "configmaps")["metadata"]["annotations"][KEPT])["ID"] == "Task.t.n.1"
    played(world=world)  # a new process knows it all the same
    assert world.tasks.workload == 1
    cluster.refuse = None
    played(world=world)
    assert world.running() == {"Task.t.n.1": ["Device.1"]}
    assert KEPT not in only(world, "configmaps")["metadata"]["annotations"]


def test_an_operator_without_an_image_for_this_machine_is_told():
    cluster = Cluster()
    cluster.refuse = ("deployments", Refused(422, "Invalid", "image: Required value"))
    world = played(("ADD_TASK", task(image="")), world=World(cluster=cluster))
    assert world.bus.of("Task.t.n.1")[-1] == "failed: no image of the operator is for this worker's machine"


LONG = [f"urn:ngsi-ld:Device:{n:01000}" for n in range(150)]


def test_a_task_that_no_object_can_carry_is_told_and_nothing_of_it_is_kept():
    world = World()
    for too_large in (task(inputs=LONG), task(FunctionCode="x" * 1_100_000)):
        with pytest.raises(Garbage, match=r"Task\.t\.n\.1: its .* would be .* bytes, and Kubernetes keeps at most"):
            played(("ADD_TASK", too_large), world=world)
        assert world.bus.of("Task.t.n.1")[-1].startswith("failed: its ")
        assert (world.tasks.workload, world.cluster.objects["deployments"]) == (0, {})


def test_a_task_with_too_many_inputs_goes_on_with_those_that_it_has():
    world = World()
    with pytest.raises(Garbage, match="inputs"):
        played(("ADD_TASK", task()), *[("ADD_INPUT", flow("Task.t.n.1", each)) for each in LONG], world=world)
    kept = only(world)["metadata"]["annotations"]
    assert 100 < len(json.loads(kept[SUBSCRIPTIONS])) < len(LONG)
    assert sum(len(k) + len(v) for k, v in kept.items()) < 256 * 1024
    assert world.bus.of("Task.t.n.1")[-1] == "running"


def test_a_task_that_became_too_large_for_this_version_can_be_removed(monkeypatch):
    world = played(("ADD_TASK", task()))
    monkeypatch.setattr("fogflow_k8s.model.task.record.NOTES_LIMIT", 10)
    played(("REMOVE_TASK", {"ID": "Task.t.n.1"}), world=world)
    assert (world.running(), world.bus.of("Task.t.n.1")[-1]) == ({}, "removed")


def test_a_message_is_not_acknowledged_before_it_is_kept():
    async def play():
        cluster = Cluster(iter([Unreachable("away")] * 3))
        world = World(cluster=cluster)
        await world.start()
        hearing = asyncio.create_task(world.tasks.hear(message("ADD_TASK", task())))
        for _ in range(20):
            await asyncio.sleep(0)
        waited = ("POST", "deployments") in cluster.calls and not hearing.done()
        await hearing
        there = len(cluster.objects["deployments"])
        await world.stop()
        return waited, there

    assert asyncio.run(play()) == (True, 1)


def compared(count, change):
    """A world of so many tasks after `change` was done to what the broker holds and the worker has compared; and what was held."""

    async def play():
        world = World()
        await world.start()
        for n in range(count):
            await world.tasks.hear(message("ADD_TASK", task(f"Task.{n}")))
        await world.settled()
        before = dict(world.broker.held)
        world.broker.held = change(before)
        world.subscriptions._fresh.clear()
        await world.tasks.verify()
        await world.settled()
        await world.stop()
        return world, before

    return asyncio.run(play())


def test_a_broker_that_lost_its_subscriptions_gets_them_again():
    world, before = compared(3, lambda _: {})
    assert sorted(world.broker.held.values()) == sorted(before.values())
    assert not set(world.broker.held) & set(before)
    noted = [sid for r in world.tasks.ledger.records.values() for sid in r.subscriptions.values()]
    assert sorted(noted) == sorted(world.broker.held)


def test_a_subscription_that_the_keeper_put_back_is_adopted_and_a_second_one_is_ended():
    world, before = compared(1, lambda held: dict.fromkeys(("restored", "twice"), *held.values()))
    assert world.broker.held == dict.fromkeys(["restored"], *before.values())
    assert dict(world.tasks.ledger.records["Task.0"].subscriptions) == {"Device.1": "restored"}


@pytest.mark.parametrize(
    ("heard", "left"),
    [
        (("REMOVE_TASK", {"ID": "Task.1"}), {"Task.0": ["Device.1"]}),
        (("ADD_INPUT", flow("Task.1", "Device.2")), {"Task.0": ["Device.1"], "Task.1": ["Device.1", "Device.2"]}),
    ],
    ids=["removed", "told of more"],
)
def test_a_task_that_changes_while_another_is_compared_is_not_put_back(heard, left):
    async def play():
        world = World()
        await world.start()
        for n in range(2):
            await world.tasks.hear(message("ADD_TASK", task(f"Task.{n}")))
        await world.settled()
        (first, about), _ = world.broker.held.items()
        world.broker.held = {first: about, "stray": about}  # one too many of the first task, none of the second
        world.subscriptions._fresh.clear()
        world.broker.asked.clear()
        world.broker.go_on.clear()
        verifying = asyncio.create_task(world.tasks.verify())
        await world.broker.asked.wait()
        await world.tasks.hear(message(*heard))
        for _ in range(50):
            await asyncio.sleep(0)
        world.broker.go_on.set()
        await verifying
        await world.settled()
        await world.stop()
        return world

    world = asyncio.run(play())
    assert world.running() == left
    assert {r.id: list(r.inputs) for r in world.tasks.ledger.records.values()} == left
    assert len(world.cluster.objects["deployments"]) == len(left)


def test_a_deployment_that_somebody_deleted_is_made_again():
    async def play():
        world = World()
        await world.start()
        await world.tasks.hear(message("ADD_TASK", task()))
        await world.settled()
        await world.cluster.delete("deployments", next(iter(world.cluster.objects["deployments"])))
        await world.settled()
        await world.stop()
        return world

    assert asyncio.run(play()).running() == {"Task.t.n.1": ["Device.1"]}


def test_a_broker_that_is_away_holds_up_neither_a_removal_nor_the_tasks_after_it():
    broker = Broker(iter([True] * 3))
    world = played(
        ("ADD_TASK", task("Task.a")),
        ("REMOVE_TASK", {"ID": "Task.a"}),
        ("ADD_TASK", task("Task.b")),
        world=World(broker=broker),
    )
    assert world.running() == {"Task.b": ["Device.1"]}
