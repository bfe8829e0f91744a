"""Somebody, like the keeper, notes at a task's Deployment that it is to go: that counts like a REMOVE_TASK."""

import asyncio
import json

import pytest

from fogflow_k8s.model.task.record import DESIRED, ORDER
from fogflow_k8s.worker import work_queue
from fogflow_k8s.worker.protocol import parse
from tests.unit.worker.world import World, flow, task

ID = "Task.t.n.1"


@pytest.fixture(autouse=True)
def _no_back_off(monkeypatch):
    monkeypatch.setattr(work_queue, "FIRST_BACK_OFF_S", 0)


def played(play, world=None):
    """The world after `play(world)`, which begins with one task that runs, and all that follows."""

    async def run():
        it = world or World()
        await it.start()
        try:
            if world is None:
                await hear(it, "ADD_TASK", task())
                await it.settled()
            async with asyncio.timeout(60):
                await play(it)
                await it.settled()
        finally:
            await it.stop()
        return it

    return asyncio.run(run())


async def hear(world, kind, payload):
    await world.tasks.hear(parse(json.dumps({"Type": kind, "PayLoad": payload}).encode()))


def name(world):
    (it,) = world.cluster.objects["deployments"]
    return it


def notes(world):
    return world.cluster.objects["deployments"][name(world)]["metadata"]["annotations"]


def ask_to_go(world, *, seen=True):
    world.cluster.annotate(name(world), {DESIRED: "removed"}, seen=seen)


def assert_gone(world):
    assert [kind for kind, objects in world.cluster.objects.items() if objects] == []
    assert world.broker.held == {}
    assert ("forgotten", ID) in world.broker.outputs
    assert world.bus.of(ID)[-1] == "removed"
    assert world.tasks.workload == 0


def test_a_task_that_is_noted_to_go_leaves_nothing():
    """By the watch alone: no message, no restart, no round in which all are looked at."""

    async def play(world):
        async def watch(*_):
            (obj,) = world.cluster.objects["deployments"].values()
            yield "MODIFIED", obj
            await asyncio.Event().wait()

        ask_to_go(world, seen=False)
        world.cluster.watch = watch
        following = asyncio.create_task(world.observed.follow("deployments", "1"))
        await world.settled()
        following.cancel()

    assert_gone(played(play))


def test_a_task_without_a_pod_goes_too():
    async def play(world):
        await hear(world, "ADD_TASK", task("Task.high", IsExclusive=True))
        await world.settled()
        assert set(world.running()) == {"Task.high"}
        world.cluster.annotate(world.tasks.ledger.records[ID].name, {DESIRED: "removed"})

    world = played(play)
    assert (world.bus.of(ID)[-1], world.tasks.workload) == ("removed", 1)


def test_a_removal_that_fails_halfway_is_gone_on_with_by_the_next_process():
    world = World()

    async def play(world):
        await hear(world, "ADD_TASK", task())
        await world.settled()
        world.broker.go_on.clear()
        ask_to_go(world)
        await world.broker.asked.wait()

    async def cut_short():
        await world.start()
        async with asyncio.timeout(60):
            await play(world)
        await world.stop()

    asyncio.run(cut_short())
    assert notes(world)[DESIRED] == "removed"
    world.broker.go_on.set()

    async def nothing(_):
        pass

    assert_gone(played(nothing, world))


def test_a_task_that_is_noted_to_go_while_no_worker_runs_goes_when_one_does():
    async def nothing(_):
        pass

    world = played(nothing)
    ask_to_go(world, seen=False)
    world.bus.said.clear()
    assert_gone(played(nothing, world))


def test_a_task_that_comes_after_it_is_made_anew():
    async def play(world):
        ask_to_go(world)
        await world.settled()
        world.bus.said.clear()
        await hear(world, "ADD_TASK", task())

    world = played(play)
    assert world.running() == {ID: ["Device.1"]}
    assert world.bus.of(ID) == ["pending", "running"], "and did not fall to the removal"


def test_a_task_that_comes_before_it_was_begun_goes_on_as_a_new_one():
    async def play(world):
        ask_to_go(world)
        world.before = notes(world)[ORDER]
        await asyncio.sleep(0)  # it is seen, and waits in the line
        await hear(world, "ADD_TASK", task())

    world = played(play)
    assert world.running() == {ID: ["Device.1"]}
    assert notes(world)[DESIRED] == "present"
    assert int(notes(world)[ORDER]) > int(world.before), "its note is not one about this task any more"


def test_an_input_that_comes_in_between_does_not_undo_it_and_waits_for_the_next_task():
    async def play(world):
        ask_to_go(world)
        await asyncio.sleep(0)
        await hear(world, "ADD_INPUT", flow(ID, "Device.2"))
        await world.settled()
        assert_gone(world)
        await hear(world, "ADD_TASK", task())

    assert played(play).running() == {ID: ["Device.1", "Device.2"]}


def test_an_input_that_comes_before_it_is_seen_does_not_undo_it():
    async def play(world):
        ask_to_go(world, seen=False)
        await hear(world, "ADD_INPUT", flow(ID, "Device.2"))

    assert_gone(played(play))


def test_what_the_worker_noted_itself_of_an_earlier_task_is_no_removal_of_the_new_one():
    async def play(world):
        world.broker.go_on.clear()
        await hear(world, "REMOVE_TASK", {"ID": ID})
        world.stale = json.loads(json.dumps(world.observed.get("deployments", name(world))))
        assert world.stale["metadata"]["annotations"][DESIRED] == "removed"
        await hear(world, "ADD_TASK", task())
        world.broker.go_on.set()
        await world.settled()
        world.bus.said.clear()
        world.observed._objects["deployments"][name(world)] = world.stale
        world.tasks.look_at_all()

    world = played(play)
    assert world.running() == {ID: ["Device.1"]}
    assert "removed" not in world.bus.of(ID)
    assert notes(world)[ORDER] != world.stale["metadata"]["annotations"][ORDER]


def test_a_removal_of_a_task_whose_deployment_was_just_deleted_is_kept_without_it():
    async def play(world):
        world.cluster.objects["deployments"].clear()  # and the watch has not told yet
        await hear(world, "REMOVE_TASK", {"ID": ID})
        await world.settled()
        assert world.tasks.workload == 0

    played(play)
