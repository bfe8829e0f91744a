"""The keeper, or a user, marks a task's Deployment for removal: the effect is that of a REMOVE_TASK."""

import asyncio
import copy

import pytest

from fogflow_k8s.model.task.record import DESIRED, ORDER
from fogflow_k8s.worker import work_queue
from tests.unit.worker.world import World, flow, message, task

ID = "Task.t.n.1"


@pytest.fixture(autouse=True)
def _no_back_off(monkeypatch):
    monkeypatch.setattr(work_queue, "FIRST_BACK_OFF_S", 0)


def played(play, world=None):
    """The world after `play(world)`, which starts with one running task, and after all that follows from it."""

    async def run():
        it = world or World()
        await it.start()
        try:
            if world is None:
                await send(it, "ADD_TASK", task())
                await it.settled()
            async with asyncio.timeout(60):
                await play(it)
                await it.settled()
        finally:
            await it.stop()
        return it

    return asyncio.run(run())


async def send(world, kind, payload):
    await world.tasks.on_message(message(kind, payload))


def name(world):
    (it,) = world.cluster.objects["deployments"]
    return it


def annotations(world):
    return world.cluster.objects["deployments"][name(world)]["metadata"]["annotations"]


def mark_removed(world, *, seen=True):
    world.cluster.annotate(name(world), {DESIRED: "removed"}, seen=seen)


def assert_gone(world):
    assert [kind for kind, objects in world.cluster.objects.items() if objects] == []
    assert world.broker.held == {}
    assert ("forgotten", ID) in world.broker.outputs
    assert world.bus.of(ID)[-1] == "removed"
    assert world.tasks.workload == 0


def test_a_marked_task_is_removed_completely():
    """By the watch alone: without a message, a restart or a resync."""

    async def play(world):
        async def watch(*_):
            (obj,) = world.cluster.objects["deployments"].values()
            yield "MODIFIED", obj
            await asyncio.Event().wait()

        mark_removed(world, seen=False)
        world.cluster.watch = watch
        following = asyncio.create_task(world.cache.watch("deployments", "1"))
        await world.settled()
        following.cancel()

    assert_gone(played(play))


def test_a_marked_task_without_a_pod_is_removed():
    async def play(world):
        await send(world, "ADD_TASK", task("Task.high", IsExclusive=True))
        await world.settled()
        assert set(world.running()) == {"Task.high"}
        world.cluster.annotate(world.tasks.ledger.records[ID].name, {DESIRED: "removed"})

    world = played(play)
    assert (world.bus.of(ID)[-1], world.tasks.workload) == ("removed", 1)


def test_the_next_process_continues_a_removal_that_failed():
    world = World()

    async def play(world):
        await send(world, "ADD_TASK", task())
        await world.settled()
        world.broker.go_on.clear()
        mark_removed(world)
        await world.broker.asked.wait()

    async def cut_short():
        await world.start()
        async with asyncio.timeout(60):
            await play(world)
        await world.stop()

    asyncio.run(cut_short())
    assert annotations(world)[DESIRED] == "removed"
    world.broker.go_on.set()

    async def nothing(_):
        pass

    assert_gone(played(nothing, world))


def test_the_next_process_removes_what_a_killed_one_left_of_a_task(monkeypatch):
    """The object with the record goes last: without it, nothing would know of the others."""
    world, first, begun = World(), [], asyncio.Event()
    delete = world.cluster.delete

    async def once(kind, name):
        first.append(kind)
        if len(first) == 1:
            await delete(kind, name)
        begun.set()
        await asyncio.Event().wait()  # until the process is killed

    async def cut_short():
        await world.start()
        await send(world, "ADD_TASK", task())
        await world.settled()
        monkeypatch.setattr(world.cluster, "delete", once)
        mark_removed(world)
        async with asyncio.timeout(60):
            await begun.wait()
        await world.stop()

    asyncio.run(cut_short())
    assert "deployments" not in first
    assert world.cluster.objects["deployments"]
    monkeypatch.setattr(world.cluster, "delete", delete)

    async def nothing(_):
        pass

    assert_gone(played(nothing, world))


def test_a_task_that_is_marked_while_no_worker_runs_is_removed_by_the_next_worker():
    async def nothing(_):
        pass

    world = played(nothing)
    mark_removed(world, seen=False)
    world.bus.reports.clear()
    assert_gone(played(nothing, world))


def test_a_task_that_arrives_after_the_removal_is_created_again():
    async def play(world):
        mark_removed(world)
        await world.settled()
        world.bus.reports.clear()
        await send(world, "ADD_TASK", task())

    world = played(play)
    assert world.running() == {ID: ["Device.1"]}
    assert world.bus.of(ID) == ["pending", "running"], "the removal does not drop it"


def test_a_task_that_arrives_before_the_removal_starts_continues_as_a_new_one():
    async def play(world):
        mark_removed(world)
        world.before = annotations(world)[ORDER]
        await asyncio.sleep(0)  # it is in the cache, and waits in the queue
        await send(world, "ADD_TASK", task())

    world = played(play)
    assert world.running() == {ID: ["Device.1"]}
    assert annotations(world)[DESIRED] == "present"
    assert int(annotations(world)[ORDER]) > int(world.before), "the mark is not about this task"


def test_an_input_that_arrives_during_the_removal_waits_for_the_next_task():
    async def play(world):
        mark_removed(world)
        await asyncio.sleep(0)
        await send(world, "ADD_INPUT", flow(ID, "Device.2"))
        await world.settled()
        assert_gone(world)
        await send(world, "ADD_TASK", task())

    assert played(play).running() == {ID: ["Device.1", "Device.2"]}


def test_an_input_that_arrives_before_the_mark_is_seen_does_not_undo_it():
    async def play(world):
        mark_removed(world, seen=False)
        await send(world, "ADD_INPUT", flow(ID, "Device.2"))

    assert_gone(played(play))


def test_the_workers_own_mark_of_an_earlier_task_does_not_remove_the_new_one():
    async def play(world):
        world.broker.go_on.clear()
        await send(world, "REMOVE_TASK", {"ID": ID})
        world.stale = copy.deepcopy(world.cache.get("deployments", name(world)))
        assert world.stale["metadata"]["annotations"][DESIRED] == "removed"
        await send(world, "ADD_TASK", task())
        world.broker.go_on.set()
        await world.settled()
        world.bus.reports.clear()
        world.cache._objects["deployments"][name(world)] = world.stale
        world.tasks.reconcile_all()

    world = played(play)
    assert world.running() == {ID: ["Device.1"]}
    assert "removed" not in world.bus.of(ID)
    assert annotations(world)[ORDER] != world.stale["metadata"]["annotations"][ORDER]


def test_a_task_whose_deployment_was_just_deleted_can_be_removed():
    async def play(world):
        world.cluster.objects["deployments"].clear()  # and the watch has not shown it yet
        await send(world, "REMOVE_TASK", {"ID": ID})
        await world.settled()
        assert world.tasks.workload == 0

    played(play)
