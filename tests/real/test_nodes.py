"""A node without power: FogFlow works elsewhere, and nothing is there twice when it comes back."""

import time

import pytest

from tests.documents import parse
from tests.real.conftest import Box, released, until, volumes
from tests.real.deployed import is_ready
from tests.real.figures import record_in_all
from tests.scope import only_all

BUDGET_S = 240

NAMESPACE = "node"
STORED_S = 15.0  # the keeper stores what it knows every 10 s: it is lost too
NODE, OTHER = "sandbox-worker2", "sandbox-worker"  # this machine's way to Services leads over the other one


@pytest.fixture
def fogflow(box):
    """Everything is on one node, tasks and keeper included: nothing worse can be lost."""
    box.kubectl("cordon", OTHER)
    try:
        with released(box, NAMESPACE, "--set", "tolerationSeconds=5") as it:
            box.kubectl("uncordon", OTHER)
            yield it
    finally:
        box.kubectl("uncordon", OTHER)


def up(box):
    return is_ready(box.get("node", NODE))


def test_it_works_elsewhere_and_is_there_once_when_the_node_is_back(box, fogflow):
    until(lambda: fogflow.report().get("state") == "working", "the keeper is content")
    time.sleep(STORED_S)
    tasks = fogflow.tasks()
    assert {pod["spec"]["nodeName"] for pod in fogflow.get("pods")["items"]} == {NODE}
    box.sandbox("node stop", NODE)
    start = time.monotonic()
    try:
        until(lambda: not up(box), "it is seen lost")
        detected = time.monotonic() - start
        until(lambda: any(pod["spec"].get("nodeName") == OTHER for pod in fogflow.pods("rabbitmq")), "a new pod")
        moved = time.monotonic() - start
        took = time.monotonic() - start + fogflow.recover()
        record_in_all("node", "lost with every component: seen as lost after, s", detected)
        record_in_all("node", "new pods after, s (tolerationSeconds 5)", moved)
        record_in_all("node", "FogFlow works elsewhere after, s", took, bar=45)
        assert fogflow.tasks() == tasks
    finally:
        box.sandbox("node start", NODE)
    until(lambda: up(box), "it is back")
    until(lambda: not [p for p in fogflow.get("pods")["items"] if "deletionTimestamp" in p["metadata"]], "old pods go")
    fogflow.recover(settle=12.0)
    assert {name: len(ids) for name, ids in fogflow.identities().items()} == {
        name: 2 if name == "nginx" else 1 for name in fogflow.identities()
    }
    assert fogflow.tasks() == tasks


@only_all  # tests/cluster/test_capacity.py has it on simulated nodes
def test_a_volume_that_is_bound_to_the_lost_node_is_named_as_the_cause(box):
    options = [f"designer.persistence.{key}" for key in ("enabled=true", "storageClass=local")]
    with volumes(box, NODE):
        box.tool("deploy", "-n", "volume", *(w for each in ["tolerationSeconds=5", *options] for w in ("--set", each)))
        box.sandbox("node stop", NODE)
        try:
            told = until(lambda: named(box, "designer"), "the cause is named", every=1.0)
            assert NODE in told
            assert "volume" in told
        finally:
            box.sandbox("node start", NODE)
        until(lambda: up(box), "it is back")
        box.tool("uninstall", "-n", "volume", "--yes")
        box.kubectl("delete", "namespace", "volume", "volume-tasks", "--ignore-not-found")


def named(box, component):
    """The cause that `status` names for a component, when it speaks of a volume."""
    report = parse(box.tool("status", "-n", "volume", "-o", "json", code=None))
    causes = [one["summary"] for one in report["causes"] if one["component"] == component]
    return next((text for text in causes if "volume" in text), "")


@only_all
def test_a_control_plane_of_three_may_be_lost_under_a_deploy(home):
    own = Box(home, "three")
    own.up("--nodes", "5", "--control-planes", "3")
    try:
        own.load()
        with released(own, "ha") as fogflow:
            own.sandbox("node stop", "sandbox-control-plane2")
            own.tool("deploy", "-n", "ha", "--set", "podAnnotations.lost=one")
            for _ in range(5):
                own.tool("status", "-n", "ha")
            fogflow.recover()
            own.sandbox("node start", "sandbox-control-plane2")
            own.sandbox("node stop", "sandbox-control-plane")  # the load balancer may lead to this one
            own.tool("deploy", "-n", "ha", "--set", "podAnnotations.lost=two")
            own.tool("status", "-n", "ha")
            fogflow.recover()
    finally:
        own.sandbox("down")
