"""The worker's connection to RabbitMQ: what happens to each delivery, and to a lost connection. tests/cluster has a real RabbitMQ."""

import asyncio

import pytest

from fogflow_k8s.worker.message_bus import MessageBus
from fogflow_k8s.worker.protocol import InvalidMessage


class Lost:
    """An exchange whose connection is lost: aiormq cancels the tasks that wait for it."""

    async def publish(self, *_words, **_more):
        raise asyncio.CancelledError


class Silent:
    """An exchange that never confirms."""

    async def publish(self, *_words, **_more):
        await asyncio.Event().wait()


def bus(exchange):
    it = MessageBus("amqp://unused", "Worker.001", "queue", None)
    it._exchange = exchange
    return it


def test_a_lost_connection_does_not_end_the_program_that_publishes():
    async def play():
        it = bus(Lost())
        publishing = asyncio.create_task(it.publish("WORKER_HEARTBEAT", "heartbeat.", {}))
        await asyncio.wait([publishing])
        it.report("TASK_UPDATE", {"TaskID": "one"})
        return publishing.cancelled() or publishing.result(), await it._send_batch(), list(it._reports)

    assert asyncio.run(play()) == (False, False, [("TASK_UPDATE", "one")])


def test_a_cancelled_publish_is_cancelled():
    async def play():
        publishing = asyncio.create_task(bus(Silent()).publish("WORKER_HEARTBEAT", "heartbeat.", {}))
        await asyncio.sleep(0)
        publishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await publishing

    asyncio.run(play())


def test_a_connection_that_is_lost_at_once_is_opened_again(monkeypatch):
    opened = []

    async def once(_joined, *, first):
        opened.append(first)
        if len(opened) < 3:
            raise asyncio.CancelledError
        await asyncio.Event().wait()

    async def play():
        it = bus(None)
        monkeypatch.setattr(it, "_consume", once)
        running = asyncio.create_task(it.run(None))
        for _ in range(1000):
            await asyncio.sleep(0.01)
            if len(opened) == 3:
                break
        running.cancel()
        await asyncio.wait([running])
        return running.cancelled()

    monkeypatch.setattr("fogflow_k8s.worker.message_bus.random.random", lambda: 0)
    assert asyncio.run(play())
    assert opened == [True, False, False]


class Delivery:
    """One delivery; `end` is what happened to it."""

    routing_key, redelivered = "Worker.001.", False

    def __init__(self, body):
        self.body, self.end = body, ""

    async def ack(self):
        self.end = "ack"

    async def reject(self, *, requeue):
        self.end = "back" if requeue else "dead letter"


@pytest.mark.parametrize(
    ("body", "trouble", "end"),
    [
        (b'{"Type":"REMOVE_TASK","PayLoad":{"ID":"1"}}', None, "ack"),
        (b"{", None, "dead letter"),
        (b'{"Type":"REMOVE_TASK","PayLoad":{"ID":"1"}}', InvalidMessage("too large"), "dead letter"),
        (b'{"Type":"REMOVE_TASK","PayLoad":{"ID":"1"}}', KeyError("a bug"), "dead letter"),
    ],
    ids=["stored", "invalid", "too large", "a bug in the worker"],
)
def test_every_delivery_has_an_end(body, trouble, end):
    async def on_message(_message, *, redelivered):
        assert not redelivered
        if trouble:
            raise trouble

    delivery = Delivery(body)
    asyncio.run(MessageBus("amqp://unused", "Worker.001", "queue", on_message)._receive(delivery))
    assert delivery.end == end
