"""What the keeper decides, against the simple model of a control plane."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from snapshot import BROKER, DESIGNER, DISCOVERY, MASTER, ORDERED, RABBITMQ, WORKER

from tests.scope import ALL, examples
from tests.unit.keeper.simple_model import START_S, Sim

BUDGET_S = 30

SETTLED_S = 40.0  # for a new control plane to start and be learned
REPAIRED_S = 150.0
SILENCE_S = 600.0 if ALL else 150.0
"""How long nothing may be done afterwards; the longest time that the keeper waits for is 120 s (`UNREACHABLE_S`, `REST_S`)."""
HEARD_S = 12.0  # a new worker is listed with its next heartbeat at the latest


def settled():
    """A control plane that works, with functions, tasks and state, all of it in the keeper's memory."""
    sim = Sim()
    sim.run(SETTLED_S)
    assert sim.actions == [], "a new control plane needs no repair"
    sim.populate()
    sim.run(30)
    assert sim.works()
    assert sim.actions == []
    return sim


def lose(sim, name, how):
    {"deleted": sim.delete, "killed": sim.kill, "hung": sim.hang}[how](name)


LOSSES = st.tuples(st.sampled_from(sorted(START_S)), st.sampled_from(["deleted", "killed", "hung"]))
REPAIRABLE = LOSSES.filter(lambda loss: loss != ("nginx", "hung"))  # a replica among several: the kubelet's business


@pytest.mark.parametrize("name", sorted(START_S))
@pytest.mark.parametrize("how", ["deleted", "killed", "hung"])
def test_any_one_loss_is_repaired_and_then_nothing_more_is_done(name, how):
    if (name, how) == ("nginx", "hung"):
        pytest.skip("nginx is one of several, and its kubelet sees it: the keeper leaves it alone")
    sim = settled()
    lose(sim, name, how)
    sim.run(REPAIRED_S)
    assert sim.works(), (sorted(sim.tasks.values()), sim.actions)
    assert len(sim.actions) <= 8
    before = len(sim.actions)
    sim.run(SILENCE_S)
    assert len(sim.actions) == before, "no action without a cause"


@settings(max_examples=examples(12, 3000), suppress_health_check=list(HealthCheck))
@given(first=REPAIRABLE, second=REPAIRABLE, apart=st.integers(0, 40))
def test_any_two_losses_however_far_apart(first, second, apart):
    sim = settled()
    lose(sim, *first)
    sim.run(apart)
    lose(sim, *second)
    sim.run(2 * REPAIRED_S)
    assert sim.works(), (sorted(sim.tasks.values()), [(t, a.key) for t, a, _ in sim.actions])
    assert len(sim.actions) <= 20, "it does not go round in circles"
    before = len(sim.actions)
    sim.run(SILENCE_S)
    assert len(sim.actions) == before


@settings(max_examples=examples(10, 600))
@given(seconds=st.integers(1, 130))
def test_while_rabbitmq_is_down_nothing_is_restarted_and_then_exactly_three(seconds):
    sim = settled()
    bus = sim.members[RABBITMQ]
    bus.starts_at, bus.restarts, sim.bus_life = sim.now + seconds, 1, sim.bus_life + 1
    sim.run(REPAIRED_S + seconds)
    assert sim.works()
    assert all(life is not None for _, action, life in sim.actions if action.component in ORDERED)
    assert sorted(a.component for _, a, _ in sim.actions if a.component in ORDERED) == sorted(
        [MASTER, WORKER, DESIGNER]
    )


def test_all_three_are_connected_soon_after_rabbitmq_is_up():
    sim = settled()
    sim.members[RABBITMQ].starts_at, sim.bus_life = sim.now + 30, sim.bus_life + 1
    sim.run(30)
    back = sim.now
    while not all(sim.consumes(name) for name in ORDERED):
        sim.step()
        sim.turn()
        assert sim.now - back <= 20 + HEARD_S


def test_discovery_is_restored_before_the_broker():
    sim = settled()
    lose(sim, BROKER, "killed")
    lose(sim, DISCOVERY, "killed")
    sim.run(30)
    restored = [action.component for _, action, _ in sim.actions if action.kind == "restore"]
    assert restored == [DISCOVERY, BROKER], "the broker registers there what it gets back"
    assert sim.works()


def test_a_keeper_that_restarts_with_its_memory_does_nothing():
    sim = settled()
    memory = sim.memory
    sim.memory = type(memory)(order=memory.order, complete=memory.complete, saved=memory.saved)
    sim.run(120)
    assert sim.actions == []
    assert sim.works()


def test_functions_stored_before_the_installation_are_replayed_once():
    sim = Sim()
    sim.functions = {"f1"}
    sim.run(120)
    assert len(sim.tasks) == 3
    assert len(sim.actions) <= 4


def test_a_new_control_plane_is_left_alone_however_long_it_takes_to_start():
    sim = Sim()
    sim.members[RABBITMQ].starts_at = 90.0
    sim.run(200)
    assert sim.actions == []
