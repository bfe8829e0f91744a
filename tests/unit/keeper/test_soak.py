"""A long life of a simulated control plane: losses of every kind and what users do, in any order; after each while the invariants hold.

What must hold is ControlPlane.fault: every stored function's tasks run once and are planned, no subscription or entity is lost, and no
subscription leads nowhere or is of a plan that was replaced.
"""

import random

import pytest
from memory import Condition
from snapshot import BROKER, COMPONENTS, DESIGNER, DISCOVERY, MASTER, NGINX

from tests.scope import ALL
from tests.unit.keeper.detailed_model import DEVICES, settled
from tests.unit.keeper.test_convergence import hit, story

BUDGET_S = 60

SEEDS = range(60) if ALL else range(4)
STEPS, CALM_S, LONGEST_S = 10, 60.0, 400.0
KINDS = ({}, {"keeps": True}, {"volatile": True, "intents": 1}, {"keeps": True, "intents": 1, "disabled": 1})


class User:
    """What users do, with a designer and a master that may be away just then."""

    def __init__(self, keeper, chance):
        self.keeper, self.plane, self.chance, self.made = keeper, keeper.plane, chance, 0

    def post(self):
        """A function: stored, and published to the master if it is connected."""
        name = f"new{self.made}"
        self.made += 1
        topology = next(iter(self.plane.database["fogfunctions"].values()))["topology"]
        self.plane.database["fogfunctions"][name] = {"topology": topology}
        self.plane._intent(name)

    def delete(self):
        """A function; one stays, so that there is something to lose."""
        functions = self.plane.database["fogfunctions"]
        if len(functions) > 1:
            name = self.chance.choice(sorted(functions)[1:])
            del functions[name]
            self._withdraw(name)

    def disable(self):
        functions = self.plane.database["fogfunctions"]
        name = self.chance.choice(sorted(functions))
        if name != min(functions):
            functions[name]["status"] = "disabled"
            self._withdraw(name)

    def _withdraw(self, name):
        """The master, when it hears, ends the plan and tells the workers."""
        master, discovery = self.plane.process(MASTER), self.plane.process(DISCOVERY)
        if master is None or not self.plane._hears(master):
            return
        for sid in [sid for sid, (topology, _) in master.tasks.items() if topology == name]:
            _, plan = master.tasks.pop(sid)
            discovery.state.pop(f"s:{sid}", None)
            for worker in self.plane.workers:
                process = self.plane.process(worker)
                for task in [one for one, of in (process.tasks if process else {}).items() if of in plan.values()]:
                    if self.plane._hears(process):
                        self.plane._remove_task(process, task)

    def any(self):
        """Whatever is possible.

        A plan that is withdrawn while discovery is not whole, or made between the order to replay and the replay, leaves a subscription
        at discovery until the next replay.
        """
        repair = self.keeper.memory.restart
        if self.plane.answers(DESIGNER) and not (repair and repair.replaying):
            master, discovery = self.plane.process(MASTER), self.plane.process(DISCOVERY)
            whole = discovery and (master is None or {f"s:{sid}" for sid in master.tasks} <= discovery.state.keys())
            self.chance.choice([self.post, self.delete, self.disable] if whole else [self.post])()
        return "a user"


def step(keeper, user, chance):
    """One thing that happens."""
    if chance.random() < 0.4:
        return user.any()
    kind, name = chance.choice(["deleted", "killed", "hung", "node", "keeper"]), chance.choice(COMPONENTS)
    if kind == "keeper":
        keeper.restart(graceful=chance.random() < 0.5)
        return "keeper"
    hit(keeper, kind, name)
    return f"{kind} {name}"


def calm(keeper, seed, happened):
    """Until everything holds for a minute."""
    plane, end, since = keeper.plane, keeper.plane.now + LONGEST_S, None
    while since is None or plane.now - since < CALM_S:
        keeper.run(plane.now + 1.0)
        for (
            device
        ) in DEVICES:  # they publish again: their values are not stored, and a keeper may be lost with a broker
            if process := plane.process(plane.shard_of(device)):
                process.state.setdefault(f"e:{device}", {})
        since = None if plane.fault() else since if since is not None else plane.now
        assert plane.now < end or since is not None, f"{seed}: {plane.fault()} after {happened} {story(keeper)[-12:]}"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("how", KINDS, ids=str)
def test_a_long_life(how, seed):
    chance = random.Random(f"{seed} {how}")
    keeper = settled(functions=2, **how)
    user, happened = User(keeper, chance), []
    for _ in range(STEPS):
        for _ in range(chance.choice([1, 1, 2])):
            happened.append((round(keeper.plane.now, 1), step(keeper, user, chance)))
            keeper.run(keeper.plane.now + chance.uniform(0.0, 30.0))
        calm(keeper, seed, happened[-3:])
        assert keeper.plane.process(BROKER)
        keeper.log.clear()
    assert {timer.condition for timer in keeper.memory.since} <= {Condition.CALM}, (
        f"kept for ever: {keeper.memory.since} {happened[-3:]}"
    )
    assert len(keeper.plane.process(DISCOVERY).state) <= len(keeper.memory.saved[DISCOVERY])
    assert NGINX in keeper.plane.names
