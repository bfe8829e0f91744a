"""Every workload lost in every way: FogFlow works again without a person, and nothing that it knew is lost."""

import signal
import time

import pytest

from tests.real import deployed
from tests.real.conftest import until
from tests.real.figures import record_in_all
from tests.scope import sampled

BUDGET_S = 180
WORKLOADS = ("discovery", "cloud-broker", "master", "cloud-worker", "designer", "rabbitmq", "nginx", "keeper")
WAYS = ("deleted", "killed", "hung")
GATE = (("rabbitmq", "killed"), ("master", "killed"), ("cloud-worker", "deleted"), ("designer", "killed"), ("discovery", "hung"),
        ("keeper", "killed"))  # fmt: skip
"""One for each rule of the keeper; every loss and every pair of losses is tried on the simulation, in tests/unit/keeper."""


def lose(fogflow, name, how):
    """Lose one pod of a workload; the pids to let go on afterwards."""
    pod = fogflow.pods(name)[0]
    if how == "deleted":
        fogflow.box.kubectl("-n", fogflow.namespace, "delete", "pod", pod["metadata"]["name"], "--wait=false")
        return []
    return deployed.hit(pod, signal.SIGKILL if how == "killed" else signal.SIGSTOP)


@pytest.mark.parametrize(("name", "how"), sampled([(n, h) for h in WAYS for n in WORKLOADS], gate=GATE))
def test_it_works_again_by_itself_and_nothing_is_lost(calm, name, how):
    before = {"tasks": calm.tasks(), "entities": {e["entityId"]["id"] for e in calm.entities()}}
    ids = calm.identities()
    stopped = lose(calm, name, how)
    start = time.monotonic()
    # the loss itself must be over: a stopped process may still look well from outside
    until(lambda: calm.identities().get(name) not in (None, ids[name]), f"{name} is replaced")
    took = time.monotonic() - start + calm.recover()
    deployed.let_go(stopped)
    assert calm.tasks() == before["tasks"], "the same tasks, each once"
    devices = {e["entityId"]["id"] for e in calm.entities()}
    assert set(deployed.DEVICES) <= devices
    quick = how != "hung" and name in {"nginx", "cloud-broker", "discovery"}
    record_in_all("recovery", name, how, took, bar=15 if quick else 60)
