"""RabbitMQ away, and late: the three components that depend on it recover with the same tasks; no other one is touched."""

import time

import pytest

from tests.real.conftest import released, until
from tests.real.figures import record_in_all
from tests.scope import only_all, sampled

BUDGET_S = 100

THREE = {"master", "cloud-worker", "designer"}
BACK_S = 20


def scale(fogflow, name, replicas):
    fogflow.box.kubectl("-n", fogflow.namespace, "scale", f"deployment/{name}", f"--replicas={replicas}")


def answers(fogflow):
    """Whether RabbitMQ tells of its queues."""
    try:
        fogflow.consumers()
    except OSError:
        return False
    return True


def back(fogflow):
    """Seconds from RabbitMQ's answer until all three consume, for good."""
    until(lambda: answers(fogflow), "RabbitMQ answers", every=0.1)
    return fogflow.recover()


@pytest.mark.parametrize("seconds", sampled([(5,), (30,), (120,)], gate=[(5,)]))
def test_all_three_come_back_after_it_was_away(calm, seconds):
    fogflow = calm
    tasks, before = fogflow.tasks(), fogflow.identities()
    scale(fogflow, "rabbitmq", 0)
    until(lambda: not answers(fogflow), "it is gone")
    time.sleep(seconds)
    during = fogflow.identities()
    assert {name for name in during if during[name] != before[name]} <= {"rabbitmq"}, "nobody is restarted meanwhile"
    scale(fogflow, "rabbitmq", 1)
    took = back(fogflow)
    after = fogflow.identities()
    record_in_all("bus", f"away for {seconds} s", took, bar=BACK_S)
    assert {name for name in after if after[name] != before[name]} == {*THREE, "rabbitmq"}
    assert fogflow.tasks() == tasks


@only_all
def test_it_starts_a_minute_after_everything_else(calm):
    fogflow = calm
    tasks = fogflow.tasks()
    names = [one["metadata"]["name"] for one in fogflow.get("deployments")["items"]]
    for name in names:
        scale(fogflow, name, 0)
    until(lambda: not fogflow.get("pods")["items"], "all are gone")
    assert fogflow.tasks() == [], "the worker takes its tasks along"
    for name in names:
        if name != "rabbitmq":
            scale(fogflow, name, 2 if name == "nginx" else 1)
    time.sleep(60)
    before = fogflow.identities()
    scale(fogflow, "rabbitmq", 1)
    took = back(fogflow)
    record_in_all("bus", "started 60 s after everything else", took, bar=BACK_S)
    after = fogflow.identities()
    assert {name for name in after if after[name] != before.get(name)} <= {*THREE, "rabbitmq"}
    assert fogflow.tasks() == tasks, "exactly the tasks of before"


@only_all
def test_a_rabbitmq_of_the_line_that_upstream_ships(box):
    """3.10, as upstream's chart has it: it starts, it is lost, and it goes without a trace."""
    box.load("rabbitmq-3.10")
    with released(box, "old", "--set", "rabbitmq.image.tag=3.10") as fogflow:
        fogflow.settle()
        tasks = fogflow.tasks()
        box.kubectl("-n", "old", "delete", "pod", fogflow.pods("rabbitmq")[0]["metadata"]["name"])
        took = back(fogflow)
        record_in_all("bus", "3.10, its pod deleted", took)
        assert fogflow.tasks() == tasks
