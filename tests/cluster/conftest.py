"""One sandbox for the whole run, a namespace for each test; the tool is run as people run it: as a program."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.sites import TOOL, Site

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".work"
if "PYTEST_XDIST_WORKER" not in os.environ:  # the controller's choice, which its workers inherit
    os.environ["FOGFLOW_K8S_TEST_STATE"] = str(WORK / f"test-{os.getpid()}")
STATE = Path(os.environ["FOGFLOW_K8S_TEST_STATE"])
NAME = "test"
ENV = {
    **{k: v for k, v in os.environ.items() if not k.startswith("FOGFLOW_K8S_") or k == "FOGFLOW_K8S_CACHE"},
    "FOGFLOW_K8S_STATE": str(STATE / "state"),
    "KUBECONFIG": str(STATE / "kubeconfig"),
    "NO_COLOR": "1",
}


def _sandbox(*words, state=STATE):
    env = {**ENV, "FOGFLOW_K8S_STATE": str(state / "state"), "KUBECONFIG": str(state / "kubeconfig")}
    return subprocess.run(
        [*TOOL, "sandbox", *words], env=env, capture_output=True, text=True, timeout=1800, check=False
    )


def pytest_sessionstart(session):
    """What an interrupted run left behind is ended first; by the controller alone."""
    if not hasattr(session.config, "workerinput"):
        for left in WORK.glob("test-*"):
            if not Path(f"/proc/{left.name.removeprefix('test-')}").exists():
                _take_down(left)


def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput"):
        _take_down(STATE)


def _take_down(state):
    _sandbox("down", "--name", NAME, state=state)
    shutil.rmtree(state, ignore_errors=True)


@pytest.fixture(scope="session")
def sandbox():
    """The run's sandbox: three simulated nodes, one of them a tainted control plane. `up` of a running one changes nothing."""
    STATE.mkdir(parents=True, exist_ok=True)
    done = _sandbox("up", "--name", NAME, "--nodes", "3")
    assert done.returncode == 0, done.stderr
    found = _sandbox("env", "--name", NAME)
    lines = [line.removeprefix("export ").split("=", 1) for line in found.stdout.splitlines()]
    return {name: value.strip("'\"") for name, value in lines}


@contextlib.contextmanager
def _a_site(sandbox, state):
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    env = {**ENV, "FOGFLOW_K8S_STATE": str(state)}
    site = Site(sandbox, f"t-{worker}-{time.monotonic_ns() % 10**9}", state, env)
    yield site
    both = [site.namespace, f"{site.namespace}-tasks"]
    wide = [
        f"validating{kind}/{site.namespace}"
        for kind in ("webhookconfiguration", "admissionpolicybinding", "admissionpolicy")
    ]
    site.kubectl("delete", *wide, "--ignore-not-found", check=False)
    site.kubectl("delete", "namespace", *both, "--ignore-not-found", "--wait=false", check=False)


@pytest.fixture
def site(sandbox, tmp_path):
    """A namespace that does not exist yet."""
    with _a_site(sandbox, tmp_path) as site:
        yield site


@pytest.fixture
def another_site(sandbox, tmp_path):
    """A second one, to compare with."""
    with _a_site(sandbox, tmp_path) as site:
        yield site


def kill_tree(process):
    """SIGKILL to a process and everything below it, as a crash or the OOM killer would."""
    kill_all([process.pid, *descendants(process.pid)])
    process.communicate()


def kill_all(pids):
    """SIGKILL to each process that still is."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def descendants(pid):
    """Every process below that one."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *descendants(child)]
    return found
