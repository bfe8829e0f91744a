"""For every order, repetition, loss and invalid message, the same tasks run in the end, and no exception escapes."""

import asyncio
import json
from collections import deque

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fogflow_k8s.model.task.record import read_record
from fogflow_k8s.worker import work_queue
from fogflow_k8s.worker.protocol import InvalidMessage, parse
from tests.scope import examples
from tests.unit.worker.world import FAULTS, Broker, Cluster, World, flow, task

BUDGET_S = 25

HARD = settings(max_examples=examples(250, 10000), suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])  # fmt: skip


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(work_queue, "FIRST_BACK_OFF_S", 0)
    monkeypatch.setattr("fogflow_k8s.worker.task_controller.log", lambda *_, **__: None)
    monkeypatch.setattr("fogflow_k8s.worker.task_reporter.log", lambda *_, **__: None)
    monkeypatch.setattr("fogflow_k8s.worker.task_controller.warn", lambda *_, **__: None)
    monkeypatch.setattr("fogflow_k8s.worker.work_queue.warn", lambda *_, **__: None)
    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda _s: sleep(0))


@st.composite
def histories(draw):
    """The messages about one task in the order of their arrival, in which an ADD_TASK can be late, and the inputs that remain."""
    name = draw(st.sampled_from(["Task.a", "Task.b", "Task.ü.c"]))
    arriving, inputs, late = [], None, None
    for step in draw(st.lists(st.sampled_from(["add", "remove", "more", "less"]), max_size=8)):
        if step == "add" and inputs is None:
            if late:
                arriving.append(late)
            late, inputs = ("ADD_TASK", task(name, ["D.1"])), {"D.1"}
        elif step == "remove" and inputs is not None:
            arriving.append(("REMOVE_TASK", {"ID": name, "WorkerID": "Worker.001"}))
            inputs = None
        elif step == "more" and inputs is not None:
            entity = draw(st.sampled_from(["D.2", "D.3"]))
            arriving.append(("ADD_INPUT", flow(name, entity)))
            inputs.add(entity)
        elif step == "less" and inputs:
            entity = max(inputs)
            if entity != "D.1" or not late:  # its own first input is in the ADD_TASK
                arriving.append(("REMOVE_INPUT", {"InputStream": {"ID": entity}, "TaskInstanceID": name}))
                inputs.discard(entity)
        if late and draw(st.booleans()):
            arriving.append(late)
            late = None
    if late:
        arriving.append(late)
    return name, arriving, inputs


@st.composite
def wires(draw):
    """Several histories, mixed; some messages are delivered twice, in order, as after a lost connection."""
    drawn = {name: (arriving, inputs) for name, arriving, inputs in draw(st.lists(histories(), max_size=3))}
    lines = {name: deque(arriving) for name, (arriving, _) in drawn.items()}
    wire = []
    while any(lines.values()):
        name = draw(st.sampled_from(sorted(n for n, left in lines.items() if left)))
        wire.append((lines[name].popleft(), False))
        if draw(st.integers(0, 5)) == 0:
            window = wire[-draw(st.integers(1, 3)) :]
            if not any(again for _, again in window):
                wire += [(message, True) for message, _ in window]
    wanted = {name: sorted(inputs) for name, (_, inputs) in drawn.items() if inputs is not None}
    return wire, wanted


def body(kind, payload):
    return json.dumps({"Type": kind, "RoutingKey": "Worker.001.", "From": "Master.001", "PayLoad": payload}).encode()


async def deliver(world, wire, *, together):
    """Deliver as RabbitMQ does, each message in an asyncio task; or one after the other."""
    await world.start()
    handling = []
    for (kind, payload), again in wire:
        handling.append(asyncio.create_task(world.tasks.on_message(parse(body(kind, payload)), redelivered=again)))
        if not together:
            await handling[-1]
            await world.settled()
    await asyncio.gather(*handling)
    await world.settled()
    world.broker.faults = iter(())
    await world.tasks.verify_subscriptions()
    await world.settled()
    await world.stop()


def short(wire):
    """The messages in short, for a failure."""
    return [(kind, p.get("ID") or p["InputStream"]["ID"], "again" if again else "") for (kind, p), again in wire]


def assert_consistent(world):
    """The records of the worker and those in the cluster are the same."""
    records = world.tasks.ledger.records
    stored = [read_record(obj) for obj in world.cluster.objects["deployments"].values()]
    assert {r.id: (r.task, dict(r.subscriptions), r.status) for r in stored} == {
        r.id: (r.task, dict(r.subscriptions), r.status) for r in records.values()
    }
    assert set(world.cluster.objects["services"]) == {r.name for r in records.values()}


@HARD
@given(wires(), st.booleans())
def test_the_same_tasks_for_every_order_and_repetition(wire, together):
    messages, wanted = wire
    world = World()
    asyncio.run(deliver(world, messages, together=together))
    assert world.running() == wanted, short(messages)
    assert_consistent(world)


@HARD
@given(wires(), st.lists(st.sampled_from(FAULTS), max_size=12), st.lists(st.booleans(), max_size=6), st.booleans())
def test_the_same_tasks_when_calls_fail(wire, faults, away, together):
    messages, wanted = wire
    world = World(cluster=Cluster(iter(faults)), broker=Broker(iter(away)))
    asyncio.run(deliver(world, messages, together=together))
    assert {name: set(inputs) for name, inputs in world.running().items()} == {
        n: set(inputs) for n, inputs in wanted.items()
    }, short(messages)
    assert_consistent(world)


@HARD
@given(wires(), st.sets(st.integers(0, 30)), st.integers(1, 2))
def test_lost_messages_leave_a_consistent_cluster(wire, lost, capacity):
    messages, _ = wire
    world = World(capacity=capacity)
    left = [each for place, each in enumerate(messages) if place not in lost]
    asyncio.run(deliver(world, left, together=True))
    assert_cluster_matches(world, capacity)


def assert_cluster_matches(world, capacity):
    records = world.tasks.ledger.records
    assert {read_record(o).id for o in world.cluster.objects["deployments"].values()} == set(records)
    assert len(world.running()) == min(capacity, len(records))


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
                        ["ID", "Inputs", "Outputs", "Parameters", "Type", "InputStream", "TaskInstanceID", "PriorityLevel", "x"]), inner, max_size=4),
                    max_leaves=8)  # fmt: skip
KINDS = st.sampled_from(["ADD_TASK", "REMOVE_TASK", "ADD_INPUT", "REMOVE_INPUT", "PREFETCH_IMAGE", "", None, 3])


@HARD
@given(st.binary(max_size=40) | st.builds(lambda k, p: json.dumps({"Type": k, "PayLoad": p}).encode(), KINDS, JSON))
def test_any_bytes_are_a_message_or_invalid_and_no_exception_escapes(delivery):
    try:
        message = parse(delivery)
    except InvalidMessage:
        return

    async def play():
        world = World()
        await world.start()
        await world.tasks.on_message(message)
        await world.settled()
        await world.stop()
        return world

    world = asyncio.run(play())
    assert world.tasks.workload in {0, 1}


def test_an_invalid_message_says_why():
    for delivery, why in ((b"\xff", "not JSON"), (b"[]", "not an object"), (b'{"Type": "X", "PayLoad": {}}', "unknown Type"),
                          (body("ADD_TASK", {}), "ID is missing"), (body("ADD_TASK", task(Inputs=[3])), "Inputs is not a list"),
                          (body("ADD_TASK", task(PriorityLevel="x")), "PriorityLevel")):  # fmt: skip
        with pytest.raises(InvalidMessage, match=why):
            parse(delivery)
