"""One period in which this process holds the Lease, and is the active replica.

A session reads all tasks from the cluster, connects to RabbitMQ and the broker, and runs the parts of the worker at the same
time. When the Lease is lost, the session ends; the next one starts from the cluster again, so nothing of a session is reused.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from fogflow_k8s.model.task.manifests import TaskEnvironment
from fogflow_k8s.worker import metrics
from fogflow_k8s.worker.broker import Broker, BrokerUnavailable
from fogflow_k8s.worker.kube import ApiError, KubeClient
from fogflow_k8s.worker.logs import log, warn
from fogflow_k8s.worker.message_bus import MessageBus
from fogflow_k8s.worker.object_cache import KINDS, ObjectCache
from fogflow_k8s.worker.protocol import HEARTBEAT_KEY, Message, worker_profile
from fogflow_k8s.worker.settings import Settings
from fogflow_k8s.worker.subscriptions import Subscriptions
from fogflow_k8s.worker.task_controller import TaskController
from fogflow_k8s.worker.task_reporter import TaskReporter
from fogflow_k8s.worker.task_store import TaskStore

HEARTBEAT_S = 10
"""The interval of the upstream worker, on which the master relies; the upstream worker ignores its setting."""
VERIFY_SUBSCRIPTIONS_S = 3
RESYNC_S = 30
UNREADY_AFTER_S = 30
"""The worker is not ready when it has had no consumer at RabbitMQ for this long."""
WRITE_PENDING_S = 5


class Session:
    """The active worker."""

    def __init__(self, settings: Settings, kube: KubeClient, environment: TaskEnvironment) -> None:
        self._settings, self._broker = settings, Broker(settings.broker_url)
        self._cache = ObjectCache(kube, settings.id, self._on_object_change)
        self._bus = MessageBus(settings.bus_url, settings.id, settings.queue, self._on_message)
        self.tasks = TaskController(
            TaskStore(kube, environment, self._cache),
            self._cache,
            Subscriptions(self._broker, environment, settings.location),
            TaskReporter(self._bus, environment),
            environment.worker,
            settings.capacity,
        )
        self._consumed_s = time.monotonic()
        self._draining = False

    async def run(self) -> None:
        """Work until cancelled. Raises API_ERRORS when the tasks cannot be read at the start."""
        started = time.monotonic()
        versions = await self._cache.list_all()
        count = await self.tasks.read_all()
        log("tasks read", tasks=count, took_s=round(time.monotonic() - started, 2))
        await self._verify_subscriptions()  # first, so that subscriptions of a worker that was killed are adopted
        async with asyncio.TaskGroup() as group:
            for kind in KINDS:
                group.create_task(self._cache.watch(kind, versions[kind]))
            group.create_task(self.tasks.queue.run())
            group.create_task(self.tasks.state_writes.run())
            group.create_task(self._bus.run(self._join))
            group.create_task(_every(HEARTBEAT_S, self._send_heartbeat))
            group.create_task(_every(RESYNC_S, self._resync))
            group.create_task(_every(VERIFY_SUBSCRIPTIONS_S, self._verify_subscriptions))

    async def close(self, *, write_pending: bool) -> None:
        """Close the session. `write_pending`, if this process still holds the Lease: write states that are not stored yet.

        The tasks continue to run; the next session finds out what was not written.
        """
        if write_pending:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WRITE_PENDING_S):
                    await self.tasks.write_pending()
        await self._broker.close()

    async def drain(self) -> None:
        """Leave FogFlow permanently: tell the master, and remove every task."""
        self._draining = True
        await self._publish_profile("WORKER_LEAVE")
        await self.tasks.remove_all()
        log("drained")

    def unready_reason(self) -> str:
        """Why the worker is not ready; "" when it is."""
        if self._draining:
            return "drained"
        if self._bus.consuming:
            self._consumed_s = time.monotonic()
        lost_s = time.monotonic() - self._consumed_s
        return f"no consumer at RabbitMQ for {lost_s:.0f} s" if lost_s > UNREADY_AFTER_S else ""

    async def _on_message(self, message: Message, *, redelivered: bool) -> None:
        await self.tasks.on_message(message, redelivered=redelivered)

    def _on_object_change(self, hash_: str) -> None:
        self.tasks.on_object_change(hash_)

    async def _join(self) -> None:
        await self._publish_profile("WORKER_JOIN")

    async def _send_heartbeat(self) -> None:
        if not self._draining:
            await self._publish_profile("WORKER_HEARTBEAT")

    async def _publish_profile(self, kind: str) -> None:
        s = self._settings
        profile = worker_profile(s.id, s.location, s.capacity, self.tasks.workload)
        await self._bus.publish(kind, HEARTBEAT_KEY, profile)

    async def _resync(self) -> None:
        self.tasks.reconcile_all()

    async def _verify_subscriptions(self) -> None:
        try:
            await self.tasks.verify_subscriptions()
        except BrokerUnavailable as error:
            metrics.ERRORS.labels("broker").inc()
            warn("cannot verify subscriptions", why=str(error))


async def read_environment(settings: Settings, kube: KubeClient) -> TaskEnvironment:
    """The environment of the tasks, from the settings; the uid of their owner is read from the cluster. Raises API_ERRORS."""
    configured = settings.tasks
    owner, name = None, str(configured.get("owner") or "")
    if name:
        try:
            found = await kube.get("configmaps", name)
            owner = (name, str(found["metadata"]["uid"]))
        except ApiError as error:
            if error.status != 404:
                raise
            warn("owner not found: an uninstall will not delete the tasks", configmap=name)
    options = {
        "node_selector": configured.get("nodeSelector"),
        "tolerations": configured.get("tolerations"),
        "pull_secrets": configured.get("imagePullSecrets"),
        "requests": configured.get("requests"),
        "limits": configured.get("limits"),
    }
    given = {key: value for key, value in options.items() if value is not None}
    return TaskEnvironment(settings.id, kube.namespace, settings.broker_url, owner, **given)


async def _every(seconds: float, action: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await action()
