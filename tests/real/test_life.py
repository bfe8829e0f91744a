"""A release over the years: upgraded from the first chart, uninstalled by hand, installed again."""

from pathlib import Path

from tests.documents import parse
from tests.real import deployed
from tests.real.conftest import released, until, volumes
from tests.real.figures import record_in_all
from tests.real.load import Load
from tests.scope import ALL, only_all

BUDGET_S = 220

EARLIER = Path(__file__).parent / "earlier" / "fogflow-chart-without-keeper.tgz"
"""The first chart of this project that could be installed, before it had a keeper, policies and furnished tasks."""
ENOUGH = 5_000 if ALL else 2_000


def spare(box, namespace):
    """Take a namespace away with that of its tasks."""
    box.kubectl("delete", "namespace", namespace, f"{namespace}-tasks", "--ignore-not-found")


def unchangeable(box, namespace):
    """What Kubernetes does not let anybody change, and what clients hold on to: selectors, and addresses of Services."""
    found = {}
    for obj in box.get("deployments,services", "-n", namespace)["items"]:
        spec = obj["spec"]
        found[obj["kind"], obj["metadata"]["name"]] = (spec["selector"], spec.get("clusterIP"))
    return found


def test_an_upgrade_from_the_first_chart_loses_no_request(box):
    """At the reverse proxy: discovery and the others run once each, and their restart is a gap for what nginx passes on to them."""
    box.helm("install", "fogflow", EARLIER, "-n", "before", "--create-namespace", "--wait", "--timeout", "120s")
    try:
        before = unchangeable(box, "before")
        address = before["Service", "nginx"][1]
        with Load(address, path="/healthz", keep_alive=False) as load:
            load.until(1_000)
            box.tool("deploy", "-n", "before")
            load.until(ENOUGH)
        record_in_all("load", "upgrade from the first chart, no keep-alive", "failed", len(load.failed))
        record_in_all("load", "upgrade from the first chart, no keep-alive", "requests", load.asked)
        load.assert_none_lost()
        after = unchangeable(box, "before")
        assert {key: after[key] for key in before} == before
        # between a pod that has just become ready and the keeper's next look the state is unverified, and the exit code 30
        status = ("status", "-n", "before", "-o", "json")
        report = until(
            lambda: (told := parse(box.tool(*status, code=None)))["state"] == "working" and told, "a working state"
        )
        assert report["release"]["revision"] == 2
        box.tool("rollback", "1", "-n", "before", "--yes")
        assert unchangeable(box, "before") == before
        box.tool("uninstall", "-n", "before", "--yes")
    finally:
        spare(box, "before")


@only_all
def test_uninstalled_by_hand_it_leaves_no_orphan_and_installed_again_it_has_its_data(box):
    options = [f"designer.persistence.{key}" for key in ("enabled=true", "storageClass=local")]
    words = [word for each in options for word in ("--set", each)]
    with volumes(box, "sandbox-worker"), released(box, "kept", *words) as fogflow:
        tasks, password = fogflow.tasks(), secret(box)
        box.helm("uninstall", "fogflow", "-n", "kept", "--wait")
        until(lambda: not box.get("pods", "-n", "kept-tasks")["items"], "the task pods end")
        fogflow.assert_no_orphan()
        assert secret(box) == password
        box.tool("deploy", "-n", "kept", *words)
        again = deployed.FogFlow(box, "kept", fogflow.subscriber)
        assert "f1" in str(deployed.call("GET", again.url("nginx", 80, "/fogfunction"))), (
            "the designer has its functions"
        )
        for device in deployed.DEVICES:  # as devices do all the time; discovery is new, too
            again.update(device, 1)
        until(lambda: again.tasks() == tasks, "the same tasks run again")
        fogflow.address = again.address


def secret(box):
    return box.get("secret", "fogflow-rabbitmq", "-n", "kept")["data"]["password"]
