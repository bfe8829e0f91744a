"""One time of holding the Lease: everything is read from the cluster, done, and let go again. Nothing outlives it here."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from fogflow_k8s.model.task.manifests import Site
from fogflow_k8s.worker import metrics
from fogflow_k8s.worker.broker import Broker, BrokerAway
from fogflow_k8s.worker.bus import Bus
from fogflow_k8s.worker.kube import Kube, Refused
from fogflow_k8s.worker.logs import say, warn
from fogflow_k8s.worker.observed import KINDS, Observed
from fogflow_k8s.worker.protocol import HEARTBEAT_KEY, profile
from fogflow_k8s.worker.settings import Settings
from fogflow_k8s.worker.subscriptions import Subscriptions
from fogflow_k8s.worker.task_store import TaskStore
from fogflow_k8s.worker.tasks import Tasks

HEARTBEAT_S = 10
"""As upstream's, whatever its configuration says; the master counts on it."""
VERIFY_S = 3
RESYNC_S = 30
AWAY_S = 30
"""A peer that is away for so long makes us not ready."""


class Session:
    """The worker at work."""

    def __init__(self, settings: Settings, kube: Kube, site: Site) -> None:
        self._settings, self._broker = settings, Broker(settings.broker_url)
        self._observed = Observed(kube, settings.id, self._changed)
        keeping = TaskStore(kube, site, self._observed)
        subscriptions = Subscriptions(self._broker, site, settings.location)
        self.tasks = Tasks(keeping, self._observed, subscriptions, site, settings.capacity)
        self._bus = Bus(settings.bus_url, settings.id, settings.queue, self.tasks.hear)
        self.tasks.bus = self._bus
        self._heard_s = time.monotonic()
        self._draining = False

    async def run(self) -> None:
        """Work until cancelled. Raises kube.ERRORS when the start cannot be read."""
        began = time.monotonic()
        versions = await self._observed.load()
        count = await self.tasks.load()
        say("state is read", tasks=count, took_s=round(time.monotonic() - began, 2))
        await self._verify()  # before anything is made: what a killed worker had made is taken over
        async with asyncio.TaskGroup() as group:
            for kind in KINDS:
                group.create_task(self._observed.follow(kind, versions[kind]))
            group.create_task(self.tasks.line.run())
            group.create_task(self.tasks.writing.run())
            group.create_task(self._bus.run(self._joined))
            group.create_task(_every(HEARTBEAT_S, self._beat))
            group.create_task(_every(RESYNC_S, self._resync))
            group.create_task(_every(VERIFY_S, self._verify))

    async def finish(self, *, ours: bool) -> None:
        """Write what is not written yet, when the Lease is still `ours`. Tasks go on running; the next one tells how they are."""
        if ours:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await self.tasks.finish()
        await self._broker.close()

    async def drain(self) -> None:
        """Leave for good: the master is told, and every task ends."""
        self._draining = True
        await self._say("WORKER_LEAVE")
        await self.tasks.remove_all()
        say("drained")

    def wrong(self) -> str:
        """Why we are not ready; "" when we are."""
        if self._draining:
            return "drained"
        if self._bus.consuming:
            self._heard_s = time.monotonic()
        away_s = time.monotonic() - self._heard_s
        return f"no consumer on the bus for {away_s:.0f} s" if away_s > AWAY_S else ""

    def _changed(self, hash_: str) -> None:
        self.tasks.changed(hash_)

    async def _joined(self) -> None:
        await self._say("WORKER_JOIN")

    async def _beat(self) -> None:
        if not self._draining:
            await self._say("WORKER_HEARTBEAT")

    async def _say(self, kind: str) -> None:
        s = self._settings
        await self._bus.tell(kind, HEARTBEAT_KEY, profile(s.id, s.location, s.capacity, self.tasks.workload))

    async def _resync(self) -> None:
        self.tasks.look_at_all()

    async def _verify(self) -> None:
        try:
            await self.tasks.verify()
        except BrokerAway as error:
            metrics.ERRORS.labels("broker").inc()
            warn("subscriptions are not verified", why=str(error))


async def site_of(settings: Settings, kube: Kube) -> Site:
    """Where the tasks run, by the settings; the owner's uid is asked of the cluster. Raises kube.ERRORS."""
    told = settings.tasks
    owner, name = None, str(told.get("owner") or "")
    if name:
        try:
            found = await kube.get("configmaps", name)
            owner = (name, str(found["metadata"]["uid"]))
        except Refused as error:
            if error.status != 404:
                raise
            warn("no owner: tasks would outlive an uninstall", configmap=name)
    given = {
        "node_selector": told.get("nodeSelector"),
        "tolerations": told.get("tolerations"),
        "pull_secrets": told.get("imagePullSecrets"),
        "requests": told.get("requests"),
        "limits": told.get("limits"),
    }
    return Site(
        settings.id, kube.namespace, settings.broker_url, owner, **{k: v for k, v in given.items() if v is not None}
    )


async def _every(seconds: float, do: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await do()
