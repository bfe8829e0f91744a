"""The worker's place on the message bus: one queue, and what is said to the master and the designer.

Upstream's programs never come back when the bus goes. This one dials anew, for ever, and looks every few seconds whether
its consumer is still there: a queue that somebody deleted says nothing.

The queue is a quorum queue of one active consumer that is not deleted with it: what is sent while nobody consumes waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractIncomingMessage, AbstractQueue

from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.worker import metrics
from fogflow_k8s.worker.logs import say, warn
from fogflow_k8s.worker.protocol import EXCHANGE, TASK_KEY, Garbage, Message, envelope, parse

DEAD = "fogflow-k8s.dead"
"""Where deliveries go of which nothing can be made; a thousand of them are kept for a day."""
AT_ONCE = 64
DAY_MS = 24 * 3600 * 1000
NO_LIMIT = 2**31 - 1
"""RabbitMQ 4 puts aside what it has delivered twenty times, also where only the connection was lost each time."""
DIAL_S = 5
LOOK_EVERY_S = 5
_TROUBLE = (aio_pika.exceptions.AMQPError, OSError, TimeoutError, RuntimeError)


class Hear(Protocol):
    """Comes back when the message is kept; raises Garbage when it cannot be. `again`: it may have been delivered before."""

    async def __call__(self, message: Message, *, again: bool) -> None: ...


class Bus:
    """Deliveries in order to `hear`, which is answered when the message is kept; reports until they are sent."""

    def __init__(self, url: str, worker_id: str, queue: str, hear: Hear) -> None:
        self._url, self._id, self._queue_name, self._hear = url, worker_id, queue, hear
        self._exchange: AbstractExchange | None = None
        self._outbox: dict[tuple[str, str], Obj] = {}
        self._something = asyncio.Event()
        self.consuming = False

    def report(self, kind: str, payload: Obj) -> None:
        """Say this of a task as soon as the bus is there; a later word on the same takes its place."""
        self._outbox[kind, str(payload["TaskID"])] = payload
        self._something.set()

    async def tell(self, kind: str, key: str, payload: Obj) -> bool:
        """Say it now; False when the bus is not there."""
        if self._exchange is None:
            return False
        message = aio_pika.Message(envelope(kind, key, self._id, payload), content_type="application/json")
        try:
            await self._exchange.publish(message, key, mandatory=False, timeout=DIAL_S)
        except (*_TROUBLE, asyncio.CancelledError) as error:
            _end_if_told()
            metrics.ERRORS.labels("bus").inc()
            warn("not said", what=kind, why=str(error) or type(error).__name__)
            return False
        return True

    async def run(self, joined: Callable[[], Awaitable[object]]) -> None:
        """Consume until cancelled; `joined` is called whenever the bus is there (again)."""
        first = True
        while True:
            try:
                await self._once(joined, first=first)
            except (*_TROUBLE, asyncio.CancelledError):
                _end_if_told()
            self.consuming, self._exchange, first = False, None, False
            await asyncio.sleep(0.3 + random.random())  # noqa: S311 - spreads the redials of many workers, no secret

    async def _once(self, joined: Callable[[], Awaitable[object]], *, first: bool) -> None:
        connection = await aio_pika.connect(f"{self._url}?heartbeat=10", timeout=DIAL_S)
        async with connection:
            channel = await connection.channel()
            queue = await self._declare(channel)
            await queue.consume(self._receive)
            self.consuming = True
            say("consuming", queue=self._queue_name, again=not first)
            if not first:
                metrics.RESTARTS.inc()
            await joined()
            gone = asyncio.ensure_future(connection.closed())
            jobs = [gone, asyncio.create_task(self._speak()), asyncio.create_task(self._look(channel))]
            try:
                await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self.consuming, self._exchange = False, None
                for job in jobs:
                    job.cancel()
                await asyncio.gather(*jobs, return_exceptions=True)
        warn("the bus is gone")

    async def _declare(self, channel: AbstractChannel) -> AbstractQueue:
        await channel.set_qos(prefetch_count=AT_ONCE, timeout=DIAL_S)
        self._exchange = await channel.declare_exchange(
            EXCHANGE, "topic", durable=True, auto_delete=True, timeout=DIAL_S
        )
        kept: dict[str, Any] = {"x-max-length": 1000, "x-message-ttl": DAY_MS}
        await channel.declare_queue(DEAD, durable=True, arguments=kept, timeout=DIAL_S)
        ours: dict[str, Any] = {"x-queue-type": "quorum", "x-single-active-consumer": True, "x-expires": DAY_MS,
                                "x-delivery-limit": NO_LIMIT, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": DEAD}  # fmt: skip
        queue = await channel.declare_queue(self._queue_name, durable=True, arguments=ours, timeout=DIAL_S)
        await queue.bind(EXCHANGE, f"{self._id}.*", timeout=DIAL_S)
        return queue

    async def _receive(self, delivery: AbstractIncomingMessage) -> None:
        # called in order, each in a task of its own, which ends with the connection: what was not kept then comes again.
        # `hear` takes its task's place in the line before it first waits
        try:
            await self._hear(parse(delivery.body), again=bool(delivery.redelivered))
        except Exception as error:  # noqa: BLE001 - a fault of ours would hold its place in the window for ever
            metrics.GARBAGE.inc()
            why = str(error) if isinstance(error, Garbage) else f"a fault of the worker's: {error!r}"
            warn("garbage put aside", why=why, key=delivery.routing_key)
            with contextlib.suppress(*_TROUBLE):
                await delivery.reject(requeue=False)
            return
        with contextlib.suppress(*_TROUBLE):  # then it comes again, and changes nothing
            await delivery.ack()

    async def _speak(self) -> None:
        while True:
            while self._outbox:
                if not await self._say_some():
                    return
            self._something.clear()
            await self._something.wait()

    async def _say_some(self) -> bool:
        """Say what waits longest, and wait for the bus to confirm it. Of two words on one task the later is said later."""
        some = list(itertools.islice(self._outbox.items(), AT_ONCE))
        said = await asyncio.gather(*(self.tell(kind, TASK_KEY, payload) for (kind, _), payload in some))
        for (key, payload), confirmed in zip(some, said, strict=True):
            if confirmed and self._outbox.get(key) is payload:
                del self._outbox[key]
        return all(said)

    async def _look(self, channel: AbstractChannel) -> None:
        """Come back when nobody consumes our queue any more."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            found = await channel.declare_queue(self._queue_name, passive=True, timeout=DIAL_S)
            if not found.declaration_result.consumer_count:
                return


def _end_if_told() -> None:
    """Be cancelled when somebody told this task so.

    aiormq cancels whoever waits on a connection that is lost: heartbeats would end with the first link that was cut while
    one was said, without a word.
    """
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError
