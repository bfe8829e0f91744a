"""What the keeper observes in one round: the pods and the state of FogFlow's control plane, and what follows from that alone.

The control plane is FogFlow's discovery, brokers, master, workers and designer. They keep their state in memory, and RabbitMQ
carries their messages. `observe.py` asks each of them, and Kubernetes, once in a round and puts the answers into a `Snapshot`.
The rules read a snapshot and the keeper's memory (`memory.py`); nothing here changes either.

Components are named like the chart's workloads. A component with several replicas has several members: `cloud-broker`,
`cloud-broker-1` and so on. The identity of a member changes with every new process. The native worker (`keeps_tasks`) is an
exception: its tasks run without it and every process of it knows all of them, so its identity is always the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

RABBITMQ, DISCOVERY, BROKER = "rabbitmq", "discovery", "cloud-broker"
MASTER, WORKER, DESIGNER, NGINX = "master", "cloud-worker", "designer", "nginx"
ORDERED = (MASTER, WORKER, DESIGNER)
"""The components that consume from RabbitMQ and do not reconnect to it, in the order in which the keeper restarts them."""
STATEFUL = (DISCOVERY, BROKER, DESIGNER)
"""The components that lose their state with their process or their pod."""
COMPONENTS = (RABBITMQ, DISCOVERY, BROKER, *ORDERED, NGINX)
KEPT = "kept"
"""The identity of every native worker."""
TASK_PREFIX = "fogflow-task-"
"""Prefix of the names of a task's Deployment and Service, with both workers."""


def instances(component_name: str, count: int) -> tuple[str, ...]:
    """The members of a component with `count` replicas; the first one has the component's name."""
    return (component_name, *(f"{component_name}-{n}" for n in range(1, count)))


def component(member: str) -> str:
    """The component of a member: cloud-broker of cloud-broker-1."""
    return member.rstrip("0123456789").removesuffix("-")


@dataclass(frozen=True)
class Pod:
    """One pod of a member."""

    name: str
    identity: str
    """Changes with every new process: the pod's uid and its restart count."""
    started: bool = True
    """The container runs, and its startup probe (if it has one) has passed."""
    ready: bool = True
    deleting: bool = False


@dataclass(frozen=True)
class Snapshot:
    """The control plane as observed in one round. None means that the keeper got no answer."""

    pods: Mapping[str, tuple[Pod, ...]] = field(default_factory=dict)
    """By member, oldest first."""
    answers: Mapping[str, bool] = field(default_factory=dict)
    """Whether a member answered over HTTP; members without an HTTP endpoint are absent."""
    consumers: Mapping[str, int] | None = None
    """Number of consumers of each queue, by the member that consumes from it; None when RabbitMQ gave no answer."""
    connections: int | None = None
    """Number of open connections to RabbitMQ."""
    checks_consumers: bool = True
    """False with a RabbitMQ of the user's own without metrics: then only the master's list of workers shows which workers are connected."""
    worker_heartbeat: str | None = None
    """A value that changes with each heartbeat of the first worker; empty when the master does not list that worker."""
    heartbeats: Mapping[str, str] = field(default_factory=dict)
    """As worker_heartbeat, of the other workers."""
    workload: int = 0
    """Number of tasks that the workers report to the master."""
    workers: tuple[str, ...] = (WORKER,)
    keeps_tasks: bool = False
    """True with the native worker: tasks outlive it, it reconnects to RabbitMQ by itself, and a replay does not double its tasks."""
    brokers: int | None = None
    """Number of brokers that discovery lists."""
    shards: tuple[str, ...] = (BROKER,)
    """The brokers of this release; each has a state of its own."""
    discovery: Mapping[str, Any] | None = None
    """Registrations and subscriptions of discovery by key; see ngsi.py."""
    broker: Mapping[str, Any] | None = None
    """Entities and subscriptions of the first broker by key."""
    more_brokers: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    """As broker, of the other brokers."""
    expected: int | None = None
    """Number of subscriptions that the master makes of a replay (expected.py); -1 when the designer does not show what it stores."""
    designer: Mapping[str, Any] | None = None
    """The designer's database; empty when it has none yet."""
    tasks: tuple[str, ...] | None = None
    """Names of the task Deployments."""
    lone_services: tuple[str, ...] = ()
    """Names of task Services without a Deployment; with upstream's worker only."""
    doubled: tuple[str, ...] = ()
    """Ids of the tasks that several Deployments run; with upstream's worker only."""
    topologies: Mapping[str, str] = field(default_factory=dict)
    """The topology of each task, by its Deployment; with the native worker only."""
    free_capacity: int | None = None
    """Number of additional tasks that the workers on the master's list accept; None when a worker does not report its capacity."""

    # -- members --------------------------------------------------------------------------------------------------------

    @property
    def ordered(self) -> tuple[str, ...]:
        """All members of ORDERED, in that order."""
        return (MASTER, *self.workers, DESIGNER)

    @property
    def before_replay(self) -> tuple[str, ...]:
        """The members that must have no plans or tasks in memory when the designer replays."""
        return (MASTER,) if self.keeps_tasks else (MASTER, *self.workers)

    @property
    def interdependent(self) -> tuple[str, ...]:
        """The members of which the loss of one makes an ordered restart of all of them necessary."""
        return (*self.before_replay, DESIGNER)

    @property
    def stateful(self) -> tuple[str, ...]:
        """Discovery and every broker."""
        return (DISCOVERY, *self.shards)

    # -- pods -----------------------------------------------------------------------------------------------------------

    def pod(self, name: str) -> Pod | None:
        """The only pod that is not being deleted; None when there is none, or more than one."""
        alive = [pod for pod in self.pods.get(name, ()) if not pod.deleting]
        return alive[-1] if len(alive) == 1 else None

    def settled(self, name: str) -> bool:
        """Whether the member has exactly one pod, and that pod runs.

        A pod that is being deleted counts while it is ready. The pod of a lost node is not ready, and stays until the node returns.
        """
        present = [pod for pod in self.pods.get(name, ()) if pod.ready or not pod.deleting]
        return len(present) == 1 and (pod := self.pod(name)) is not None and pod.started

    def left_behind(self, name: str) -> list[Pod]:
        """The member's pods that are being deleted and are not ready: still there because they hang or their node is lost."""
        return [pod for pod in self.pods.get(name, ()) if pod.deleting and not pod.ready]

    def identity(self, name: str) -> str:
        """The identity of the member's only pod; empty when there is none. KEPT for a native worker."""
        if self.keeps_tasks and name in self.workers:
            return KEPT
        pod = self.pod(name)
        return pod.identity if pod else ""

    @property
    def identities(self) -> dict[str, str]:
        """The identities of master, workers and designer."""
        return {name: self.identity(name) for name in self.ordered}

    @property
    def all_running(self) -> bool:
        """Whether master, workers and designer run; a native worker may have two pods during a rolling update."""
        others = self.workers if self.keeps_tasks else ()
        ready = (any(pod.ready for pod in self.pods.get(name, ())) for name in others)
        return all(map(self.settled, self.interdependent)) and all(ready)

    # -- RabbitMQ -------------------------------------------------------------------------------------------------------

    @property
    def bus_up(self) -> bool:
        """Whether RabbitMQ works, as far as the keeper can observe it."""
        return self.consumers is not None if self.checks_consumers else True

    def consumes(self, name: str) -> bool:
        """Whether a member of ORDERED consumes from its queue, as far as the keeper can observe it."""
        if not self.checks_consumers:
            return name not in self.workers or bool(self.heartbeat(name))
        return self.consumers is not None and self.consumers.get(name, 0) > 0

    def consumes_alone(self, name: str) -> bool:
        """Whether a worker consumes and no earlier pod of it is still ending.

        An upstream worker that ends while it is replaced by a native one would start replayed tasks, too.
        """
        ending = any(pod.deleting and pod.ready for pod in self.pods.get(name, ()))
        return self.consumes(name) and not ending

    def connection(self, pod: Pod) -> str:
        """An id of the connection between this process and this process of RabbitMQ; empty when RabbitMQ is the user's own."""
        bus = self.pod(RABBITMQ)
        return f"{pod.identity} {bus.identity}" if bus else ""

    # -- heartbeats -----------------------------------------------------------------------------------------------------

    def heartbeat(self, worker: str) -> str | None:
        """As worker_heartbeat, of any worker."""
        first = self.worker_heartbeat
        return first if first is None or worker == WORKER else self.heartbeats.get(worker, "")

    @property
    def all_listed(self) -> bool:
        """Whether the master lists every worker."""
        return all(self.heartbeat(name) for name in self.workers)

    @property
    def any_unlisted(self) -> bool:
        """Whether the master answers and does not list one of the workers."""
        return any(self.heartbeat(name) == "" for name in self.workers)

    # -- state ----------------------------------------------------------------------------------------------------------

    def held(self, name: str) -> Mapping[str, Any] | None:
        """The state that discovery or a broker holds in memory."""
        return {**self.more_brokers, DISCOVERY: self.discovery, BROKER: self.broker}.get(name)

    def subscriptions_of(self, name: str) -> frozenset[str]:
        """Keys of a master's or a broker's subscriptions at discovery: their reference begins with the name of its Service."""
        return keys_with_reference_to(name, self.discovery or {})

    @property
    def plans(self) -> frozenset[str]:
        """Keys of the master's subscriptions at discovery: one for each input stream that it plans tasks for."""
        return self.subscriptions_of(MASTER)


def keys_with_reference_to(name: str, held: Mapping[str, Any]) -> frozenset[str]:
    """Keys of the subscriptions at discovery whose reference begins with the name of this Service."""
    return frozenset(key for key, one in held.items() if key.startswith("s:") and f"//{name}." in json.dumps(one))
