"""The subscriptions of one worker's tasks at one broker.

A task is subscribed to its inputs when it can receive notifications, and unsubscribed before it is removed. In between, the
worker regularly compares what it knows with the broker's list: the broker can lose subscriptions, and the keeper can create
them again with other ids.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.task.fogflow_task import TaskInput
from fogflow_k8s.model.task.manifests import TaskEnvironment
from fogflow_k8s.model.task.record import TaskRecord
from fogflow_k8s.worker.broker import BrokerUnavailable, SubscriptionIndex
from fogflow_k8s.worker.logs import warn

RECENT_S = 5.0
"""The broker answers before its list has the subscription: a younger one that is not listed does not count as lost."""


class BrokerClient(Protocol):
    """What this module needs of `Broker`."""

    async def subscribe(self, record: TaskRecord, task_input: TaskInput, reference: str) -> str: ...
    async def unsubscribe(self, subscription_id: str) -> None: ...
    async def subscriptions(self) -> SubscriptionIndex: ...
    async def register_service(self, record: TaskRecord, address: str, location: Obj) -> None: ...
    async def delete_outputs(self, record: TaskRecord) -> None: ...


class SubscribeIncomplete(Exception):
    """The broker became unavailable while a task was subscribed; `subscriptions` are those that exist now."""

    def __init__(self, subscriptions: dict[str, str], why: str) -> None:
        super().__init__(why)
        self.subscriptions = subscriptions


class Subscriptions:
    """The subscriptions of one worker's tasks at one broker."""

    def __init__(self, broker: BrokerClient, environment: TaskEnvironment, location: Obj) -> None:
        self._broker, self._environment, self._location = broker, environment, location
        self._created: dict[str, float] = {}  # by id, in seconds: those of the last RECENT_S
        self._undeleted: set[str] = set()  # of tasks that were removed while the broker was unavailable

    async def subscribe(self, record: TaskRecord) -> dict[str, str]:
        """Subscribe a task to each of its inputs and to nothing else; ids by input. Raises SubscribeIncomplete."""
        subscriptions = dict(record.subscriptions)
        reference = self._environment.reference(record)
        try:
            for key in [key for key in subscriptions if key not in record.inputs]:
                await self._broker.unsubscribe(subscriptions[key])
                del subscriptions[key]
            for key, task_input in record.inputs.items():
                if key not in subscriptions:
                    subscriptions[key] = await self._broker.subscribe(record, task_input, reference)
                    self._created[subscriptions[key]] = time.monotonic()
            if record.task.service_ports and record.status.state != "running":
                host = reference.split("//")[1].split(":")[0]
                await self._broker.register_service(record, host, self._location)
        except BrokerUnavailable as error:
            raise SubscribeIncomplete(subscriptions, str(error)) from error
        return subscriptions

    async def unsubscribe(self, record: TaskRecord) -> None:
        """Delete a task's subscriptions and outputs. While the broker is unavailable, deleting the subscriptions waits."""
        try:
            for subscription_id in record.subscriptions.values():
                await self._broker.unsubscribe(subscription_id)
            await self._broker.delete_outputs(record)
        except BrokerUnavailable as error:
            self._undeleted.update(record.subscriptions.values())
            warn("cannot delete subscriptions or outputs at the broker", task=record.id, why=str(error))

    async def listed(self) -> SubscriptionIndex:
        """Delete what could not be deleted before, then list the broker's subscriptions. Raises BrokerUnavailable."""
        now = time.monotonic()
        self._created = {id_: at for id_, at in self._created.items() if now - at < RECENT_S}
        for subscription_id in list(self._undeleted):
            await self._broker.unsubscribe(subscription_id)
            self._undeleted.discard(subscription_id)
        return await self._broker.subscriptions()

    async def reconcile(self, record: TaskRecord, listed: SubscriptionIndex) -> dict[str, str]:
        """The subscriptions that a task has, after those that it should not have are deleted. Raises BrokerUnavailable."""
        at_broker = listed.get(self._environment.reference(record), {})
        subscriptions, surplus = match_subscriptions(record, at_broker, self._created)
        for subscription_id in surplus:
            await self._broker.unsubscribe(subscription_id)
        return subscriptions


def match_subscriptions(
    record: TaskRecord, at_broker: Mapping[str, list[str]], recent: Mapping[str, float]
) -> tuple[dict[str, str], list[str]]:
    """The subscriptions of a task by input, and the ids of those that it should not have.

    `at_broker` has the ids with the reference of the task, by input. One with another id than the record's is adopted: the
    keeper created it again, or a worker that was killed created it without storing its id.
    """
    matched: dict[str, str] = {}
    for key in record.inputs:
        known, listed = record.subscriptions.get(key), at_broker.get(key, [])
        if known and (known in listed or (known in recent and not listed)):
            matched[key] = known
        elif listed:
            matched[key] = listed[0]
    return matched, [id_ for key, ids in at_broker.items() for id_ in ids if id_ != matched.get(key)]
