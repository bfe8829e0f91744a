"""The worker's place on the bus: what becomes of each delivery, and a connection that is lost. The real bus is in tests/cluster."""

import asyncio

import pytest

from fogflow_k8s.worker.bus import Bus
from fogflow_k8s.worker.protocol import Garbage


class Lost:
    """An exchange of a connection that is lost: aiormq cancels who waits."""

    async def publish(self, *_words, **_more):
        raise asyncio.CancelledError


class Silent:
    """An exchange that never confirms."""

    async def publish(self, *_words, **_more):
        await asyncio.Event().wait()


def bus(exchange):
    it = Bus("amqp://nobody", "Worker.001", "queue", None)
    it._exchange = exchange
    return it


def test_a_connection_that_is_lost_ends_nobody_who_says_something():
    async def play():
        it = bus(Lost())
        said = asyncio.create_task(it.tell("WORKER_HEARTBEAT", "heartbeat.", {}))
        await asyncio.wait([said])
        it.report("TASK_UPDATE", {"TaskID": "one"})
        return said.cancelled() or said.result(), await it._say_some(), list(it._outbox)

    assert asyncio.run(play()) == (False, False, [("TASK_UPDATE", "one")])


def test_who_is_told_to_end_ends():
    async def play():
        said = asyncio.create_task(bus(Silent()).tell("WORKER_HEARTBEAT", "heartbeat.", {}))
        await asyncio.sleep(0)
        said.cancel()
        with pytest.raises(asyncio.CancelledError):
            await said

    asyncio.run(play())


def test_a_connection_that_is_lost_at_once_is_dialled_again(monkeypatch):
    dialled = []

    async def once(_joined, *, first):
        dialled.append(first)
        if len(dialled) < 3:
            raise asyncio.CancelledError
        await asyncio.Event().wait()

    async def play():
        it = bus(None)
        monkeypatch.setattr(it, "_once", once)
        running = asyncio.create_task(it.run(None))
        for _ in range(1000):
            await asyncio.sleep(0.01)
            if len(dialled) == 3:
                break
        running.cancel()
        await asyncio.wait([running])
        return running.cancelled()

    monkeypatch.setattr("fogflow_k8s.worker.bus.random.random", lambda: 0)
    assert asyncio.run(play())
    assert dialled == [True, False, False]


class Delivery:
    """One message from the bus; `end` is what became of it."""

    routing_key, redelivered = "Worker.001.", False

    def __init__(self, body):
        self.body, self.end = body, ""

    async def ack(self):
        self.end = "ack"

    async def reject(self, *, requeue):
        self.end = "back" if requeue else "aside"


@pytest.mark.parametrize(
    ("body", "trouble", "end"),
    [
        (b'{"Type":"REMOVE_TASK","PayLoad":{"ID":"1"}}', None, "ack"),
        (b"{", None, "aside"),
        (b'{"Type":"REMOVE_TASK","PayLoad":{"ID":"1"}}', Garbage("too large"), "aside"),
        (b'{"Type":"REMOVE_TASK","PayLoad":{"ID":"1"}}', KeyError("a fault"), "aside"),
    ],
    ids=["kept", "no message", "of no use", "a fault of ours"],
)
def test_every_delivery_has_an_end(body, trouble, end):
    async def hear(_message, *, again):
        assert not again
        if trouble:
            raise trouble

    delivery = Delivery(body)
    asyncio.run(Bus("amqp://nobody", "Worker.001", "queue", hear)._receive(delivery))
    assert delivery.end == end
