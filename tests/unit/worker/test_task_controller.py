"""The task controller with a cluster, a broker and a message bus in memory."""

import asyncio
import json

import pytest

from fogflow_k8s.model.task.record import DESIRED, STATUS, SUBSCRIPTIONS
from fogflow_k8s.model.task.record import TASK as STORED
from fogflow_k8s.worker import work_queue
from fogflow_k8s.worker.kube import ApiError, ApiUnreachable
from fogflow_k8s.worker.protocol import InvalidMessage
from tests.unit.worker.world import Broker, Cluster, World, flow, message, task


@pytest.fixture(autouse=True)
def _no_back_off(monkeypatch):
    monkeypatch.setattr(work_queue, "FIRST_BACK_OFF_S", 0)


def played(*messages, world=None):
    """The world after these messages, or actions of other programs, and after all that follows from them."""

    async def play():
        it = world or World()
        await it.start()
        try:
            await it.settled()
            for each in messages:
                await (each(it) if callable(each) else it.tasks.on_message(message(*each)))
                await it.settled()
        finally:
            await it.stop()
        return it

    return asyncio.run(play())


async def marked_removed(world):
    """The keeper or a user marks the Deployment of the only task for removal; the watch shows it."""
    mark = {"metadata": {"annotations": {DESIRED: "removed"}}}
    world.cache.put("deployments", await world.cluster.patch("deployments", only(world)["metadata"]["name"], mark))


def only(world, kind="deployments"):
    (obj,) = world.cluster.objects[kind].values()
    return obj


def test_a_task_is_stored_runs_and_is_reported():
    world = played(("ADD_TASK", task(inputs=["Device.1", "Device.2"])))
    assert world.running() == {"Task.t.n.1": ["Device.1", "Device.2"]}
    stored = only(world)["metadata"]["annotations"]
    assert json.loads(stored[STORED])["OperatorName"] == "op"
    assert json.loads(stored[STATUS]) == {"state": "running", "reason": ""}
    assert set(json.loads(stored[SUBSCRIPTIONS]).values()) == set(world.broker.held)
    assert world.bus.of("Task.t.n.1") == ["pending", "running"]
    info = [p["Info"] for kind, p in world.bus.reports if kind == "TASK_INFO"]
    assert info == [
        f"refURL=http://{only(world)['metadata']['name']}.tasks.svc:8080; containerID={only(world)['metadata']['name']}"
    ]


def test_a_task_is_not_subscribed_before_its_pod_is_ready():
    cluster = Cluster()
    cluster.ready = False
    world = played(("ADD_TASK", task()), world=World(cluster=cluster))
    assert world.broker.held == {}
    assert world.bus.of("Task.t.n.1") == ["pending"]


def test_a_service_is_created_when_there_is_a_pod():
    """In a burst, every task is stored before the many writes that follow each Service."""

    async def play():
        world = World()
        world.cluster.ready = False
        await world.start()
        await world.tasks.on_message(message("ADD_TASK", task()))
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


def test_a_replay_changes_nothing_and_the_status_is_reported_again():
    world = played(("ADD_TASK", task()), ("ADD_INPUT", flow("Task.t.n.1", "Device.2")))
    before = (world.running(), json.dumps(world.cluster.objects, sort_keys=True))
    writes = len([c for c in world.cluster.calls if c[0] != "LIST"])
    world.bus.reports.clear()
    played(("ADD_TASK", task(ServiceIntentID="")), world=world)
    assert (world.running(), json.dumps(world.cluster.objects, sort_keys=True)) == before
    assert len([c for c in world.cluster.calls if c[0] != "LIST"]) == writes
    assert world.bus.of("Task.t.n.1") == ["running"] * 2, "by the new process, and for the replay"
    assert world.tasks.ledger.records["Task.t.n.1"].task.intent == "intent"


def test_a_removal_leaves_nothing():
    world = played(("ADD_TASK", task()), ("REMOVE_TASK", {"ID": "Task.t.n.1", "WorkerID": "Worker.001"}))
    assert [kind for kind, objects in world.cluster.objects.items() if objects] == []
    assert world.broker.held == {}
    assert ("forgotten", "Task.t.n.1") in world.broker.outputs
    assert world.bus.of("Task.t.n.1")[-1] == "removed"
    assert world.tasks.workload == 0


def test_a_new_process_reads_everything_from_the_cluster_and_changes_no_pod():
    world = played(("ADD_TASK", task("Task.a")), ("ADD_TASK", task("Task.b", FunctionCode="exports.handler = 1")))
    before, subscribed = json.dumps(world.cluster.objects, sort_keys=True), dict(world.broker.held)
    world.cluster.calls.clear()
    world.bus.reports.clear()
    played(world=world)
    assert [world.bus.of(each) for each in world.tasks.ledger.records] == [["running"], ["running"]], "reported once"
    assert json.dumps(world.cluster.objects, sort_keys=True) == before
    assert world.broker.held == subscribed
    assert {verb for verb, _ in world.cluster.calls} == {"LIST"}
    assert world.tasks.workload == 2


def test_what_a_killed_worker_had_not_stored_is_found_again():
    world = played(("ADD_TASK", task()))
    subscribed = dict(world.broker.held)
    for what in (SUBSCRIPTIONS, STATUS):
        del only(world)["metadata"]["annotations"][what]
    played(world=world)
    assert world.broker.held == subscribed, "adopted, not created a second time"
    assert set(json.loads(only(world)["metadata"]["annotations"][SUBSCRIPTIONS]).values()) == set(subscribed)
    assert world.bus.of("Task.t.n.1")[-1] == "running"


def test_the_states_of_a_start_are_one_delayed_write():
    """A start has four states and one PATCH. The end of the process does not wait for the delay."""

    async def play():
        world = World()
        world.cluster.ready = False
        await world.start()
        world.tasks._write_delay_s = 3600
        await world.tasks.on_message(message("ADD_TASK", task()))
        for ready in (False, True):
            world.cluster.ready = ready
            for obj in world.cluster.objects["deployments"].values():
                world.cluster._pods(obj, ready)
            await world.settled(written=False)
        assert "PATCH" not in {verb for verb, _ in world.cluster.calls}
        await world.tasks.write_pending()
        await world.stop()
        return world

    world = asyncio.run(play())
    assert [call for call in world.cluster.calls if call[0] == "PATCH"] == [("PATCH", "deployments")]
    assert json.loads(only(world)["metadata"]["annotations"][STATUS])["state"] == "running"


def test_the_next_process_continues_a_stored_removal():
    world = played(("ADD_TASK", task()))
    only(world)["metadata"]["annotations"][DESIRED] = "removed"
    played(world=world)
    assert world.cluster.objects["deployments"] == {}
    assert world.broker.held == {}


def test_a_task_whose_deployment_is_marked_for_removal_is_removed_completely():
    world = played(("ADD_TASK", task()), marked_removed)
    assert (world.cluster.objects["deployments"], world.cluster.objects["services"], world.broker.held) == ({}, {}, {})
    assert world.bus.of("Task.t.n.1")[-1] == "removed"
    assert world.tasks.workload == 0
    played(world=world)
    assert world.tasks.workload == 0


def test_a_marked_task_that_is_requested_again_is_created_again():
    world = played(("ADD_TASK", task()), marked_removed, ("ADD_TASK", task()))
    assert world.running() == {"Task.t.n.1": ["Device.1"]}


def test_a_removal_that_is_sent_twice_does_not_drop_a_later_task(monkeypatch):
    """The master sends it for the entity and for the intent; an ADD_TASK some seconds later is a new task."""
    clock = [100.0]
    monkeypatch.setattr("fogflow_k8s.worker.task_controller.time.monotonic", lambda: clock[0])
    removed = ("REMOVE_TASK", {"ID": "Task.t.n.1"})

    async def later(_):
        clock[0] += 2.0

    world = played(("ADD_TASK", task()), removed, removed, later, ("ADD_TASK", task()))
    assert world.running() == {"Task.t.n.1": ["Device.1"]}


def test_messages_that_arrive_before_their_add_task_are_applied():
    removed = ("REMOVE_TASK", {"ID": "Task.t.n.1"})
    assert played(removed, ("ADD_TASK", task())).running() == {}
    assert played(removed, ("ADD_TASK", task()), ("ADD_TASK", task())).running() == {"Task.t.n.1": ["Device.1"]}
    early = ("ADD_INPUT", flow("Task.t.n.1", "Device.9"))
    assert played(early, ("ADD_TASK", task())).running() == {"Task.t.n.1": ["Device.1", "Device.9"]}
    removed = ("REMOVE_INPUT", flow("Task.t.n.1", "Device.1"))
    assert played(early, removed, ("ADD_TASK", task())).running() == {"Task.t.n.1": ["Device.9"]}


def test_an_input_is_added_and_removed():
    world = played(("ADD_TASK", task()), ("ADD_INPUT", flow("Task.t.n.1", "Device.2")))
    assert world.running() == {"Task.t.n.1": ["Device.1", "Device.2"]}
    played(("REMOVE_INPUT", {"InputStream": {"ID": "Device.1"}, "TaskInstanceID": "Task.t.n.1"}), world=world)
    assert world.running() == {"Task.t.n.1": ["Device.2"]}


def test_tasks_above_the_capacity_wait_in_the_order_of_their_arrival():
    world = World(capacity=2)
    played(*(("ADD_TASK", task(f"Task.{n}")) for n in range(4)), world=world)
    assert set(world.running()) == {"Task.0", "Task.1"}
    assert world.bus.of("Task.3") == ["pending"]
    assert len(world.cluster.objects["deployments"]) == 4  # stored, without a pod
    played(("REMOVE_TASK", {"ID": "Task.0"}), world=world)
    assert set(world.running()) == {"Task.1", "Task.2"}
    assert world.running()["Task.2"] == ["Device.1"]


def test_an_exclusive_task_pauses_the_others_until_it_ends():
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


def test_a_task_that_the_api_server_rejects_is_stored_reported_and_retried():
    cluster = Cluster()
    cluster.refuse = ("deployments", ApiError(403, "Forbidden", "exceeded quota: fogflow-tasks"))
    world = World(cluster=cluster)
    played(("ADD_TASK", task()), world=world)
    assert world.bus.of("Task.t.n.1") == ["failed: exceeded quota: fogflow-tasks"]
    assert json.loads(only(world, "configmaps")["metadata"]["annotations"][STORED])["ID"] == "Task.t.n.1"
    played(world=world)  # a new process reads it as well
    assert world.tasks.workload == 1
    cluster.refuse = None
    played(world=world)
    assert world.running() == {"Task.t.n.1": ["Device.1"]}
    assert STORED not in only(world, "configmaps")["metadata"]["annotations"]


def test_an_operator_without_an_image_for_this_platform_is_reported():
    cluster = Cluster()
    cluster.refuse = ("deployments", ApiError(422, "Invalid", "image: Required value"))
    world = played(("ADD_TASK", task(image="")), world=World(cluster=cluster))
    assert world.bus.of("Task.t.n.1")[-1] == "failed: the operator has no image for the platform of this worker"
    played(world=world)  # what a resync does: it is rejected again, and the reason that was stored stays
    stored = json.loads(only(world, "configmaps")["metadata"]["annotations"][STATUS])
    assert stored == {"state": "failed", "reason": "the operator has no image for the platform of this worker"}


LONG = [f"urn:ngsi-ld:Device:{n:01000}" for n in range(150)]


def test_a_task_that_is_too_large_for_kubernetes_is_reported_and_not_stored():
    world = World()
    for too_large in (task(inputs=LONG), task(FunctionCode="x" * 1_100_000)):
        with pytest.raises(
            InvalidMessage, match=r"Task\.t\.n\.1: its .* would be .* bytes, and Kubernetes stores at most"
        ):
            played(("ADD_TASK", too_large), world=world)
        assert world.bus.of("Task.t.n.1")[-1].startswith("failed: its ")
        assert (world.tasks.workload, world.cluster.objects["deployments"]) == (0, {})


def test_a_task_with_too_many_inputs_continues_with_those_that_it_has():
    world = World()
    with pytest.raises(InvalidMessage, match="inputs"):
        played(("ADD_TASK", task()), *[("ADD_INPUT", flow("Task.t.n.1", each)) for each in LONG], world=world)
    stored = only(world)["metadata"]["annotations"]
    assert 100 < len(json.loads(stored[SUBSCRIPTIONS])) < len(LONG)
    assert sum(len(k) + len(v) for k, v in stored.items()) < 256 * 1024
    assert world.bus.of("Task.t.n.1")[-1] == "running"


def test_a_task_that_became_too_large_for_this_version_can_be_removed(monkeypatch):
    world = played(("ADD_TASK", task()))
    monkeypatch.setattr("fogflow_k8s.model.task.record.ANNOTATIONS_LIMIT", 10)
    played(("REMOVE_TASK", {"ID": "Task.t.n.1"}), world=world)
    assert (world.running(), world.bus.of("Task.t.n.1")[-1]) == ({}, "removed")


def test_a_message_is_not_acknowledged_before_it_is_stored():
    async def play():
        cluster = Cluster(iter([ApiUnreachable("away")] * 3))
        world = World(cluster=cluster)
        await world.start()
        handling = asyncio.create_task(world.tasks.on_message(message("ADD_TASK", task())))
        for _ in range(20):
            await asyncio.sleep(0)
        waited = ("POST", "deployments") in cluster.calls and not handling.done()
        await handling
        there = len(cluster.objects["deployments"])
        await world.stop()
        return waited, there

    assert asyncio.run(play()) == (True, 1)


def compared(count, change):
    """A world after `change` of the broker's subscriptions and their verification, and the subscriptions before."""

    async def play():
        world = World()
        await world.start()
        for n in range(count):
            await world.tasks.on_message(message("ADD_TASK", task(f"Task.{n}")))
        await world.settled()
        before = dict(world.broker.held)
        world.broker.held = change(before)
        world.subscriptions._created.clear()
        await world.tasks.verify_subscriptions()
        await world.settled()
        await world.stop()
        return world, before

    return asyncio.run(play())


def test_lost_subscriptions_are_created_again():
    world, before = compared(3, lambda _: {})
    assert sorted(world.broker.held.values()) == sorted(before.values())
    assert not set(world.broker.held) & set(before)
    stored = [sid for r in world.tasks.ledger.records.values() for sid in r.subscriptions.values()]
    assert sorted(stored) == sorted(world.broker.held)


def test_a_subscription_that_the_keeper_restored_is_adopted_and_a_second_one_is_deleted():
    world, before = compared(1, lambda held: dict.fromkeys(("restored", "twice"), *held.values()))
    assert world.broker.held == dict.fromkeys(["restored"], *before.values())
    assert dict(world.tasks.ledger.records["Task.0"].subscriptions) == {"Device.1": "restored"}


@pytest.mark.parametrize(
    ("sent", "left"),
    [
        (("REMOVE_TASK", {"ID": "Task.1"}), {"Task.0": ["Device.1"]}),
        (("ADD_INPUT", flow("Task.1", "Device.2")), {"Task.0": ["Device.1"], "Task.1": ["Device.1", "Device.2"]}),
    ],
    ids=["removed", "another input"],
)
def test_a_task_that_changes_while_another_is_verified_keeps_its_change(sent, left):
    async def play():
        world = World()
        await world.start()
        for n in range(2):
            await world.tasks.on_message(message("ADD_TASK", task(f"Task.{n}")))
        await world.settled()
        (first, about), _ = world.broker.held.items()
        world.broker.held = {first: about, "stray": about}  # a surplus one of the first task, none of the second
        world.subscriptions._created.clear()
        world.broker.asked.clear()
        world.broker.go_on.clear()
        verifying = asyncio.create_task(world.tasks.verify_subscriptions())
        await world.broker.asked.wait()
        await world.tasks.on_message(message(*sent))
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


def test_a_deployment_that_a_user_deleted_is_created_again():
    async def play():
        world = World()
        await world.start()
        await world.tasks.on_message(message("ADD_TASK", task()))
        await world.settled()
        await world.cluster.delete("deployments", next(iter(world.cluster.objects["deployments"])))
        await world.settled()
        await world.stop()
        return world

    assert asyncio.run(play()).running() == {"Task.t.n.1": ["Device.1"]}


def test_an_unavailable_broker_delays_neither_a_removal_nor_the_tasks_after_it():
    broker = Broker(iter([True] * 3))
    world = played(
        ("ADD_TASK", task("Task.a")),
        ("REMOVE_TASK", {"ID": "Task.a"}),
        ("ADD_TASK", task("Task.b")),
        world=World(broker=broker),
    )
    assert world.running() == {"Task.b": ["Device.1"]}
