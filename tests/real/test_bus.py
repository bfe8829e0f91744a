"""RabbitMQ away, and late: the three that hang on it come back, with the same tasks; nobody else is touched."""

import time

import pytest

from tests.real.conftest import released, until
from tests.real.figures import MEASURING, measured, record

NAMESPACE = "bus"
THREE = {"master", "cloud-worker", "designer"}
BACK_S = 20


@pytest.fixture(scope="module")
def cell(box):
    with released(box, NAMESPACE) as it:
        yield it


def content(cell):
    """It works, and the keeper has had a look at everything."""
    until(lambda: not cell.ails(), "it works")
    until(lambda: cell.report().get("state") == "working", "the keeper is content")
    time.sleep(3)


def scale(cell, name, replicas):
    cell.box.kubectl("-n", cell.namespace, "scale", f"deployment/{name}", f"--replicas={replicas}")


def answers(cell):
    """Whether RabbitMQ tells of its queues."""
    try:
        cell.consumers()
    except OSError:
        return False
    return True


def back(cell):
    """Seconds from RabbitMQ's answer until all three consume, for good."""
    until(lambda: answers(cell), "RabbitMQ answers", every=0.1)
    return cell.recover()


@pytest.mark.parametrize("seconds", [5, 30, 120] if MEASURING else [5, 30])
def test_all_three_come_back_after_it_was_away(cell, seconds):
    content(cell)
    tasks, before = cell.tasks(), cell.identities()
    scale(cell, "rabbitmq", 0)
    until(lambda: not answers(cell), "it is gone")
    time.sleep(seconds)
    during = cell.identities()
    assert {name for name in during if during[name] != before[name]} <= {"rabbitmq"}, "nobody is restarted meanwhile"
    scale(cell, "rabbitmq", 1)
    took = back(cell)
    after = cell.identities()
    record("bus", f"away for {seconds} s", took, bar=BACK_S)
    assert {name for name in after if after[name] != before[name]} == {*THREE, "rabbitmq"}
    assert cell.tasks() == tasks


@measured
def test_it_starts_a_minute_after_everything_else(cell):
    content(cell)
    tasks = cell.tasks()
    names = [one["metadata"]["name"] for one in cell.get("deployments")["items"]]
    for name in names:
        scale(cell, name, 0)
    until(lambda: not cell.get("pods")["items"], "all are gone")
    assert cell.tasks() == [], "the worker takes its tasks along"
    for name in names:
        if name != "rabbitmq":
            scale(cell, name, 2 if name == "nginx" else 1)
    time.sleep(60)
    before = cell.identities()
    scale(cell, "rabbitmq", 1)
    took = back(cell)
    record("bus", "started 60 s after everything else", took, bar=BACK_S)
    after = cell.identities()
    assert {name for name in after if after[name] != before.get(name)} <= {*THREE, "rabbitmq"}
    assert cell.tasks() == tasks, "exactly the tasks of before"


@measured
def test_a_rabbitmq_of_the_line_that_upstream_ships(box):
    """3.10, as upstream's chart has it: it starts, it is lost, and it goes without a trace."""
    with released(box, "old", "--set", "rabbitmq.image.tag=3.10") as cell:
        content(cell)
        tasks = cell.tasks()
        box.kubectl("-n", "old", "delete", "pod", cell.pods("rabbitmq")[0]["metadata"]["name"])
        took = back(cell)
        record("bus", "3.10, its pod deleted", took)
        assert cell.tasks() == tasks
