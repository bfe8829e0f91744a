"""One sandbox for the whole run, a namespace for each test; the tool is run as people run it: as a program."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".work"
if "PYTEST_XDIST_WORKER" not in os.environ:  # the controller's choice, which its workers inherit
    os.environ["FOGFLOW_K8S_TEST_STATE"] = str(WORK / f"test-{os.getpid()}")
STATE = Path(os.environ["FOGFLOW_K8S_TEST_STATE"])
NAME = "test"
CHART = ROOT / "charts/fogflow-chart"
IP = "192.0.2.10"
ENV = {
    **{k: v for k, v in os.environ.items() if not k.startswith("FOGFLOW_K8S_") or k == "FOGFLOW_K8S_CACHE"},
    "FOGFLOW_K8S_STATE": str(STATE / "state"),
    "KUBECONFIG": str(STATE / "kubeconfig"),
    "NO_COLOR": "1",
}
TOOL = [sys.executable, "-m", "fogflow_k8s"]


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


class Site:
    """A namespace of this test's own, and the programs that work on it."""

    def __init__(self, sandbox, namespace, state):
        self.namespace = namespace
        self.state = state
        self.chart = CHART
        self.helm_path, self.kubectl_path = sandbox["HELM"], sandbox["KUBECTL"]
        self.env = {**ENV, "FOGFLOW_K8S_STATE": str(state), "HELM": self.helm_path}

    def start(self, *words, **more):
        argv = [*TOOL, *map(str, words), "-n", self.namespace]
        return subprocess.Popen(
            argv, env={**self.env, **more.pop("env", {})}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True, cwd=self.state, **more,
        )  # fmt: skip

    def run(self, *words, code=0, **more):
        """Run the tool to its end and return stdout; the exit code is part of every expectation (None: any)."""
        process = self.start(*words, **more)
        try:
            out, err = process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        self.stderr = err
        assert code is None or process.returncode == code, (
            f"{words}: exit {process.returncode}, expected {code}\n{out}\n{err}"
        )
        return out

    def json(self, *words, code=0, **more):
        return json.loads(self.run(*words, "-o", "json", code=code, **more))

    def deploy(self, *words, code=0, **more):
        return self.json("deploy", "--external-ip", IP, *words, code=code, **more)

    def kubectl(self, *words, stdin=None, check=True):
        done = subprocess.run(
            [self.kubectl_path, "-n", self.namespace, *words], env=self.env, input=stdin, capture_output=True, text=True, timeout=120, check=False
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, text):
        """`kubectl apply`, each object to the namespace that it names."""
        done = subprocess.run(
            [self.kubectl_path, "apply", "-f", "-"],
            env=self.env,
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def get(self, *words):
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def helm(self, *words, check=True):
        done = subprocess.run(
            [self.helm_path, "-n", self.namespace, *words],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def history(self):
        return [(r["revision"], r["status"]) for r in self.json("history")["revisions"]]

    def make_namespace(self):
        self.kubectl("create", "namespace", self.namespace)


@contextlib.contextmanager
def _a_site(sandbox, state):
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    site = Site(sandbox, f"t-{worker}-{time.monotonic_ns() % 10**9}", state)
    yield site
    both = [site.namespace, f"{site.namespace}-tasks"]
    site.kubectl("delete", "validatingwebhookconfiguration", site.namespace, "--ignore-not-found", check=False)
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


def until(check, what, seconds=60):
    """The first true value of `check`; a hang guard, no measurement."""
    end = time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.1)
    return value


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
