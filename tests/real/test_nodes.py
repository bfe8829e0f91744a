"""A node without power: FogFlow works elsewhere, and nothing is there twice when it comes back."""

import time

import pytest

from tests.documents import parse
from tests.real.cell import is_ready
from tests.real.conftest import Box, released, until, volumes
from tests.real.figures import record_in_all
from tests.scope import only_all

BUDGET_S = 240

NAMESPACE = "node"
STORED_S = 15.0  # the keeper stores what it knows every 10 s: it is lost too
NODE, OTHER = "sandbox-worker2", "sandbox-worker"  # this machine's way to Services leads over the other one


@pytest.fixture
def cell(box):
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


def test_it_works_elsewhere_and_is_there_once_when_the_node_is_back(box, cell):
    until(lambda: cell.report().get("state") == "working", "the keeper is content")
    time.sleep(STORED_S)
    tasks = cell.tasks()
    assert {pod["spec"]["nodeName"] for pod in cell.get("pods")["items"]} == {NODE}
    box.sandbox("node stop", NODE)
    start = time.monotonic()
    try:
        until(lambda: not up(box), "it is seen lost")
        detected = time.monotonic() - start
        until(lambda: any(pod["spec"].get("nodeName") == OTHER for pod in cell.pods("rabbitmq")), "a new pod")
        moved = time.monotonic() - start
        took = time.monotonic() - start + cell.recover()
        record_in_all("node", "lost with every component: seen as lost after, s", detected)
        record_in_all("node", "new pods after, s (tolerationSeconds 5)", moved)
        record_in_all("node", "FogFlow works elsewhere after, s", took, bar=45)
        assert cell.tasks() == tasks
    finally:
        box.sandbox("node start", NODE)
    until(lambda: up(box), "it is back")
    until(lambda: not [p for p in cell.get("pods")["items"] if "deletionTimestamp" in p["metadata"]], "old pods go")
    cell.recover(settle=12.0)
    assert {name: len(ids) for name, ids in cell.identities().items()} == {
        name: 2 if name == "nginx" else 1 for name in cell.identities()
    }
    assert cell.tasks() == tasks


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
        with released(own, "ha") as cell:
            own.sandbox("node stop", "sandbox-control-plane2")
            own.tool("deploy", "-n", "ha", "--set", "podAnnotations.lost=one")
            for _ in range(5):
                own.tool("status", "-n", "ha")
            cell.recover()
            own.sandbox("node start", "sandbox-control-plane2")
            own.sandbox("node stop", "sandbox-control-plane")  # the load balancer may lead to this one
            own.tool("deploy", "-n", "ha", "--set", "podAnnotations.lost=two")
            own.tool("status", "-n", "ha")
            cell.recover()
    finally:
        own.sandbox("down")
