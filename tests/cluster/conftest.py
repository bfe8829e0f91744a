"""One sandbox for the whole run, a namespace for each test; the tool is run as people run it: as a program."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.sites import TOOL, Site

NAME = "test"
KEPT = ("--set", "replicaCount=3")
"""The settings of the shared release."""
WEIGHTY = "deployments,statefulsets,daemonsets,jobs,pods,services,ingresses,secrets,persistentvolumeclaims"
"""Of a namespace that a test leaves behind: what takes room on nodes, addresses, and what a look at all namespaces finds."""
looks = pytest.mark.xdist_group("kept")
ENV = {
    **{k: v for k, v in os.environ.items() if not k.startswith("FOGFLOW_K8S_") or k == "FOGFLOW_K8S_CACHE"},
    "NO_COLOR": "1",
}


def run_sandbox(state, *words):
    """`sandbox WORDS`, with that folder for its state and its kubeconfig."""
    env = {**ENV, "FOGFLOW_K8S_STATE": str(state / "state"), "KUBECONFIG": str(state / "kubeconfig")}
    return subprocess.run(
        [*TOOL, "sandbox", *words], env=env, capture_output=True, text=True, timeout=1800, check=False
    )


def up(state, name, *words):
    """A sandbox, up, and the variables that lead to it. `up` of a running one changes nothing."""
    state.mkdir(exist_ok=True)
    done = run_sandbox(state, "up", "--name", name, *words)
    assert done.returncode == 0, done.stderr
    lines = run_sandbox(state, "env", "--name", name).stdout.splitlines()
    pairs = (line.removeprefix("export ").split("=", 1) for line in lines)
    return {variable: value.strip("'\"") for variable, value in pairs}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Whatever the order, long ones begin first: begun last, one process would be at them when the others have ended."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def state(run_folder):
    """The folder of the sandbox that all processes of this run share; the end of the run takes it down."""
    return run_folder / "cluster"


@pytest.fixture(scope="session")
def sandbox(state):
    """The run's sandbox: three simulated nodes, one of them a tainted control plane."""
    return up(state, NAME, "--nodes", "3")


@contextlib.contextmanager
def a_site(sandbox, state):
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    env = {**ENV, "KUBECONFIG": sandbox["KUBECONFIG"], "FOGFLOW_K8S_STATE": str(state)}
    site = Site(sandbox, f"t-{worker}-{time.monotonic_ns() % 10**9}", state, env)
    yield site
    wide = [
        f"validating{kind}/{site.namespace}"
        for kind in ("webhookconfiguration", "admissionpolicybinding", "admissionpolicy")
    ]
    site.kubectl("delete", *wide, "--ignore-not-found", check=False)
    # What others could meet, and what costs CPU. The namespaces go with the sandbox: to remove one takes as much CPU as an install.
    for namespace in (site.namespace, f"{site.namespace}-tasks"):
        site.kubectl("-n", namespace, "delete", WEIGHTY, "--all", "--wait=false", check=False)


@pytest.fixture
def site(sandbox, tmp_path):
    """A namespace that does not exist yet."""
    with a_site(sandbox, tmp_path) as site:
        yield site


@pytest.fixture(scope="session")
def kept(sandbox, tmp_path_factory):
    """A release at its second revision, for the tests that only look at it or are refused. They are of one xdist group."""
    with a_site(sandbox, tmp_path_factory.mktemp("kept")) as site:
        site.deploy()
        site.deploy(*KEPT)
        yield site


@pytest.fixture
def another_site(sandbox, tmp_path):
    """A second one, to compare with."""
    with a_site(sandbox, tmp_path) as site:
        yield site


def kill_tree(process):
    """SIGKILL to a process and everything below it, as a crash or the OOM killer would."""
    stopped: list[int] = []
    while new := [pid for pid in (process.pid, *descendants(process.pid)) if pid not in stopped]:
        signal_all(new, signal.SIGSTOP)  # so that none begins another between the look and its end
        stopped += new
    kill_all(stopped)
    process.communicate()


def kill_all(pids):
    """SIGKILL to each process that still is."""
    signal_all(pids, signal.SIGKILL)


def signal_all(pids, number):
    """A signal to each process that still is."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def descendants(pid):
    """Every process below that one."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found
