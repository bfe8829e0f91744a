"""A cell of a few lines that behaves like the real programs where it hurts, in simulated time.

Deaf for ever after a loss of the bus; state that goes with the process; a worker that takes its tasks along when asked and
leaves them behind when killed, and starts a task twice when told twice; a designer that replays once, at its start, to
whoever listens by then.
"""

from cell import BROKER, DESIGNER, DISCOVERY, MASTER, NGINX, RABBITMQ, TRIO, WORKER, Memory, Pod, Seen
from decide import decide

START_S = {RABBITMQ: 6.0, DISCOVERY: 2.0, BROKER: 3.0, MASTER: 2.0, WORKER: 2.0, DESIGNER: 3.0, NGINX: 2.0}
DEVICES = ("T1", "T2", "T3")
STEP_S = 0.5


class Member:
    """One process of one pod."""

    def __init__(self, name, starts_at):
        self.name, self.starts_at = name, starts_at
        self.pod = object()
        self.restarts = 0
        self.wedged = False
        self.bus = None  # the life of the bus that it is connected to
        self.state = set()
        self.tried = False


class Sim:
    """All members, the cluster's tasks, and the keeper's memory."""

    def __init__(self):
        self.now = 0.0
        self.ids = {}
        self.bus_life = 0
        self.members = {}
        self.tasks = {}  # object name -> device
        self.count = 0
        self.memory = Memory()
        self.actions = []
        self.listed_at = float("-inf")
        self.beats = 0
        self.functions = set()
        for name in START_S:
            self.start(name)

    def start(self, name, *, after=0.0):
        self.members[name] = Member(name, self.now + after + START_S[name])
        if name == RABBITMQ:
            self.bus_life += 1

    def up(self, name):
        member = self.members[name]
        return self.now >= member.starts_at and not member.wedged

    def bus(self):
        return self.bus_life if self.up(RABBITMQ) else None

    def consumes(self, name):
        member = self.members[name]
        return member.bus is not None and member.bus == self.bus() and self.now >= member.starts_at

    # -- what happens to members ------------------------------------------------------------------------------------

    def delete(self, name, *, grace=None):
        """The pod goes, and another comes; a worker that may end in peace takes its tasks along."""
        member = self.members[name]
        if name == WORKER and not member.wedged and grace is None:
            for task in member.state:
                self.tasks.pop(task, None)
        self.start(name, after=1.0)

    def kill(self, name):
        """The process goes, its container starts again in the same pod."""
        old = self.members[name]
        self.start(name)
        self.members[name].pod, self.members[name].restarts = old.pod, old.restarts + 1

    def wedge(self, name):
        self.members[name].wedged = True

    # -- what members do --------------------------------------------------------------------------------------------

    def step(self):
        self.now += STEP_S
        for name in TRIO:
            member = self.members[name]
            ready = self.up(name) and self.bus() is not None and not member.tried
            if ready and (name != WORKER or self.consumes(MASTER)):  # the gate
                member.tried, member.bus = True, self.bus()
                if name == DESIGNER:
                    self.replay()
        beats = self.up(WORKER) and self.bus() is not None and self.members[WORKER].tried
        if self.now % 10 < STEP_S and beats and self.consumes(MASTER) and self.up(MASTER):
            self.listed_at = self.now
            self.beats += 1
            self.members[MASTER].state.add("worker")
        if self.up(BROKER) and self.up(DISCOVERY):
            self.members[DISCOVERY].state.add("broker")

    def replay(self):
        if not (self.consumes(MASTER) and self.up(MASTER)):
            return  # nobody listens: lost
        for function in self.functions:
            self.count += 1
            self.members[DISCOVERY].state.add(f"s:{self.count}")
            if "worker" in self.members[MASTER].state and self.consumes(WORKER) and self.up(WORKER):
                for device in DEVICES:
                    self.count += 1
                    task = f"fogflow-task-{self.count}"
                    self.tasks[task] = f"{function}/{device}"
                    self.members[WORKER].state.add(task)

    def populate(self):
        self.functions = {"f1"}
        for state, keys in ((DISCOVERY, {"r:T1", "r:T2"}), (BROKER, {"e:T1", "s:outside"})):
            self.members[state].state |= keys
        self.replay()

    # -- the keeper's part ------------------------------------------------------------------------------------------

    def identity(self, member):
        return f"{self.ids.setdefault(id(member.pod), (len(self.ids), member.pod))[0]}/{member.restarts}"

    def look(self):
        pods = {
            name: (Pod(name, self.identity(member), started=self.now >= member.starts_at, ready=self.up(name)),)
            for name, member in self.members.items()
        }
        discovery = {
            key: {"reference": "http://master.x:1060"} if key.startswith("s:") else {}
            for key in self.members[DISCOVERY].state
            if key != "broker"
        }
        worker = self.members[WORKER]
        master_lists = self.up(MASTER) and "worker" in self.members[MASTER].state and self.now - self.listed_at < 30
        return Seen(
            pods=pods,
            answers={name: self.up(name) for name in START_S if name != WORKER},
            consumers={name: int(self.consumes(name)) for name in TRIO} if self.up(RABBITMQ) else None,
            worker_beat=(f"{self.beats}" if master_lists else "") if self.up(MASTER) else None,
            workload=len(worker.state) if master_lists else 0,
            brokers=int("broker" in self.members[DISCOVERY].state),
            discovery=discovery if self.up(DISCOVERY) else None,
            broker={key: {} for key in self.members[BROKER].state} if self.up(BROKER) else None,
            functions=len(self.functions) if self.up(DESIGNER) else None,
            designer={"f": 1} if self.functions and self.up(DESIGNER) else ({} if self.up(DESIGNER) else None),
            tasks=tuple(sorted(self.tasks)),
        )

    def turn(self):
        """One look of the keeper, and what it does about it."""
        done, self.memory = decide(self.look(), self.memory, self.now)
        for action in done:
            self.actions.append((self.now, action, self.bus()))
            if action.kind in {"delete", "replay"}:
                self.delete(action.component, grace=action.grace_s)
            elif action.kind == "reap":
                for name in action.names:
                    self.tasks.pop(name, None)
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
        """Every function has each task exactly once, nobody is deaf, nothing known is lost."""
        wanted = sorted(f"{function}/{device}" for function in self.functions for device in DEVICES)
        return (
            sorted(self.tasks.values()) == wanted
            and all(self.consumes(name) and self.up(name) for name in TRIO)
            and all(self.up(name) for name in START_S)
            and {"r:T1", "r:T2"} <= self.members[DISCOVERY].state
            and {"e:T1", "s:outside"} <= self.members[BROKER].state
        )
