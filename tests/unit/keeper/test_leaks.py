"""Connections that a program opens and never closes: reported first, and closed by an ordered restart before RabbitMQ accepts no more."""

from decide import record_progress
from leaks import MANY, MOST, PAUSE_S, SURE_S, needs_restart, remember, warning
from memory import Cause, Memory, OrderedRestart
from replay import Progress
from snapshot import DESIGNER, MASTER, WORKER, Snapshot

from tests.unit.keeper.detailed_model import settled

BUDGET_S = 10


def test_many_connections_are_reported_before_anything_is_restarted():
    assert warning(Snapshot(connections=MANY - 1)) == warning(Snapshot()) == ""
    assert f"holds {MANY} connections" in warning(Snapshot(connections=MANY))
    memory = Memory()
    for now in range(100):
        memory = remember(Snapshot(connections=MOST - 1), memory, float(now))
        assert not needs_restart(memory, float(now))


def test_connections_that_another_program_leaks_cause_one_restart_in_a_while():
    memory, snapshot, when = Memory(), Snapshot(connections=MOST), []
    for now in range(0, int(2 * PAUSE_S), 10):
        memory = remember(snapshot, memory, float(now))
        if needs_restart(memory, float(now)):
            when.append(now)
            restart = OrderedRestart("", now, {}, Cause.CONNECTIONS)
            memory = record_progress(snapshot, memory, Progress(finished=restart), float(now))
    assert when == [SURE_S, SURE_S + PAUSE_S + SURE_S]


def test_master_worker_and_designer_are_restarted_in_order_and_every_task_runs_again():
    keeper = settled()
    plane = keeper.plane
    plane.leaked = MOST
    keeper.run(plane.now + SURE_S + 2.0)
    plane.leaked = 0
    keeper.run(plane.now + 60.0)
    assert [action.component for _, action in keeper.repairs] == [MASTER, WORKER, DESIGNER]
    assert plane.fault() == ""
