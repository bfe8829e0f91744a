"""`task` on real nodes: a task is run, listed, read, measured and stopped as a user of FogFlow would, whichever worker there is."""

import os
import signal
import subprocess
import time

import pytest

from tests.documents import parse
from tests.real import cell as cells
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
def cell(request):
    """A release with that worker, three tasks of somebody else's function in it."""
    return request.getfixturevalue(request.param)


def task(cell, *words, code=0):
    return cell.box.tool("task", *words, "-n", cell.namespace, code=code)


def listed(cell):
    return parse(task(cell, "list", "-o", "json"))["tasks"]


def test_a_task_is_run_read_and_stopped(cell):
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
    ran = parse(task(cell, *words, "-o", "json"))
    assert (ran["function"], ran["entity"], ran["task"]["topology"]) == ("sky", "Weather.sky", "sky")
    assert ran["output"]["entityId"]["type"] == "Forecast"
    assert {a["name"]: a["value"] for a in ran["output"]["attributes"]}["of"] == "Weather.sky"
    assert "sky" in {t["topology"] for t in listed(cell)}
    assert "listening on" in task(cell, "logs", "sky")
    task(cell, *words, code=10)
    assert "there is a function sky already" in cell.box.stderr
    task(cell, "stop", ran["task"]["id"], code=10)
    assert "say yes beforehand" in cell.box.stderr
    task(cell, "stop", ran["task"]["id"], "--yes")
    assert "sky" not in {t["topology"] for t in listed(cell)}
    assert "sky" not in cells.call("GET", cell.url("designer", 8080, "/fogfunction"))
    assert "Weather.sky" not in {e["entityId"]["id"] for e in cell.entities()}


def test_what_somebody_else_made_is_left_alone(cell):
    before = until(cell.tasks, "no task on its way")
    task(cell, "stop", before[0], "--yes", code=10)
    assert "of function f1, which somebody else made" in cell.box.stderr
    assert cell.tasks() == before


def test_an_image_that_is_not_there_is_the_reason(cell):
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
    task(cell, *words, code=None)
    assert "FK-601" in cell.box.stderr
    assert "FK-40" in cell.box.stderr
    task(cell, "logs", "absent", code=40)
    assert "has no log" in cell.box.stderr
    task(cell, "stop", "absent", "--yes")
    assert "absent" not in {t["topology"] for t in listed(cell)}


def test_a_bench_measures_and_leaves_nothing(cell):
    before = until(cell.tasks, "no task on its way")
    done = parse(task(cell, "bench", "5", "--image", IMAGE, "-o", "json"))
    assert done["ok"]
    assert done["created"]["count"] == done["running"]["count"] == 5
    assert 0 < done["created"]["p50Seconds"] <= done["running"]["p50Seconds"] <= done["running"]["maxSeconds"]
    assert until(cell.tasks, "no task on its way") == before
    assert not [e for e in cell.entities() if "bench" in e["entityId"]["id"]]


def test_a_bench_that_is_interrupted_leaves_nothing(cell):
    """Ctrl-C goes to the whole group, as in a terminal: kubectl and its ports end with it."""
    before = until(cell.tasks, "no task on its way")
    argv = [*TOOL, "task", "bench", "5", "--image", IMAGE, "--rate", "1", "-n", cell.namespace]
    process = subprocess.Popen(argv, env=cell.box.env, start_new_session=True, stderr=subprocess.PIPE, text=True)
    functions = cell.url("designer", 8080, "/fogfunction")
    until(lambda: [name for name in cells.call("GET", functions) if name.startswith("bench-")], "the function is there")
    time.sleep(1.5)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    assert "everything that was created is removed again" in told
    assert not [name for name in cells.call("GET", functions) if name.startswith("bench-")]
    assert until(cell.tasks, "no task on its way") == before
