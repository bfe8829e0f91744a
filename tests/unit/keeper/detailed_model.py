"""A detailed model of the control plane in simulated time: it does what the real programs were measured to do.

Every member loses its state with its process, does not reconnect to RabbitMQ, and looks healthy meanwhile. The keeper's own loop is
here too (what it stores, what it loses when it is restarted), so that `decide` is driven as in its pod.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field

from decide import decide
from expected import subscriptions
from memory import Memory
from ngsi import IDS
from references import task_of
from snapshot import (
    BROKER,
    COMPONENTS,
    DESIGNER,
    DISCOVERY,
    MASTER,
    NGINX,
    RABBITMQ,
    WORKER,
    Pod,
    Snapshot,
    component,
    instances,
)
from stored_memory import from_stored, to_stored

STEP = 0.25
_settled: dict[str, bytes] = {}
DEVICES = ("T1", "T2", "T3")
SLOW_S = 3.0  # http_json.TIMEOUT_S: what it costs to ask one who does not answer
GRACE = {WORKER: 180.0, DESIGNER: 5.0}
EXIT_S = 0.5
BOOT_S = {RABBITMQ: 6.0}
READY_S = 2.5  # the designer is on the bus after 1 s, and its Service leads to it later
FORGOTTEN_S = 30.0  # the master's window for a worker, discovery's for a broker
AMQP_DEAD_S = 20.0  # RabbitMQ closes a connection whose other end is stopped
RETRY_S = 11.0  # how long master and worker try to reach the bus after their start
LATE_S = 1.0  # a kubelet tells of a restart that late
LIVENESS_S = 60.0
KEEPS_LIVENESS_S = 30.0  # of the worker that keeps its tasks
REDIAL_S = 2.0
NODE_S = 40.0  # until the cluster believes that a node is gone
TOLERATION_S = 60.0


@dataclass
class Process:
    born: float
    stopped: float | None = None
    """When it was stopped (SIGSTOP), or its node was lost."""
    epoch: int | None = None
    """The bus that it is connected to; another one it does not hear."""
    gave_up: bool = False
    """It tried to reach RabbitMQ for RETRY_S after its start, and does not try again."""
    replayed: bool = False
    beat: float = -1e9
    state: dict = field(default_factory=dict)
    """What it knows, and loses."""
    workers: dict = field(default_factory=dict)
    tasks: dict = field(default_factory=dict)
    """Of the worker: task id by the name of its Deployment. Of the master: entity by the id of its subscription."""
    halfway: str = ""
    """The task whose Deployment upstream's worker has deleted, and whose Service it deletes next."""


@dataclass
class SimPod:
    component: str
    name: str
    uid: str
    created: float
    process: Process | None = None
    restarts: int = 0
    told_at: float = -1e9
    """When the API server shows its last restart."""
    restart_at: float | None = None
    deleting: bool = False
    gone_at: float | None = None
    terminates_at: float | None = None
    lost_at: float | None = None
    """Its node's end: nothing ever takes the pod away after that."""

    def identity(self, now):
        return f"{self.uid}/{self.restarts - (now < self.told_at)}"


class ControlPlane:
    """All members and their tasks."""

    def __init__(
        self,
        *,
        functions=1,
        intents=0,
        disabled=0,
        volatile=False,
        keeps=False,
        metrics=True,
        shards=1,
        workers=1,
        capacity=100,
    ):
        self.shards, self.workers = instances(BROKER, shards), instances(WORKER, workers)
        self.ordered = (MASTER, *self.workers, DESIGNER)
        self.names = (*(n for n in COMPONENTS if n not in {BROKER, WORKER}), *self.shards, *self.workers)
        self.sets = {n for members in (self.shards, self.workers) for n in members if len(members) > 1}
        self.now, self.last_id = 0.0, 0
        self.functions, self.intents, self.disabled, self.capacity = functions, intents, disabled, capacity
        self.volatile, self.keeps, self.metrics = volatile, keeps, metrics
        self.pods: list[SimPod] = []
        self.deployments: dict[str, str] = {}  # name: task id
        self.services: set[str] = set()
        self.of_worker: dict[str, str] = {}  # name: the worker that its label tells, of one that keeps its tasks
        self.queued: list[tuple] = []  # (bus, worker, task): a queue that lasts takes what its worker is too late for
        self.declared: set[tuple] = set()  # (bus, worker)
        self.database = {}
        self.epoch, self.bus_process, self.bus_back = 0, None, 0.0
        self.fetch = dict
        self.scaled: dict[str, int] = {}
        self.told: list[str] = []
        for name in self.names:
            self.make(name)

    # -- pods ------------------------------------------------------------------------------------------------------

    leaked = 0
    """Connections to RabbitMQ that no program closes."""
    too_early = 0
    """Intents that the master will not find the topology of."""

    def next_id(self):
        """A number that nothing has yet; itertools.count cannot be copied from Python 3.14 on."""
        self.last_id += 1
        return self.last_id

    def make(self, name):
        """A Deployment's pod has a name of its own, one of a set has its place's."""
        n = self.next_id()
        pod = SimPod(name, f"{name}.set" if name in self.sets else f"{name}-{n}", f"uid{n}", self.now)
        self.pods.append(pod)
        return pod

    def of(self, name):
        """The newest pod that is not on its way out."""
        return next((p for p in reversed(self.pods) if p.component == name and not p.deleting), None)

    def _replace(self):
        """Make the pods that are missing: a StatefulSet waits until the pod before is removed."""
        filled = {p.component for p in self.pods if not p.deleting or p.component in self.sets}
        for name in self.names:
            if name not in filled and self.scaled.get(name, 1):
                self.make(name)

    def _processes(self):
        """All that run, by component."""
        found = {}
        for pod in self.pods:
            if pod.process and pod.process.stopped is None:
                found.setdefault(pod.component, []).append(pod.process)
        return found

    def running(self, name):
        """Its processes that run: there may be an old one that is still ending."""
        return [p.process for p in self.pods if p.component == name and p.process and p.process.stopped is None]

    def process(self, name):
        return next(iter(reversed(self.running(name))), None)

    def shard_of(self, name):
        """The broker that a worker uses, or a device."""
        known = self.workers if name in self.workers else DEVICES
        return self.shards[known.index(name) % len(self.shards)]

    def delete(self, name, grace=None):
        """What `kubectl delete pod` does; a second time it does something only by force."""
        pod = next((p for p in self.pods if p.name == name), None)
        if pod is None:
            return
        usual = 30.0 if self.keeps and pod.component in self.workers else GRACE.get(component(pod.component), 30.0)
        grace = usual if grace is None else float(grace)
        if not pod.deleting:
            pod.deleting = True
            pod.terminates_at = self.now
        if grace == 0:
            self.pods.remove(pod)  # removed by force
        elif pod.lost_at is None:
            # the kubelet of the measurements does not shorten a grace that has begun
            pod.gone_at = self.now + grace if pod.gone_at is None else pod.gone_at

    def kill(self, name):
        """SIGKILL: the container starts anew in its pod, without its gate."""
        pod = self.of(name)
        if pod and pod.process and pod.lost_at is None:
            pod.process, pod.restart_at = None, self.now + 1.0

    def roll(self, name):
        """A rolling update's first half: the next pod is there, and the one before stays until it runs."""
        old = self.of(name)
        self.make(name)
        return old

    def hang(self, name):
        pod = self.of(name)
        if pod and pod.process and pod.process.stopped is None:
            pod.process.stopped = self.now

    def lose_node(self, names):
        for name in names:
            if pod := self.of(name):
                pod.lost_at = self.now
                if pod.process:
                    pod.process.stopped = self.now

    # -- time ------------------------------------------------------------------------------------------------------

    def step(self):
        self.now = round(self.now + STEP, 3)
        for pod in list(self.pods):
            self._age(pod)
        self._replace()
        self._bus()
        running = self._processes()
        for name in (DISCOVERY, *self.shards, *self.ordered):
            for process in running.get(name, ()):
                getattr(self, "_run_" + component(name).removeprefix("cloud-"))(process, name)

    def _age(self, pod):
        process = pod.process
        if pod.lost_at is not None:
            if not pod.deleting and self.now - pod.lost_at > NODE_S + TOLERATION_S:
                pod.deleting = True
            return
        if pod.restart_at is not None and self.now >= pod.restart_at:
            pod.restart_at, pod.restarts, pod.told_at = None, pod.restarts + 1, self.now + LATE_S
            pod.process = process = Process(self.now)
        waits = process is None and pod.restart_at is None and not pod.deleting
        if waits and self.now - pod.created >= 1.0 and self._gate(pod.component):
            pod.process = Process(self.now)
            if pod.component == DESIGNER and self.volatile:
                self.database = copied(self.fetch())
        if process and process.stopped is not None and self.now - process.stopped > self._patience(pod.component):
            pod.process, pod.restart_at = None, self.now + 1.0
        if pod.deleting:
            self._end(pod)

    def _patience(self, name):
        """How long a kubelet lets one be silent; upstream's worker it does not ask."""
        return LIVENESS_S if name not in self.workers else KEEPS_LIVENESS_S if self.keeps else 1e9

    def _end(self, pod):
        process = pod.process
        if process is None:
            self.pods.remove(pod)
            return
        polite = process.stopped is None and pod.component != DESIGNER
        if polite and self.now - pod.terminates_at >= EXIT_S:
            if self.keeps and pod.component in self.workers:
                self.pods.remove(pod)  # it takes no task along, and does not take its leave
                return
            if pod.component in self.workers and process.tasks:
                self._remove_task(process, next(iter(process.tasks)))
                return
            self._remove_service(process)
            if pod.component in self.workers:
                for master in self.running(MASTER):
                    if self._hears(master):
                        master.workers.pop(pod.component, None)
            self.pods.remove(pod)
        elif self.now >= pod.gone_at:
            self.pods.remove(pod)

    def _gate(self, name):
        if name in self.shards:
            return self.process(DISCOVERY) is not None
        if name in {MASTER, DESIGNER}:
            return self.bus_up
        if name in self.workers and self.keeps:
            return True
        if name in self.workers and self.metrics:
            return self.bus_up and self.consuming(MASTER) > 0 and self.consuming(name) == 0
        if name in self.workers:
            return self.bus_up
        return True

    # -- the bus ---------------------------------------------------------------------------------------------------

    @property
    def bus_up(self):
        process = self.process(RABBITMQ)
        return process is not None and self.now - process.born >= BOOT_S[RABBITMQ]

    def _bus(self):
        if self.bus_up and self.process(RABBITMQ) is not self.bus_process:
            self.bus_process, self.epoch, self.bus_back = self.process(RABBITMQ), self.epoch + 1, self.now

    def _hears(self, process):
        return self.bus_up and process.epoch == self.epoch and process.stopped is None

    def consuming(self, name):
        """What RabbitMQ counts: a stopped process counts until its connection is found dead."""
        found = (p.process for p in self.pods if p.component == name and p.process)
        return sum(p.epoch == self.epoch and (p.stopped is None or self.now - p.stopped < AMQP_DEAD_S) for p in found)

    def _connect(self, process, *, patience=RETRY_S):
        """True the moment it begins to consume."""
        if process.epoch is not None or process.gave_up:
            return False
        if self.bus_up and self.now - process.born >= 0.5:
            process.epoch = self.epoch
            return True
        if self.now - process.born > patience:
            process.gave_up = True
        return False

    # -- members ---------------------------------------------------------------------------------------------------

    def _run_discovery(self, process, _):
        pass

    def _run_broker(self, process, name):
        discovery = self.process(DISCOVERY)
        if discovery and self.now - process.beat >= 5.0:
            process.beat = self.now
            discovery.workers[name] = self.now

    def _run_master(self, process, _):
        self._connect(process)
        for worker, (beat, _) in list(process.workers.items()):
            if self.now - beat >= FORGOTTEN_S:
                del process.workers[worker]

    def _run_worker(self, process, name):
        self._remove_service(process)
        joined = self._dial_again(process, name) if self.keeps else self._connect(process)
        if joined or self.now - process.beat >= 10.0:
            process.beat = self.now
            if self.bus_up and process.epoch is not None:  # its publisher reconnects, whether or not its consumer does
                for master in self.running(MASTER):
                    if self._hears(master):
                        master.workers[name] = (self.now, len(process.tasks))

    def _dial_again(self, process, name):
        """One that keeps its tasks: the bus may come and go, its queue waits for it, and what runs it reads off the cluster."""
        dials = self.bus_up and self.now - process.born >= 0.5 and self.now - self.bus_back >= REDIAL_S
        joined = dials and process.epoch is None
        if dials and process.epoch != self.epoch:
            process.epoch = self.epoch
            self.declared.add((self.epoch, name))
        if self._hears(process):
            mine = [each for each in self.queued if each[:2] == (self.epoch, name)]
            self.queued = [each for each in self.queued if each not in mine]
            for _, _, task in mine:
                self._launch(process, name, task)
        process.tasks = {one: task for one, task in self.deployments.items() if self.of_worker.get(one) == name}
        for one, task in process.tasks.items():  # subscriptions that the broker lost
            if (broker := self.process(self.shard_of(name))) and (self.now % 10.0 == 0.0):
                broker.state.setdefault(f"s:{one}", self.subscription(one, task))
        return joined

    def _run_designer(self, process, _):
        if process.epoch is None and (self.now - process.born) % 5.0 >= 1.0:  # it tries for ever, every 5 s
            self._connect(process, patience=1e9)
        if process.epoch is not None and not process.replayed:
            process.replayed = True
            for topology in published(self.database):
                self._intent(topology)

    def _intent(self, function):
        """The master hears of an intent: it subscribes at discovery, which tells it of what there is."""
        master, discovery = self.process(MASTER), self.process(DISCOVERY)
        if master is None or not self._hears(master) or discovery is None:
            return  # dropped for ever
        if any(pod.component == DESIGNER and pod.lost_at is not None for pod in self.pods):
            return  # dropped, too: it looked for the topology on a node that is not there
        if self.too_early:
            self.too_early -= 1
            return  # and so are those that came before the nodes knew the designer's address
        sid = f"sid{self.next_id()}"
        master.tasks = {of: plan for of, plan in master.tasks.items() if plan[0] != function}  # its subscription stays
        master.tasks[sid] = (function, {})
        discovery.state[f"s:{sid}"] = {"reference": "http://master.ns.svc.cluster.local:1060"}
        for key in [k for k in discovery.state if k.startswith("r:T")]:
            self._available(sid, key[2:])

    def _available(self, sid, entity):
        master = self.process(MASTER)
        if master is None or sid not in master.tasks:
            return  # not issued by me
        function, plan = master.tasks[sid]
        if entity in plan:
            return
        plan[entity] = f"Task.{function}.{entity}"
        free = [one for one in master.workers if self.load(one) < self.capacity]  # whether or not they consume
        name = min(free, key=lambda one: (self.load(one), one), default="")
        worker = self.process(name)
        if name and self._hears(master) and worker and self._hears(worker):
            self._launch(worker, name, plan[entity])
        elif name and self._hears(master) and (self.epoch, name) in self.declared:
            self.queued.append((self.epoch, name, plan[entity]))

    def load(self, name):
        process = self.process(name)
        return len(process.tasks) if process else 0

    def _launch(self, worker, of, task):
        if self.keeps and (there := [one for one, known in self.deployments.items() if known == task]):
            self.of_worker[there[0]] = of  # the same objects, whichever worker gets the task
            return
        name = f"fogflow-task-{self.next_id()}"
        for earlier in [one for one, known in worker.tasks.items() if known == task]:
            del worker.tasks[earlier]  # the worker does not know it any more, and it runs on
        self.deployments[name] = worker.tasks[name] = task
        self.services.add(name)
        self.of_worker[name] = of
        if broker := self.process(self.shard_of(of)):
            broker.state[f"s:{name}"] = self.subscription(name, task)
            broker.state[f"e:Out.{task}"] = {}
        if discovery := self.process(DISCOVERY):
            discovery.state[f"r:Out.{task}"] = {}

    def subscription(self, name, task):
        """A task's, as ngsi.read_broker shows it: our worker's leads to the Service's name, upstream's to its address."""
        port = name.rpartition("-")[2]
        where = f"http://{name}.ns.svc:80" if self.keeps else f"http://10.96.0.9:{port}"
        return {"reference": where, "Subscriber": {"Correlator": task}, IDS: [f"id{self.next_id()}"]}

    def _remove_task(self, worker, name):
        task = worker.tasks.pop(name)
        self.deployments.pop(name, None)
        self._remove_service(worker)
        worker.halfway = name
        if self.keeps:
            self._remove_service(worker)
        for process, keys in (
            *((self.process(one), (f"s:{name}", f"e:Out.{task}")) for one in self.shards),
            (self.process(DISCOVERY), (f"r:Out.{task}",)),
        ):
            for key in keys if process else ():
                process.state.pop(key, None)

    def _remove_service(self, worker):
        self.services.discard(worker.halfway)
        worker.halfway = ""

    def appear(self, entity):
        """A device publishes for the first time."""
        broker, discovery = self.process(self.shard_of(entity)), self.process(DISCOVERY)
        if broker is None or discovery is None:
            return False
        broker.state[f"e:{entity}"] = {}
        discovery.state[f"r:{entity}"] = {"Type": "Device"}
        for sid in [k[2:] for k in discovery.state if k.startswith("s:")]:
            self._available(sid, entity)
        return True

    def post(self):
        """Somebody adds the functions through the designer's API."""
        topology = {"tasks": [{"operator": "o", "input_streams": [{"selected_type": "Device", "groupby": "EntityID"}]}]}
        functions = {f"f{i}": {"topology": topology} for i in range(self.functions)}
        functions |= {f"off{i}": {"topology": topology, "status": "disabled"} for i in range(self.disabled)}
        intents = {f"i{i}": {"topology": f"x{i}"} for i in range(self.intents)}
        topologies = {f"x{i}": topology for i in range(self.intents)}
        self.database = {"fogfunctions": functions, "serviceintents": intents, "topologies": topologies}
        for topology in published(self.database):
            self._intent(topology)

    # -- what can be snapshot, and done ----------------------------------------------------------------------------------

    def answers(self, name):
        process = self.process(name)
        if name == RABBITMQ:
            return self.bus_up
        if name == NGINX:
            return process is not None
        unseen = READY_S if name == DESIGNER else STEP
        return process is not None and self.now - process.born >= unseen

    def observe(self):
        """What observe.look would tell, and how long that took."""
        asked = [name for name in self.names if name not in self.workers and (name != RABBITMQ or self.metrics)]
        answers = {name: self.answers(name) for name in asked}
        hung = [
            n
            for n in asked
            if not answers[n]
            and any(p.component == n and p.process and p.process.stopped is not None for p in self.pods)
        ]
        held = {name: self.process(name).state if answers[name] else None for name in (DISCOVERY, *self.shards)}
        beats, workload, free_capacity = {}, 0, None
        if answers[MASTER]:
            listed = {name: self.process(MASTER).workers.get(name, ("", 0)) for name in self.workers}
            beats, workload = {name: str(at) for name, (at, _) in listed.items()}, sum(n for _, n in listed.values())
            free_capacity = (
                sum(max(0, self.capacity - n) for at, n in listed.values() if at)
                if any(at for at, _ in listed.values())
                else None
            )
        counts = None
        if self.metrics and answers[RABBITMQ]:
            counts = {name: self.consuming(name) for name in self.ordered}
        brokers = None
        if answers[DISCOVERY]:
            brokers = sum(self.now - at < FORGOTTEN_S for at in self.process(DISCOVERY).workers.values())
        expected = subscriptions(self.database) if answers[DESIGNER] else None
        database = copied(self.database) if answers[DESIGNER] else None
        pods = {
            name: tuple(self._seen(p) for p in self.pods if p.component == name)
            for name in self.names
            if any(p.component == name for p in self.pods)
        }
        snapshot = Snapshot(
            pods=pods, answers=answers, consumers=counts, connections=self.leaked, checks_consumers=self.metrics, worker_heartbeat=beats.pop(WORKER, None),
            heartbeats=beats, workers=self.workers, workload=workload, free_capacity=free_capacity, topologies=self._topologies(), brokers=brokers, shards=self.shards,
            discovery=copied(held.pop(DISCOVERY)), broker=copied(held.pop(BROKER)), more_brokers=copied(held),
            expected=expected, designer=database, tasks=tuple(sorted(self.deployments)), lone_services=tuple(sorted(self.services - self.deployments.keys())), doubled=self._doubled(), keeps_tasks=self.keeps,
        )  # fmt: skip
        return snapshot, SLOW_S * len(hung)

    def _doubled(self):
        """Which tasks run more than once, as upstream's worker shows it."""
        running = list(self.deployments.values())
        return () if self.keeps else tuple(sorted({task for task in running if running.count(task) > 1}))

    def _topologies(self):
        """Of which topology each task is, as a worker that keeps them notes."""
        return {name: task.split(".")[1] for name, task in self.deployments.items()} if self.keeps else {}

    def _seen(self, pod):
        noticed = pod.lost_at is not None and self.now - pod.lost_at > NODE_S
        runs = pod.process is not None
        booted = runs and self.now - pod.process.born >= BOOT_S.get(pod.component, 0.0)
        return Pod(
            pod.name, pod.identity(self.now), started=booted, ready=booted and not noticed, deleting=pod.deleting
        )

    def do(self, action, memory):
        if action.kind in {"delete", "end", "replay"}:
            self.delete(action.target, action.grace_s)
        elif action.kind == "reap":
            for name in action.names:
                self.deployments.pop(name, None)
                self.services.discard(name)
        elif action.kind == "remove":
            for name in action.names:
                if worker := self.process(self.of_worker[name]):  # else it finds the note when it is back
                    self._remove_task(worker, name)
        elif action.kind == "warn":
            self.told.append(action.why)
        elif action.kind in {"restore", "unsubscribe"}:
            if process := self.process(action.component):
                getattr(self, f"_{action.kind}")(process, action, memory.saved[action.component])
        else:
            raise AssertionError(action.kind)

    def _restore(self, process, action, held):
        for key in sorted(action.names):
            process.state[key] = copied(held[key])
            if IDS in process.state[key]:
                process.state[key][IDS] = [f"id{self.next_id()}"]
            if action.component == DISCOVERY and key.startswith(
                "r:T"
            ):  # programs that have subscribed meanwhile are notified
                for sid in [one[2:] for one in process.state if one.startswith("s:")]:
                    self._available(sid, key[2:])
            if action.component == DISCOVERY and key.startswith("s:"):
                for one in [k[2:] for k in process.state if k.startswith("r:T")]:
                    self._available(key[2:], one)

    def _unsubscribe(self, process, action, _):
        for key, one in list(process.state.items()):
            if {key.removeprefix("s:"), *one.get(IDS, ())} & set(action.names):
                del process.state[key]

    # -- the truth ---------------------------------------------------------------------------------------------------

    def fault(self):  # noqa: C901 - one line for each thing that must hold
        """What is wrong, in one line; empty when everything works and every task runs exactly once."""
        if not self.bus_up:
            return "the bus is down"
        for name in self.ordered:
            most = 2 if self.keeps and name in self.workers else 1  # while one follows the other
            if not 1 <= self.consuming(name) <= most or not self.running(name):
                return f"{name} does not consume"
        master = self.process(MASTER)
        if set(self.workers) - master.workers.keys():
            return "a worker is not listed"
        for name in (DISCOVERY, *self.shards, NGINX):
            if not self.answers(name):
                return f"{name} does not answer"
        wanted = sorted(f"Task.{topology}.{d}" for topology in published(self.database) for d in DEVICES)
        if sorted(self.deployments.values()) != wanted:
            return f"tasks {sorted(self.deployments.values())}"
        if lone := self.services ^ self.deployments.keys():
            return f"Services without a Deployment, or the reverse: {sorted(lone)}"
        of = {task: name for name in self.workers for task in self.process(name).tasks}
        if of.keys() != self.deployments.keys():
            return "a task that its worker does not know of"
        planned = sorted(t for _, plan in master.tasks.values() for t in plan.values())
        if planned != wanted:
            return f"the master plans {planned}"
        for process, keys in (
            (self.process(DISCOVERY), {f"r:{d}" for d in DEVICES} | {f"s:{sid}" for sid in master.tasks} | {"s:app"}),
            *((self.process(shard), self._kept_by(shard, of) | {"s:app"}) for shard in self.shards),
        ):
            if lost := keys - process.state.keys():
                return f"lost {sorted(lost)}"
        return self.nowhere()

    def nowhere(self):
        """A subscription that leads nowhere; empty when there is none."""
        for shard in self.shards:
            for key, one in self.process(shard).state.items():
                if key.startswith("s:") and (task := task_of(one)) and task not in self.deployments:
                    return f"{key} leads nowhere"
        master = self.process(MASTER)
        plans = [key for key, one in self.process(DISCOVERY).state.items() if "//master." in str(one)]
        former = [key for key in plans if key[2:] not in master.tasks]
        return f"{former} are of former plans" if former else ""

    def _kept_by(self, shard, of):
        devices = {f"e:{device}" for device in DEVICES if self.shard_of(device) == shard}
        return devices | {f"s:{task}" for task in self.deployments if self.shard_of(of.get(task, WORKER)) == shard}


class Keeper:
    """keeper.py's loop, in simulated time."""

    def __init__(self, plane):
        self.plane, self.memory, self.stored, self.stored_at = plane, Memory(), {}, -1e9
        self.due, self.log, self.faults = 0.0, [], []
        plane.fetch = self.database

    @property
    def repairs(self):
        """What was done to members; subscriptions that were ended are no trouble to anybody."""
        return [(at, action) for at, action in self.log if action.kind != "unsubscribe"]

    def database(self):
        """What a designer without a volume gets back."""
        return self.memory.saved[DESIGNER]

    def restart(self, *, graceful):
        if graceful:
            self.stored = to_stored(self.memory)
        self.memory = from_stored(self.stored, self.plane.shards)
        self.due = self.plane.now + 4.0

    def turn(self):
        plane = self.plane
        snapshot, cost = plane.observe()
        actions, self.memory = decide(snapshot, self.memory, plane.now)
        for action in actions:
            ends = (
                action.kind in {"delete", "end", "replay"} and action.grace_s != 0
            )  # a pod that is removed by force has ended already
            if action.component in snapshot.ordered and ends and snapshot.checks_consumers:
                assert snapshot.consumers is not None or snapshot.answers.get(action.component) is False, (
                    f"bus down: {action}"
                )
                assert snapshot.consumers is not None, (
                    f"{action.component} is restarted while the bus is down: {action}"
                )
            self.log.append((plane.now, action))
            plane.do(action, self.memory)
        stored = to_stored(self.memory)
        urgent = any(stored[k] != self.stored.get(k) for k in ("order", "known"))
        if stored != self.stored and (urgent or plane.now - self.stored_at >= 30.0):
            self.stored, self.stored_at = stored, plane.now
        calm = not actions and self.memory.restart is None and not plane.fault()
        self.due = plane.now + cost + (2.0 if calm else 0.5)

    def run(self, until, faults=()):
        """Simulate; `faults` are (when, what to do)."""
        pending = sorted(faults, key=lambda one: one[0])
        while self.plane.now < until:
            self.plane.step()
            while pending and self.plane.now >= pending[0][0]:
                pending.pop(0)[1]()
            if self.plane.now >= self.due:
                self.turn()
        return self


def published(database):
    """The topologies that a designer publishes at its start."""
    functions = database.get("fogfunctions", {}).items()
    enabled = [name for name, one in functions if one.get("status") != "disabled"]
    return [*(one["topology"] for one in database.get("serviceintents", {}).values()), *enabled]


def copied(what):
    """A deep copy; ten times as fast as copy.deepcopy, which these tests would spend half of their time in."""
    return pickle.loads(pickle.dumps(what, pickle.HIGHEST_PROTOCOL))


def settled(**how):
    """A FogFlow that works, everything in the keeper's snapshot. The way there is gone once for each kind of plane."""
    name = repr(sorted(how.items()))
    if name not in _settled:
        _settled[name] = pickle.dumps(_settle(**how), pickle.HIGHEST_PROTOCOL)
    return pickle.loads(_settled[name])


def _settle(**how):
    plane = ControlPlane(**how)
    keeper = Keeper(plane)
    keeper.run(30.0)
    plane.post()
    for device in DEVICES:
        assert plane.appear(device)
    for name in (DISCOVERY, *plane.shards):
        plane.process(name).state["s:app"] = {"reference": "http://app.example:9"}
    keeper.run(120.0)
    keeper.log.clear()
    return keeper
