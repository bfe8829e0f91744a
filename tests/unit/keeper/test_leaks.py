"""Connections that nobody closes: told first, and relieved before RabbitMQ takes no more."""

from cell import DESIGNER, MASTER, WORKER, Memory, Snapshot
from leaks import MANY, MOST, PAUSE_S, SURE_S, leak, too_many

from tests.unit.keeper.slow_cell import settled

BUDGET_S = 10


def test_it_is_told_before_anything_is_done():
    assert leak(Snapshot(connections=MANY - 1)) == leak(Snapshot()) == ""
    assert f"holds {MANY} connections" in leak(Snapshot(connections=MANY))
    assert not any(too_many(Snapshot(connections=MOST - 1), Memory(), float(now)) for now in range(100))


def test_it_is_done_once_and_not_again_for_what_is_somebody_elses():
    memory, seen = Memory(), Snapshot(connections=MOST)
    when = [now for now in range(0, int(2 * PAUSE_S), 10) if too_many(seen, memory, float(now))]
    assert when == [SURE_S, SURE_S + PAUSE_S + SURE_S]


def test_master_worker_and_designer_are_restarted_in_order_and_every_task_runs_again():
    keeper = settled()
    cell = keeper.cell
    cell.leaked = MOST
    keeper.run(cell.now + SURE_S + 2.0)
    cell.leaked = 0
    keeper.run(cell.now + 60.0)
    assert [action.component for _, action in keeper.mends] == [MASTER, WORKER, DESIGNER]
    assert cell.ails() == ""
