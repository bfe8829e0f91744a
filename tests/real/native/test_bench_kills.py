"""`bench run` killed at random instants on real nodes: after the next run nothing is left, of any scenario."""

import random
import subprocess
import time

import pytest

from tests.processes import kill_tree
from tests.real import deployed
from tests.real.conftest import TOOL, until
from tests.real.images import APP_VERSION
from tests.real.native.measuring import measured, violations
from tests.scope import only_all

BUDGET_S = 900
KILLS = 20
SPAN_S = 16.0  # a run of five seconds takes 12 to 20
TASK_IMAGE = ("--task-image", f"docker.io/fogflow/operator:{APP_VERSION}")
SCENARIOS = {
    "update": ("--rate", "20"),
    "ngsi-ld": ("--rate", "20"),
    "notify": ("--rate", "20"),
    "task": ("--entities", "3", *TASK_IMAGE),
    "flow": ("--rate", "10", "--entities", "3", *TASK_IMAGE),
}

pytestmark = [only_all, pytest.mark.timeout(3600)]


def killed(it, instant, scenario):
    """Start a run, and kill it with everything below it after so many seconds; whether it still ran then."""
    words = ["bench", "run", scenario, "--duration", "5s", *SCENARIOS[scenario], "--yes", "-n", it.namespace]
    argv = [*TOOL, *words]
    process = subprocess.Popen(
        argv, env=it.box.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    time.sleep(instant)
    still = process.poll() is None
    if still:
        kill_tree(process.pid)
    process.wait()
    return still


def left(it):
    """What measurements left: objects of the cluster, entities and registrations, functions, and tasks beside those of the tests."""
    objects = it.get("jobs,configmaps,pods", "-l", "app.kubernetes.io/component=bench")["items"]
    entities = [each["entityId"] for each in it.entities() if "FogflowK8sBench" in each["entityId"]["type"]]
    functions = deployed.call("GET", it.url("designer", 8080, "/fogfunction"))
    tasks = it.tasks()
    return {
        "objects": [f"{each['kind']}/{each['metadata']['name']}" for each in objects],
        "entities": entities,
        "functions": [name for name in functions if name.startswith("bench-")],
        "tasks": None if tasks is None else len(tasks) - len(deployed.DEVICES),  # None: one starts or ends
    }


def test_after_each_kill_the_next_run_leaves_nothing(native):
    dice, hits, nothing = random.Random("bench"), 0, {"objects": [], "entities": [], "functions": [], "tasks": 0}
    for number in range(KILLS):
        scenario, instant = list(SCENARIOS)[number % len(SCENARIOS)], dice.uniform(0.3, SPAN_S)
        hits += killed(native, instant, scenario)
        print(f"{scenario} killed after {instant:.1f} s, left: {left(native)}", flush=True)
        (run,) = measured(native, "update", "--rate", "10", "--duration", "2s", valid=False)["runs"]
        assert violations(run) == [], (scenario, instant)
        until(lambda: left(native) == nothing, f"nothing is left of {scenario}, killed after {instant:.1f} s", 60)
    assert hits > KILLS / 2, "most instants were within a run"
