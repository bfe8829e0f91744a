"""The worker's connection to RabbitMQ: its queue, and its reports to the master and the designer.

The connection is opened again whenever it is lost. The worker also checks every few seconds that its queue still has a
consumer, because RabbitMQ does not tell a consumer that its queue was deleted.

The queue is a quorum queue with a single active consumer, and it outlives the connection: messages that arrive while the
worker is away wait in it. A message is acknowledged when the callback returns, that is, when the cluster stores the task. A
message that is invalid goes to a dead-letter queue.
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
from fogflow_k8s.worker.logs import log, warn
from fogflow_k8s.worker.protocol import EXCHANGE, TASK_KEY, InvalidMessage, Message, envelope, parse

DEAD_LETTER_QUEUE = "fogflow-k8s.dead"
"""The queue for invalid messages; RabbitMQ keeps the last thousand for a day."""
PREFETCH = 64
"""Messages that RabbitMQ delivers before the first is acknowledged; also the number of reports that are sent at once."""
DAY_MS = 24 * 3600 * 1000
NO_LIMIT = 2**31 - 1
"""By default, RabbitMQ 4 drops a message after twenty deliveries, even if each of them ended with a lost connection."""
TIMEOUT_S = 5
CONSUMER_CHECK_EVERY_S = 5
_ERRORS = (aio_pika.exceptions.AMQPError, OSError, TimeoutError, RuntimeError)


class OnMessage(Protocol):
    """Returns when the message may be acknowledged. Raises InvalidMessage when the message cannot be stored."""

    async def __call__(self, message: Message, *, redelivered: bool) -> None: ...


class MessageBus:
    """Passes messages to `on_message` in the order of their delivery, and sends reports."""

    def __init__(self, url: str, worker_id: str, queue: str, on_message: OnMessage) -> None:
        self._url, self._id, self._queue_name, self._on_message = url, worker_id, queue, on_message
        self._exchange: AbstractExchange | None = None
        self._reports: dict[tuple[str, str], Obj] = {}  # by type and task: those that are not sent yet
        self._new_report = asyncio.Event()
        self.consuming = False

    def report(self, kind: str, payload: Obj) -> None:
        """Send a report on a task as soon as possible; a later report of this type on the same task replaces it."""
        self._reports[kind, str(payload["TaskID"])] = payload
        self._new_report.set()

    async def publish(self, kind: str, key: str, payload: Obj) -> bool:
        """Send a message now, with this routing key; False when RabbitMQ did not confirm it."""
        if self._exchange is None:
            return False
        message = aio_pika.Message(envelope(kind, key, self._id, payload), content_type="application/json")
        try:
            await self._exchange.publish(message, key, mandatory=False, timeout=TIMEOUT_S)
        except (*_ERRORS, asyncio.CancelledError) as error:
            _raise_if_cancelled()
            metrics.ERRORS.labels("rabbitmq").inc()
            warn("cannot publish", type=kind, why=str(error) or type(error).__name__)
            return False
        return True

    async def run(self, on_connected: Callable[[], Awaitable[object]]) -> None:
        """Consume until cancelled; `on_connected` is called after every connection."""
        first = True
        while True:
            try:
                await self._consume(on_connected, first=first)
            except (*_ERRORS, asyncio.CancelledError):
                _raise_if_cancelled()
            self.consuming, self._exchange, first = False, None, False
            await asyncio.sleep(0.3 + random.random())  # noqa: S311 - spreads the reconnections of several workers

    async def _consume(self, on_connected: Callable[[], Awaitable[object]], *, first: bool) -> None:
        """Connect, and consume until the connection or the consumer is lost."""
        connection = await aio_pika.connect(f"{self._url}?heartbeat=10", timeout=TIMEOUT_S)
        async with connection:
            channel = await connection.channel()
            queue = await self._declare(channel)
            await queue.consume(self._receive)
            self.consuming = True
            log("consuming", queue=self._queue_name, again=not first)
            if not first:
                metrics.RECONNECTS.inc()
            await on_connected()
            closed = asyncio.ensure_future(connection.closed())
            reports, check = self._send_reports(), self._until_consumer_lost(channel)
            jobs = [closed, asyncio.create_task(reports), asyncio.create_task(check)]
            try:
                await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self.consuming, self._exchange = False, None
                for job in jobs:
                    job.cancel()
                await asyncio.gather(*jobs, return_exceptions=True)
        warn("lost the connection to RabbitMQ")

    async def _declare(self, channel: AbstractChannel) -> AbstractQueue:
        await channel.set_qos(prefetch_count=PREFETCH, timeout=TIMEOUT_S)
        self._exchange = await channel.declare_exchange(
            EXCHANGE, "topic", durable=True, auto_delete=True, timeout=TIMEOUT_S
        )
        dead_letter: dict[str, Any] = {"x-max-length": 1000, "x-message-ttl": DAY_MS}
        await channel.declare_queue(DEAD_LETTER_QUEUE, durable=True, arguments=dead_letter, timeout=TIMEOUT_S)
        arguments: dict[str, Any] = {
            "x-queue-type": "quorum", "x-single-active-consumer": True, "x-expires": DAY_MS, "x-delivery-limit": NO_LIMIT,
            "x-dead-letter-exchange": "", "x-dead-letter-routing-key": DEAD_LETTER_QUEUE,
        }  # fmt: skip
        queue = await channel.declare_queue(self._queue_name, durable=True, arguments=arguments, timeout=TIMEOUT_S)
        await queue.bind(EXCHANGE, f"{self._id}.*", timeout=TIMEOUT_S)
        return queue

    async def _receive(self, delivery: AbstractIncomingMessage) -> None:
        # Called in the order of delivery, each call in an asyncio task that ends with the connection; what is not stored
        # by then is delivered again. `on_message` waits for the lock of the message's task first, which keeps the order.
        try:
            await self._on_message(parse(delivery.body), redelivered=bool(delivery.redelivered))
        except Exception as error:  # noqa: BLE001 - after a bug in the worker, the message would occupy the prefetch window
            metrics.INVALID.inc()
            why = str(error) if isinstance(error, InvalidMessage) else f"error in the worker: {error!r}"
            warn("message rejected", why=why, key=delivery.routing_key)
            with contextlib.suppress(*_ERRORS):
                await delivery.reject(requeue=False)
            return
        with contextlib.suppress(*_ERRORS):  # it is delivered again then, and changes nothing
            await delivery.ack()

    async def _send_reports(self) -> None:
        while True:
            while self._reports:
                if not await self._send_batch():
                    return
            self._new_report.clear()
            await self._new_report.wait()

    async def _send_batch(self) -> bool:
        """Send the oldest reports, and wait until RabbitMQ confirms them. Reports on one task are sent in their order."""
        batch = list(itertools.islice(self._reports.items(), PREFETCH))
        sent = await asyncio.gather(*(self.publish(kind, TASK_KEY, payload) for (kind, _), payload in batch))
        for (key, payload), confirmed in zip(batch, sent, strict=True):
            if confirmed and self._reports.get(key) is payload:
                del self._reports[key]
        return all(sent)

    async def _until_consumer_lost(self, channel: AbstractChannel) -> None:
        """Return when the queue has no consumer any more."""
        while True:
            await asyncio.sleep(CONSUMER_CHECK_EVERY_S)
            found = await channel.declare_queue(self._queue_name, passive=True, timeout=TIMEOUT_S)
            if not found.declaration_result.consumer_count:
                return


def _raise_if_cancelled() -> None:
    """Raise CancelledError if this asyncio task is being cancelled.

    aiormq also raises CancelledError in every task that waits on a connection that is lost; without this distinction, the
    first lost connection would silently end the heartbeats.
    """
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError
