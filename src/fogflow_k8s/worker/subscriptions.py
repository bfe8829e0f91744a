"""Who is told of what at the broker: made when a task can be told, ended before it goes, compared again and again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.task.manifests import Site
from fogflow_k8s.model.task.record import Record, service_ports
from fogflow_k8s.worker.broker import BrokerAway, Listed
from fogflow_k8s.worker.logs import warn

FRESH_S = 5.0
"""The broker answers before it has noted a subscription: one of this age that it does not list is not lost yet."""


class Ngsi(Protocol):
    """The part of Broker that is used here."""

    async def subscribe(self, record: Record, entry: Obj, reference: str) -> str: ...
    async def unsubscribe(self, sid: str) -> None: ...
    async def subscriptions(self) -> Listed: ...
    async def register_service(self, record: Record, address: str, location: Obj) -> None: ...
    async def forget_outputs(self, record: Record) -> None: ...


class Incomplete(Exception):
    """The broker went away halfway: `held` is what there is."""

    def __init__(self, held: dict[str, str], why: str) -> None:
        super().__init__(why)
        self.held = held


class Subscriptions:
    """Those of one worker's tasks at one broker."""

    def __init__(self, broker: Ngsi, site: Site, location: Obj) -> None:
        self._broker, self._site, self._location = broker, site, location
        self._fresh: dict[str, float] = {}  # by id: when they were made
        self._owed: set[str] = set()  # that could not be ended with their task

    async def make(self, record: Record) -> dict[str, str]:
        """Have a task told of each of its inputs and of nothing else. Raises Incomplete."""
        held = dict(record.subscriptions)
        reference = self._site.reference(record)
        try:
            for key in [k for k in held if k not in record.inputs]:
                await self._broker.unsubscribe(held[key])
                del held[key]
            for key, entry in record.inputs.items():
                if key not in held:
                    held[key] = await self._broker.subscribe(record, entry, reference)
                    self._fresh[held[key]] = time.monotonic()
            if service_ports(record.task) and record.status.state != "running":
                host = reference.split("//")[1].split(":")[0]
                await self._broker.register_service(record, host, self._location)
        except BrokerAway as error:
            raise Incomplete(held, str(error)) from error
        return held

    async def end(self, record: Record) -> None:
        """Have nobody tell a task anything, and delete what it published. What a broker that is away keeps is ended later."""
        try:
            for sid in record.subscriptions.values():
                await self._broker.unsubscribe(sid)
            await self._broker.forget_outputs(record)
        except BrokerAway as error:
            self._owed.update(record.subscriptions.values())
            warn("the broker was not told", task=record.id, why=str(error))

    async def listed(self) -> Listed:
        """What the broker has, after what is owed was ended. Raises BrokerAway."""
        now = time.monotonic()
        self._fresh = {sid: at for sid, at in self._fresh.items() if now - at < FRESH_S}
        for sid in list(self._owed):
            await self._broker.unsubscribe(sid)
            self._owed.discard(sid)
        return await self._broker.subscriptions()

    async def compare(self, record: Record, listed: Listed) -> dict[str, str]:
        """Those of a task that are there; what it should not have is ended. Raises BrokerAway."""
        found, strays = reconciled(record, listed.get(self._site.reference(record), {}), self._fresh)
        for sid in strays:
            await self._broker.unsubscribe(sid)
        return found


def reconciled(
    record: Record, told: Mapping[str, list[str]], fresh: Mapping[str, float]
) -> tuple[dict[str, str], list[str]]:
    """The subscriptions that a task has at the broker by input, and those that it should not have.

    One is taken for ours by what it is about: the keeper puts it back under another id, and a worker that was killed may not
    have written its id down.
    """
    found: dict[str, str] = {}
    for key in record.inputs:
        sid, there = record.subscriptions.get(key), told.get(key, [])
        if sid and (sid in there or (sid in fresh and not there)):
            found[key] = sid
        elif there:
            found[key] = there[0]
    return found, [sid for key, sids in told.items() for sid in sids if sid != found.get(key)]
