"""One sandbox for the whole run, a namespace for each test; the tool is run as people run it: as a program."""

import contextlib
import os
import subprocess
import time

import pytest

from tests import api
from tests.sites import TOOL, Site

NAME = "test"
KEPT = ("--set", "replicaCount=3")
"""The settings of the shared release."""
WEIGHTY = (
    "deployment", "statefulset", "daemonset", "job", "pod", "service", "ingress", "secret", "persistentvolumeclaim",
)  # fmt: skip
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
    for kind in ("webhookconfiguration", "admissionpolicybinding", "admissionpolicy"):
        api.delete(sandbox["KUBECONFIG"], f"validating{kind}", site.namespace)
    # What others could meet, and what costs CPU. The namespaces go with the sandbox: to remove one takes as much CPU as an install.
    for namespace in (site.namespace, f"{site.namespace}-tasks"):
        for kind in WEIGHTY:
            api.delete(sandbox["KUBECONFIG"], kind, namespace=namespace)


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
