"""A real RabbitMQ for replays of recordings, and somebody who hears all that is said there and says what was recorded."""

import json
from functools import cache

import aio_pika

from tests import rig
from tests.contract.recorded import Programs, plain, recording
from tests.rabbit import Rabbit
from tests.waiting import until

BUS = recording("bus")
STEPS = {}
for said in BUS["messages"]:
    STEPS.setdefault(said["step"], []).append(said)
HEARTBEAT, WORKER_JOIN = BUS["messages"][0]["body"], STEPS["start worker"][0]["body"]


@cache
def running_rabbit():
    """One for all files of this process; the run ends it."""
    it = Rabbit()
    it.start()
    return it


def on_a_bus(folder):
    """What a fixture `programs` is."""
    it = Programs(folder, rabbit=running_rabbit().port)
    yield it
    it.stop()


def listening():
    """What a fixture `bus` is."""
    it = Bus(running_rabbit().url)
    yield it
    it.close()


class Bus(rig.Master):
    """Hears everything on the exchange, and says whatever a program says there."""

    async def _open(self):
        self._connection = await aio_pika.connect(self.url)
        channel = await self._connection.channel()
        await channel.queue_delete("fogflow-designer")  # it is durable: what a former test left is no part of this one
        self._exchange = await channel.declare_exchange("fogflow", "topic", durable=True, auto_delete=True)
        queue = await channel.declare_queue("", exclusive=True)
        await queue.bind("fogflow", "#")
        await queue.consume(self._hear, no_ack=True)

    async def _hear(self, delivery):
        properties = {"content_type": delivery.content_type, "delivery_mode": delivery.delivery_mode}
        self.heard.append(
            {"routing_key": delivery.routing_key, "properties": properties, "body": json.loads(delivery.body)}
        )

    def tell(self, body):
        message = aio_pika.Message(json.dumps(body).encode())
        self._do(self._exchange.publish(message, body["RoutingKey"], mandatory=False))

    def of(self, *kinds):
        return [message for message in list(self.heard) if message["body"]["Type"] in kinds]


def alike(message):
    """Without what a run makes up, and without the properties that the client library adds by itself."""
    kept = dict(message["properties"])
    body = message["body"]
    if body["Type"] != "ServiceIntent":
        assert kept.get("content_type") == "application/json", message
        assert kept.get("delivery_mode") == 1, message
    return plain(body)


def ready(programs, bus):
    """Discovery, broker, master and designer, with all that they say of themselves on the bus; and a worker that is played."""
    programs.start("discovery", "broker", "master")
    until(lambda: bus.of("MASTER_JOIN"), "the master joined")
    programs.start("designer")
    designer_listens(programs)
    bus.tell(WORKER_JOIN)
    until(lambda: "Worker.001" in programs.call("master", "GET", "/workers")[2], "the worker is listed")


def designer_listens(programs):
    log = programs.folder / "designer.log"
    until(lambda: b"consuming fogflow-designer" in log.read_bytes(), "the designer listens", every=0.02)
