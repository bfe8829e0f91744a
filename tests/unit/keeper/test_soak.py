"""A long life of a simulated cell: losses of every kind and what users do, in any order; after each while the invariants hold.

What must hold is Cell.ails: every stored function's tasks run once and are planned, nobody's subscription or entity is lost, and no
subscription leads nowhere or is of a plan that was replaced.
"""

import random

import pytest
from cell import BROKER, DESIGNER, DISCOVERY, MASTER, MEMBERS, NGINX

from tests.scope import ALL
from tests.unit.keeper.slow_cell import DEVICES, settled
from tests.unit.keeper.test_convergence import hit, story

BUDGET_S = 60

SEEDS = range(60) if ALL else range(4)
STEPS, CALM_S, LONGEST_S = 10, 60.0, 400.0
KINDS = ({}, {"keeps": True}, {"volatile": True, "intents": 1}, {"keeps": True, "intents": 1, "disabled": 1})


class User:
    """What users do, with a designer and a master that may be away just then."""

    def __init__(self, keeper, chance):
        self.keeper, self.cell, self.chance, self.made = keeper, keeper.cell, chance, 0

    def post(self):
        """A function: stored, and told to whoever listens."""
        name = f"new{self.made}"
        self.made += 1
        topology = next(iter(self.cell.database["fogfunctions"].values()))["topology"]
        self.cell.database["fogfunctions"][name] = {"topology": topology}
        self.cell._intent(name)

    def delete(self):
        """A function; one stays, so that there is something to lose."""
        functions = self.cell.database["fogfunctions"]
        if len(functions) > 1:
            name = self.chance.choice(sorted(functions)[1:])
            del functions[name]
            self._withdraw(name)

    def disable(self):
        functions = self.cell.database["fogfunctions"]
        name = self.chance.choice(sorted(functions))
        if name != min(functions):
            functions[name]["status"] = "disabled"
            self._withdraw(name)

    def _withdraw(self, name):
        """The master, when it hears, ends the plan and tells the workers."""
        master, discovery = self.cell.process(MASTER), self.cell.process(DISCOVERY)
        if master is None or not self.cell._hears(master):
            return
        for sid in [sid for sid, (topology, _) in master.tasks.items() if topology == name]:
            _, plan = master.tasks.pop(sid)
            discovery.state.pop(f"s:{sid}", None)
            for worker in self.cell.workers:
                process = self.cell.process(worker)
                for task in [one for one, of in (process.tasks if process else {}).items() if of in plan.values()]:
                    if self.cell._hears(process):
                        self.cell._remove_task(process, task)

    def any(self):
        """Whatever is possible.

        A plan that is withdrawn while discovery is not whole, or made between the order to replay and the replay, leaves a subscription
        at discovery until the next replay.
        """
        mend = self.keeper.memory.mend
        if self.cell.answers(DESIGNER) and not (mend and mend.replaying):
            master, discovery = self.cell.process(MASTER), self.cell.process(DISCOVERY)
            whole = discovery and (master is None or {f"s:{sid}" for sid in master.tasks} <= discovery.state.keys())
            self.chance.choice([self.post, self.delete, self.disable] if whole else [self.post])()
        return "a user"


def step(keeper, user, chance):
    """One thing that happens."""
    if chance.random() < 0.4:
        return user.any()
    kind, name = chance.choice(["deleted", "killed", "wedged", "node", "keeper"]), chance.choice(MEMBERS)
    if kind == "keeper":
        keeper.restart(graceful=chance.random() < 0.5)
        return "keeper"
    hit(keeper, kind, name)
    return f"{kind} {name}"


def calm(keeper, seed, happened):
    """Until everything holds for a minute."""
    cell, end, since = keeper.cell, keeper.cell.now + LONGEST_S, None
    while since is None or cell.now - since < CALM_S:
        keeper.run(cell.now + 1.0)
        for (
            device
        ) in DEVICES:  # they publish again: their values are not stored, and a keeper may be lost with a broker
            if process := cell.process(cell.shard_of(device)):
                process.state.setdefault(f"e:{device}", {})
        since = None if cell.ails() else since if since is not None else cell.now
        assert cell.now < end or since is not None, f"{seed}: {cell.ails()} after {happened} {story(keeper)[-12:]}"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("how", KINDS, ids=str)
def test_a_long_life(how, seed):
    chance = random.Random(f"{seed} {how}")
    keeper = settled(functions=2, **how)
    user, happened = User(keeper, chance), []
    for _ in range(STEPS):
        for _ in range(chance.choice([1, 1, 2])):
            happened.append((round(keeper.cell.now, 1), step(keeper, user, chance)))
            keeper.run(keeper.cell.now + chance.uniform(0.0, 30.0))
        calm(keeper, seed, happened[-3:])
        assert keeper.cell.process(BROKER)
        keeper.log.clear()
    assert {key.split()[0] for key in keeper.memory.since} <= {"calm"}, (
        f"kept for ever: {keeper.memory.since} {happened[-3:]}"
    )
    assert len(keeper.cell.process(DISCOVERY).state) <= len(keeper.memory.snapshot[DISCOVERY])
    assert NGINX in keeper.cell.names
