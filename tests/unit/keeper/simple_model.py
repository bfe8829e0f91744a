"""A simple model of the control plane in simulated time, with the properties of the real programs that make repairs necessary.

Members do not reconnect to RabbitMQ and lose their state with their process. A worker removes its tasks when it is asked to end,
leaves them when it is killed, and starts a task twice when the master plans it twice. A designer replays once, when it starts, to
the master that is connected at that moment.
"""

from decide import decide
from memory import Memory
from snapshot import BROKER, DESIGNER, DISCOVERY, MASTER, NGINX, RABBITMQ, WORKER, Pod, Snapshot, component, instances

START_S = {RABBITMQ: 6.0, DISCOVERY: 2.0, BROKER: 3.0, MASTER: 2.0, WORKER: 2.0, DESIGNER: 3.0, NGINX: 2.0}
DEVICES = ("T1", "T2", "T3")
STEP_S = 0.5


class Member:
    """One process of one pod."""

    def __init__(self, name, starts_at):
        self.name, self.starts_at = name, starts_at
        self.pod = object()
        self.restarts = 0
        self.hung = False
        self.bus = None  # the life of the bus that it is connected to
        self.state = set()
        self.tried = False


class Sim:
    """All members, the cluster's tasks, and the keeper's memory."""

    def __init__(self, *, shards=1, workers=1):
        self.shards, self.workers = instances(BROKER, shards), instances(WORKER, workers)
        self.ordered = (MASTER, *self.workers, DESIGNER)
        self.names = [n for n in START_S if n not in {BROKER, WORKER}] + [*self.shards, *self.workers]
        self.held = {name: {f"e:{name}", f"s:outside {name}"} for name in self.shards[1:]}
        self.held[BROKER] = {"e:T1", "s:outside"}
        self.now = 0.0
        self.ids = {}
        self.bus_life = 0
        self.members = {}
        self.tasks = {}  # object name -> device
        self.count = 0
        self.memory = Memory()
        self.actions = []
        self.listed_at = dict.fromkeys(self.workers, float("-inf"))
        self.beats = dict.fromkeys(self.workers, 0)
        self.functions = set()
        for name in self.names:
            self.start(name)

    def start(self, name, *, after=0.0):
        self.members[name] = Member(name, self.now + after + START_S[component(name)])
        if name == RABBITMQ:
            self.bus_life += 1

    def up(self, name):
        member = self.members[name]
        return self.now >= member.starts_at and not member.hung

    def bus(self):
        return self.bus_life if self.up(RABBITMQ) else None

    def consumes(self, name):
        member = self.members[name]
        return member.bus is not None and member.bus == self.bus() and self.now >= member.starts_at

    # -- what happens to members ------------------------------------------------------------------------------------

    def delete(self, name, *, grace=None):
        """The pod goes, and another comes; a worker that may end in peace takes its tasks along."""
        member = self.members[name]
        if name in self.workers and not member.hung and grace is None:
            for task in member.state:
                self.tasks.pop(task, None)
        self.start(name, after=1.0)

    def kill(self, name):
        """The process goes, its container starts again in the same pod."""
        old = self.members[name]
        self.start(name)
        self.members[name].pod, self.members[name].restarts = old.pod, old.restarts + 1

    def hang(self, name):
        self.members[name].hung = True

    # -- what members do --------------------------------------------------------------------------------------------

    def step(self):
        self.now += STEP_S
        for name in self.ordered:
            member = self.members[name]
            ready = self.up(name) and self.bus() is not None and not member.tried
            if ready and (name not in self.workers or self.consumes(MASTER)):  # the gate
                member.tried, member.bus = True, self.bus()
                if name == DESIGNER:
                    self.replay()
        for name in self.workers:
            beats = self.up(name) and self.bus() is not None and self.members[name].tried
            if self.now % 10 < STEP_S and beats and self.consumes(MASTER) and self.up(MASTER):
                self.listed_at[name] = self.now
                self.beats[name] += 1
                self.members[MASTER].state.add(name)
        for name in self.shards:
            if self.up(name) and self.up(DISCOVERY):
                self.members[DISCOVERY].state.add(name)

    def replay(self):
        if not (self.consumes(MASTER) and self.up(MASTER)):
            return  # the master is not connected: the replay is lost
        for function in self.functions:
            self.count += 1
            self.members[DISCOVERY].state.add(f"s:{self.count}")
            listed = sorted(self.members[MASTER].state)
            for n, device in enumerate(DEVICES if listed else ()):
                worker = listed[n % len(listed)]
                if self.consumes(worker) and self.up(worker):
                    self.count += 1
                    task = f"fogflow-task-{self.count}"
                    self.tasks[task] = f"{function}/{device}"
                    self.members[worker].state.add(task)

    def populate(self):
        self.functions = {"f1"}
        for state, keys in ((DISCOVERY, {"r:T1", "r:T2"}), *self.held.items()):
            self.members[state].state |= keys
        self.replay()

    # -- the keeper's part ------------------------------------------------------------------------------------------

    def identity(self, member):
        return f"{self.ids.setdefault(id(member.pod), (len(self.ids), member.pod))[0]}/{member.restarts}"

    def observe(self):
        pods = {
            name: (Pod(name, self.identity(member), started=self.now >= member.starts_at, ready=self.up(name)),)
            for name, member in self.members.items()
        }
        discovery = {
            key: {"reference": "http://master.x:1060"} if key.startswith("s:") else {}
            for key in self.members[DISCOVERY].state
            if key not in self.shards
        }
        known = self.members[MASTER].state
        listed = [n for n in self.workers if self.up(MASTER) and n in known and self.now - self.listed_at[n] < 30]
        beats = {name: str(self.beats[name]) if name in listed else "" for name in self.workers}
        held = {n: {key: {} for key in self.members[n].state} if self.up(n) else None for n in self.shards}
        return Snapshot(
            pods=pods,
            answers={name: self.up(name) for name in self.names if name not in self.workers},
            consumers={name: int(self.consumes(name)) for name in self.ordered} if self.up(RABBITMQ) else None,
            worker_heartbeat=beats.pop(WORKER) if self.up(MASTER) else None,
            heartbeats=beats,
            workers=self.workers,
            workload=sum(len(self.members[name].state) for name in listed),
            brokers=sum(name in self.members[DISCOVERY].state for name in self.shards),
            shards=self.shards,
            discovery=discovery if self.up(DISCOVERY) else None,
            broker=held.pop(BROKER),
            more_brokers=held,
            expected=len(self.functions) if self.up(DESIGNER) else None,
            designer={"f": 1} if self.functions and self.up(DESIGNER) else ({} if self.up(DESIGNER) else None),
            tasks=tuple(sorted(self.tasks)),
        )

    def turn(self):
        """One look of the keeper, and what it does about it."""
        done, self.memory = decide(self.observe(), self.memory, self.now)
        for action in done:
            self.actions.append((self.now, action, self.bus()))
            if action.kind in {"delete", "replay"}:
                self.delete(action.component, grace=action.grace_s)
            elif action.kind == "reap":
                for name in action.names:
                    self.tasks.pop(name, None)
            elif action.kind == "unsubscribe":
                self.members[action.component].state -= {f"s:{sid}" for sid in action.names}
            else:
                self.members[action.component].state |= set(action.names)
        return done

    def run(self, seconds):
        end = self.now + seconds
        while self.now < end:
            self.step()
            if self.now % 1 < STEP_S:
                self.turn()

    def works(self):
        """Every function has each task exactly once, every member is connected, nothing known is lost."""
        wanted = sorted(f"{function}/{device}" for function in self.functions for device in DEVICES)
        return (
            sorted(self.tasks.values()) == wanted
            and all(self.consumes(name) and self.up(name) for name in self.ordered)
            and all(self.up(name) for name in self.names)
            and {"r:T1", "r:T2"} <= self.members[DISCOVERY].state
            and all(keys <= self.members[name].state for name, keys in self.held.items())
        )
