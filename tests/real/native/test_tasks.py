"""`task` on real nodes: a task is run, listed, read, measured and stopped as a user of FogFlow would, whichever worker there is."""

import os
import signal
import subprocess
import time

import pytest

from tests.documents import parse
from tests.real import deployed
from tests.real.conftest import TOOL, released, until
from tests.real.images import APP_VERSION
from tests.scope import only_all

BUDGET_S = 120

IMAGE = f"docker.io/fogflow/operator:{APP_VERSION}"


@pytest.fixture(scope="module")
def upstreams(box):
    with released(box, "tasks-upstream") as it:
        yield it


@pytest.fixture(params=[pytest.param("upstreams", marks=only_all), "native"])
def fogflow(request):
    """A release with that worker, three tasks of somebody else's function in it."""
    return request.getfixturevalue(request.param)


def task(fogflow, *words, code=0):
    return fogflow.box.tool("task", *words, "-n", fogflow.namespace, code=code)


def listed(fogflow):
    return parse(task(fogflow, "list", "-o", "json"))["tasks"]


def test_a_task_is_run_read_and_stopped(fogflow):
    words = [
        "run",
        "--image",
        IMAGE,
        "--input",
        "Weather",
        "--output",
        "Forecast",
        "--name",
        "sky",
        "--param",
        "cpu-request=20m",
    ]
    ran = parse(task(fogflow, *words, "-o", "json"))
    assert (ran["function"], ran["entity"], ran["task"]["topology"]) == ("sky", "Weather.sky", "sky")
    assert ran["output"]["entityId"]["type"] == "Forecast"
    assert {a["name"]: a["value"] for a in ran["output"]["attributes"]}["of"] == "Weather.sky"
    assert "sky" in {t["topology"] for t in listed(fogflow)}
    assert "listening on" in task(fogflow, "logs", "sky")
    task(fogflow, *words, code=10)
    assert "there is a function sky already" in fogflow.box.stderr
    task(fogflow, "stop", ran["task"]["id"], code=10)
    assert "to confirm in advance" in fogflow.box.stderr
    task(fogflow, "stop", ran["task"]["id"], "--yes")
    assert "sky" not in {t["topology"] for t in listed(fogflow)}
    assert "sky" not in deployed.call("GET", fogflow.url("designer", 8080, "/fogfunction"))
    assert "Weather.sky" not in {e["entityId"]["id"] for e in fogflow.entities()}


def test_what_somebody_else_made_is_left_alone(fogflow):
    before = until(fogflow.tasks, "no task on its way")
    task(fogflow, "stop", before[0], "--yes", code=10)
    assert "of function f1, which fogflow-k8s did not create" in fogflow.box.stderr
    assert fogflow.tasks() == before


def test_an_image_that_is_not_there_is_the_reason(fogflow):
    """Whatever the worker says of it, the pod does."""
    words = [
        "run",
        "--image",
        "docker.io/fogflow/absent:1",
        "--input",
        "Nothing",
        "--name",
        "absent",
        "--timeout",
        "30s",
    ]
    task(fogflow, *words, code=None)
    assert "FK-601" in fogflow.box.stderr
    assert "FK-40" in fogflow.box.stderr
    task(fogflow, "logs", "absent", code=40)
    assert "has no log" in fogflow.box.stderr
    task(fogflow, "stop", "absent", "--yes")
    assert "absent" not in {t["topology"] for t in listed(fogflow)}


def test_a_bench_measures_and_leaves_nothing(fogflow):
    before = until(fogflow.tasks, "no task on its way")
    words = ["run", "task", "--entities", "5", "--task-image", IMAGE, "-o", "json", "-n", fogflow.namespace]
    document = parse(fogflow.box.tool("bench", *words))
    assert document["ok"]
    done = document["runs"][0]["taskFigures"]
    assert done["created"]["count"] == done["running"]["count"] == 5
    assert 0 < done["created"]["p50Seconds"] <= done["running"]["p50Seconds"] <= done["running"]["maxSeconds"]
    assert until(fogflow.tasks, "no task on its way") == before
    assert not [e for e in fogflow.entities() if "bench" in e["entityId"]["id"]]


def test_a_bench_that_is_interrupted_leaves_nothing(fogflow):
    """Ctrl-C goes to the whole group, as in a terminal: kubectl and its ports end with it."""
    before = until(fogflow.tasks, "no task on its way")
    words = ["bench", "run", "task", "--entities", "5", "--task-image", IMAGE, "--rate", "1"]
    argv = [*TOOL, *words, "-n", fogflow.namespace]
    process = subprocess.Popen(argv, env=fogflow.box.env, start_new_session=True, stderr=subprocess.PIPE, text=True)
    functions = fogflow.url("designer", 8080, "/fogfunction")
    until(
        lambda: [name for name in deployed.call("GET", functions) if name.startswith("bench-")], "the function is there"
    )
    time.sleep(1.5)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    assert "everything that was created is removed again" in told
    assert not [name for name in deployed.call("GET", functions) if name.startswith("bench-")]
    assert until(fogflow.tasks, "no task on its way") == before
