"""A long life of a simulated cell: losses of every kind and what users do, in any order; after each while the invariants hold.

What must hold is Cell.ails: every stored function's tasks run once and are planned, nobody's subscription or entity is lost, and no
subscription leads nowhere or is of a plan that was replaced.
"""

import random

import pytest
from cell import BROKER, DESIGNER, DISCOVERY, MASTER, MEMBERS, NGINX

from tests.scope import ALL
from tests.unit.keeper.slow_cell import settled
from tests.unit.keeper.test_convergence import hit, story

BUDGET_S = 60

SEEDS = range(60) if ALL else range(4)
STEPS, CALM_S, LONGEST_S = 10, 60.0, 400.0
KINDS = ({}, {"keeps": True}, {"volatile": True, "intents": 1}, {"keeps": True, "intents": 1, "disabled": 1})


class User:
    """What users do, with a designer and a master that may be away just then."""

    def __init__(self, cell, chance):
        self.cell, self.chance, self.made = cell, chance, 0

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
        if self.cell.answers(
            DESIGNER
        ):  # with discovery away, a withdrawn plan's subscription would stay until the next replay
            deeds = [self.post, self.delete, self.disable] if self.cell.process(DISCOVERY) else [self.post]
            self.chance.choice(deeds)()
        return "a user"


def step(keeper, user, chance):
    """One thing that happens."""
    if chance.random() < 0.4:
        return user.any()
    kind, name = chance.choice(["deleted", "killed", "wedged", "node", "keeper"]), chance.choice(MEMBERS)
    if kind == "keeper":
        keeper.restart(graceful=chance.random() < 0.5)
        for shard in keeper.cell.shards:  # values are not stored: devices publish again
            if process := keeper.cell.process(shard):
                process.state |= {f"e:{one}": {} for one in ("T1", "T2", "T3") if keeper.cell.shard_of(one) == shard}
        return "keeper"
    hit(keeper, kind, name)
    return f"{kind} {name}"


def calm(keeper, seed, happened):
    """Until everything holds for a minute."""
    cell, end, since = keeper.cell, keeper.cell.now + LONGEST_S, None
    while since is None or cell.now - since < CALM_S:
        keeper.run(cell.now + 1.0)
        since = None if cell.ails() else since if since is not None else cell.now
        assert cell.now < end or since is not None, f"{seed}: {cell.ails()} after {happened} {story(keeper)[-12:]}"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("how", KINDS, ids=str)
def test_a_long_life(how, seed):
    chance = random.Random(f"{seed} {how}")
    keeper = settled(functions=2, **how)
    user, happened = User(keeper.cell, chance), []
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
