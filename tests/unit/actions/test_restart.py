"""Whom `restart` restarts itself, and whom it leaves to the keeper."""

import pytest

from fogflow_k8s.actions.restart import _chosen

ALL = ("rabbitmq", "discovery", "master", "cloud-worker", "designer", "nginx", "keeper")
KEEPS = {"metadata": {"annotations": {"fogflow-k8s.io/keeps-tasks": "true"}}}


def workloads(worker):
    return {name: worker if name == "cloud-worker" else {"metadata": {"name": name}} for name in ALL}


@pytest.mark.parametrize(
    ("names", "left"),
    [((), ["cloud-worker", "designer"]), (("cloud-worker", "designer"), ["designer"]), (("designer", "nginx"), [])],
)
def test_of_those_that_hang_together_the_keeper_restarts_all_but_the_first(names, left):
    chosen = _chosen(names, workloads({}), kept=True)
    assert chosen == [name for name in ALL if name in (names or ALL) and name not in left]


@pytest.mark.parametrize(
    ("names", "left"), [((), ["designer"]), (("cloud-worker", "designer"), []), (("master", "designer"), ["designer"])]
)
def test_nobody_restarts_a_worker_that_keeps_its_tasks_but_we(names, left):
    """A changed password, too: it reads it when it starts."""
    chosen = _chosen(names, workloads(KEEPS), kept=True)
    assert chosen == [name for name in ALL if name in (names or ALL) and name not in left]


def test_without_a_keeper_all_are_ours():
    assert _chosen((), workloads(KEEPS), kept=False) == list(ALL)
