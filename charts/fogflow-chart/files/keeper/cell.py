"""What the keeper knows and does: observations, memory, actions. No rules.

The cell is FogFlow's control plane as one stateful thing: discovery, broker, master, worker and designer keep their state
in memory, the bus carries what they say to each other. Names of components are those of the chart's workloads.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

RABBITMQ, DISCOVERY, BROKER = "rabbitmq", "discovery", "cloud-broker"
MASTER, WORKER, DESIGNER, NGINX = "master", "cloud-worker", "designer", "nginx"
TRIO = (MASTER, WORKER, DESIGNER)
"""Those that go deaf with the bus, in the order in which they must be restarted."""
STATEFUL = (DISCOVERY, BROKER, DESIGNER)
"""Those that lose what they hold with their process or their pod."""
KEPT = "kept"
"""The identity of a worker whose tasks outlive it: whichever process it is, it knows all of them."""
MEMBERS = (RABBITMQ, DISCOVERY, BROKER, *TRIO, NGINX)
TASK_PREFIX = "fogflow-task-"
"""Of the names of a task's Deployment and Service, whichever worker made them."""


def several(name: str, count: int) -> tuple[str, ...]:
    """The members of a component of which there are several: the first has its name alone."""
    return (name, *(f"{name}-{n}" for n in range(1, count)))


def component(member: str) -> str:
    """The component of a member: cloud-broker of cloud-broker-1."""
    return member.rstrip("0123456789").removesuffix("-")


@dataclass(frozen=True)
class Pod:
    """One pod of a component."""

    name: str
    identity: str
    """Changes with every new process: the pod's uid and its restart count."""
    started: bool = True
    """The container runs, and its startup probe (if any) has passed."""
    ready: bool = True
    deleting: bool = False


@dataclass(frozen=True)
class Snapshot:
    """One look at the cell. None means: could not be asked."""

    pods: Mapping[str, tuple[Pod, ...]] = field(default_factory=dict)
    answers: Mapping[str, bool] = field(default_factory=dict)
    """Whether a component answered over HTTP; those that are not asked are absent."""
    consumers: Mapping[str, int] | None = None
    """Consumers by component of the trio, when RabbitMQ told; None when it did not answer, or nobody can ask it."""
    connections: int | None = None
    """All that RabbitMQ has, as far as it tells."""
    checks_consumers: bool = True
    """False with a RabbitMQ of the user's own that shows no metrics: only the master's list of workers can be believed."""
    worker_beat: str | None = None
    """What changes with each heartbeat of the worker at the master; empty when the master does not list it."""
    workload: int = 0
    """Tasks that the workers say they have."""
    workers: tuple[str, ...] = (WORKER,)
    """All of them; each has a queue."""
    keeps_tasks: bool = False
    """Whether tasks live in the cluster and outlive their worker, which comes back to the bus by itself and does not double them."""
    beats: Mapping[str, str] = field(default_factory=dict)
    """As worker_beat, of the workers beyond the first."""
    brokers: int | None = None
    """Brokers that discovery lists."""
    shards: tuple[str, ...] = (BROKER,)
    """All brokers of this cell; each has a state."""
    discovery: Mapping[str, Any] | None = None
    """Its registrations and subscriptions by key; see ngsi.py."""
    broker: Mapping[str, Any] | None = None
    """Its entities and subscriptions by key."""
    more: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    """As broker, of the shards beyond the first."""
    expected: int | None = None
    """Subscriptions that the master makes of what the designer will replay; -1 when it answers and does not tell. See expected.py."""
    designer: Mapping[str, Any] | None = None
    """The designer's database, as it serves it; empty when it has none yet."""
    tasks: tuple[str, ...] | None = None
    """Names of the task Deployments."""
    topologies: Mapping[str, str] = field(default_factory=dict)
    """By Deployment, the topology that its task is of; of a worker that keeps its tasks."""
    room: int | None = None
    """For how many more tasks the workers that the master lists have room; None when they do not tell."""

    @property
    def trio(self) -> tuple[str, ...]:
        """As TRIO, with every worker."""
        return (MASTER, *self.workers, DESIGNER)

    @property
    def chain(self) -> tuple[str, ...]:
        """Those of the trio of which one cannot be lost alone: what it had in memory is gone for the others, too."""
        return (*self.hands, DESIGNER)

    @property
    def hands(self) -> tuple[str, ...]:
        """Those of the chain that must have nothing in memory when the designer replays."""
        return (MASTER,) if self.keeps_tasks else (MASTER, *self.workers)

    def beat(self, worker: str) -> str | None:
        """As worker_beat, of any worker."""
        return self.worker_beat if self.worker_beat is None or worker == WORKER else self.beats.get(worker, "")

    def held(self, name: str) -> Mapping[str, Any] | None:
        """The state of discovery or of a broker."""
        return {**self.more, DISCOVERY: self.discovery, BROKER: self.broker}.get(name)

    def pod(self, name: str) -> Pod | None:
        """The one pod that counts: the newest that is not on its way out."""
        alive = [pod for pod in self.pods.get(name, ()) if not pod.deleting]
        return alive[-1] if len(alive) == 1 else None

    def settled(self, name: str) -> bool:
        """Whether exactly one pod of the component is there, and it runs.

        One on its way out counts while it is ready: on a lost node nobody ends it, and it stays for ever, not ready.
        """
        there = [pod for pod in self.pods.get(name, ()) if pod.ready or not pod.deleting]
        return len(there) == 1 and (pod := self.pod(name)) is not None and pod.started


@dataclass
class Mend:
    """A mend of the trio under way."""

    why: str
    began: float
    old: dict[str, str]
    """The identity of each that must be replaced, as it was when this began."""
    replaying: bool = False
    """Master and worker are in order; the designer was told to start anew."""
    subscribed: frozenset[str] = frozenset()
    """The master's subscriptions at discovery when it was told: a replay makes new ones."""
    replays: int = 0
    thorough: bool = False
    """A replay went out before: tasks may be on their way to a worker that has none yet."""
    new: set[str] = field(default_factory=set)
    """The identities of the designers that have come to the bus since: each of them has replayed."""


@dataclass(frozen=True)
class Look:
    """What was last read of a member that keeps state."""

    keys: frozenset[str] = frozenset()
    marks: frozenset[str] = frozenset()
    """Ids that only the process which was read has given (ngsi.marks)."""
    lacked: int = 0
    """How much a new process still lacked then."""


@dataclass
class Memory:
    """What the keeper carries from one look to the next; the first three outlive the keeper itself."""

    order: dict[str, str] = field(default_factory=dict)
    """Identities of the trio when they were last known to be in order."""
    known: dict[str, str] = field(default_factory=dict)
    """Identity of discovery, broker and designer whose state is complete."""
    snapshot: dict[str, dict[str, Any]] = field(default_factory=lambda: {name: {} for name in STATEFUL})
    gone: dict[str, dict[str, float]] = field(default_factory=lambda: {name: {} for name in STATEFUL})
    """Since when a key of the snapshot is absent from the process that it was read from; without end: it could not be restored."""
    looks: dict[str, Look] = field(default_factory=dict)
    """Of discovery and of each broker."""
    suspects: dict[str, dict[str, float]] = field(default_factory=dict)
    """By broker, subscriptions that seem to lead nowhere or to be there twice, and since when."""
    unreachable: dict[str, str] = field(default_factory=dict)
    """Addresses that a broker has not reached for minutes, by the broker."""
    unended: dict[str, str] = field(default_factory=dict)
    """Addresses of tasks that are gone, whose subscriptions a broker keeps though it was told to end them; each with its broker."""
    made: dict[str, frozenset[str]] = field(default_factory=dict)
    """By broker, the subscriptions that its process has at discovery."""
    replaced: frozenset[str] = frozenset()
    """Subscriptions at discovery of a master before the last replay, and of brokers before their last restart."""
    short: int = 0
    """How many subscriptions the last replay brought less than expected, however often it was repeated: nobody knows why."""
    since: dict[str, float] = field(default_factory=dict)
    """When a condition began to hold."""
    tried: dict[str, tuple[int, float]] = field(default_factory=dict)
    """How often an action was done in a row, and when last."""
    tasks: tuple[str, ...] = ()
    """The task Deployments of the last look."""
    ran: frozenset[str] = frozenset()
    """Those of now, and of before as long as a subscription leads to one."""
    heard: frozenset[str] = frozenset()
    """Registrations and subscriptions of the master at discovery when it last had a worker to give tasks to."""
    unheard: bool = False
    """Whether it has had none since; of workers that keep their tasks."""
    dropped: int = 0
    """Tasks that the master has dropped, as all workers were full."""
    told_full: bool = False
    """Whether that was said."""
    feeds: bool = False
    """Whether a subscription of a task was ever seen: else its form is not known here."""
    fed: int = 0
    """How often something was done about tasks without a subscription, for nothing so far."""
    asked: frozenset[str] = frozenset()
    """Topologies that are asked for, and that were while tasks of them run."""
    relieved_at: float = float("-inf")
    """When members were last restarted because RabbitMQ had too many connections."""
    mend: Mend | None = None
    mended_at: float = float("-inf")
    """When the last one was over."""
    mends: list[dict[str, Any]] = field(default_factory=list)
    """What was done, for the report; newest last."""
    beat: dict[str, tuple[str, str, float, int]] = field(default_factory=dict)
    """By worker: master and worker; its last heartbeat there; when it was seen to change, and how often."""
    connected: dict[str, str] = field(default_factory=dict)
    """By member of the trio, while it consumed: which process of it, and which RabbitMQ."""

    def copy(self) -> Memory:
        """Another one, which may be changed; what members held is never changed in its place, and is shared."""
        same = {one.name: copy.copy(getattr(self, one.name)) for one in fields(self)}
        mend = self.mend and replace(self.mend, old=dict(self.mend.old), new=set(self.mend.new))
        return Memory(**{**same, "mend": mend})


@dataclass(frozen=True)
class Action:
    """Something to do.

    `delete` a pod (`end`: one on its way out, `replay`: the designer's), `restore` what discovery or a broker has lost,
    `unsubscribe` what leads nowhere there, `reap` tasks that no worker knows of, have a worker `remove` tasks, `tell` something.
    """

    kind: str
    component: str
    """Of several, which one."""
    why: str
    target: str = ""
    """The pod's name."""
    grace_s: int | None = None
    """For its end; None leaves it what the pod asks for."""
    names: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What counts as the same action, for the back-off."""
        once = self.names[:1] if self.kind in {"replay", "unsubscribe"} else ()
        return " ".join((self.kind, self.component, *once))
