"""A sandbox with real nodes for each process of the run, with all images loaded; a release in a namespace for each module."""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from fogflow_k8s.adapters.state_dir import cache_home
from fogflow_k8s.sandbox.network import Network
from tests import api, tool, waiting
from tests.durations import budget_of
from tests.real import deployed, images

TOOL = [sys.executable, "-m", "fogflow_k8s"]
NAME = "real"


class Box:
    """A sandbox with real nodes, in a state folder of its own; programs come from the user's cache."""

    def __init__(self, home, name=NAME):
        self.home, self.name = home, name
        kept = {k: v for k, v in os.environ.items() if not k.startswith("FOGFLOW_K8S_") or k == "FOGFLOW_K8S_CACHE"}
        self.env = {
            **kept,
            "FOGFLOW_K8S_STATE": str(home / "state"),
            "KUBECONFIG": str(home / "kubeconfig"),
            "NO_COLOR": "1",
        }

    def tool(self, *words, code=0, timeout=600):
        """Run the tool; its stdout. The exit code is part of every expectation."""
        done = tool.run(words, env=self.env, cwd=Path.cwd(), timeout=timeout)
        self.stderr = done.stderr
        assert code is None or done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def sandbox(self, verb, *words, code=0):
        return self.tool("sandbox", *verb.split(), *words, "--name", self.name, code=code, timeout=3600)

    @property
    def folder(self):
        return self.home / "state" / "sandboxes" / self.name

    @property
    def state(self):
        return json.loads((self.folder / "state.json").read_text())

    @property
    def net(self):
        """Its addresses."""
        return Network(self.state["network"], self.state["ipv6"])

    def up(self, *words):
        """Start it with real nodes."""
        with starting():
            self.sandbox("up", "--real", *words)

    def kubectl(self, *words, check=True, stdin=None):
        argv = [self.kubectl_path, *map(str, words)]
        done = subprocess.run(argv, env=self.env, input=stdin, capture_output=True, text=True, timeout=180, check=False)
        assert not check or done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    @property
    def kubectl_path(self):
        if not hasattr(self, "_kubectl"):
            self._kubectl = self.sandbox("env").split("KUBECTL=")[1].strip().strip("'")
        return self._kubectl

    def get(self, *words):
        return api.get(self.folder / "kubeconfig", *words)

    def helm(self, *words):
        """Helm as somebody uses it who does not have our tool; it lies beside kubectl."""
        helm = Path(self.kubectl_path).with_name("helm")
        done = subprocess.run(
            [helm, *map(str, words)], env=self.env, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    def load(self, *names):
        made = images.build(names=names or None)
        self.sandbox("load", *made.values())


@contextlib.contextmanager
def starting():
    """One sandbox with real nodes starts at a time on this machine: two would take the same free network."""
    with (cache_home() / "test-sandbox.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """The tests of a package, or of a module outside one, share a release: they stay in one process. Those that take longest begin."""
    here = Path(__file__).parent
    mine = [item for item in items if here in item.path.parents]
    budgets = Counter()
    for path in {item.path for item in mine}:
        budgets[_group(path)] += budget_of(path)
    for item in mine:
        item.add_marker(pytest.mark.xdist_group(_group(item.path)))
    mine.sort(key=lambda item: -budgets[_group(item.path)])
    items[:] = [*mine, *(item for item in items if here not in item.path.parents)]


def _group(path):
    return path.stem if path.parent == Path(__file__).parent else path.parent.name


@pytest.fixture(scope="session")
def home(run_folder):
    """A folder for all sandboxes of this process."""
    folder = run_folder / f"real-{os.getpid()}"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def box(home):
    """Three real nodes, one of them the tainted control plane, with every image that the chart names."""
    if os.geteuid() != 0:
        pytest.skip("real nodes need root")
    it = Box(home)
    it.up("--nodes", "3")
    it.load()
    yield it
    it.sandbox("down")


@contextlib.contextmanager
def released(box, namespace, *options):
    """A release that works, with one function and its tasks; afterwards it is uninstalled, and no orphan is left.

    Its namespace enforces Pod Security `restricted`, in every test.
    """
    box.kubectl("create", "namespace", namespace)
    box.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    box.tool("deploy", "-n", namespace, *options)
    subscriber = deployed.Subscriber(box.net.host)
    try:
        it = deployed.FogFlow(box, namespace, subscriber)
        it.populate()
        it.recover()
        yield it
        box.tool("uninstall", "-n", namespace, "--yes")
        it.assert_no_orphan()
    finally:
        subscriber.close()
        gone = [namespace, f"{namespace}-tasks"]
        box.kubectl("delete", "namespace", *gone, "--ignore-not-found", "--wait=false", check=False)


@contextlib.contextmanager
def volumes(box, node):
    """A StorageClass `local` with one volume in it, in a folder of this machine that only that node may reach."""
    # not below the run's folder: programs that are not root must come to it
    folder = Path(tempfile.mkdtemp(prefix="fogflow-k8s-volume-"))
    folder.chmod(0o777)
    place = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    sort = {
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "local"},
        "provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer",
    }  # fmt: skip
    volume = {
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "designer-local"},
        "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "local",
            "hostPath": {"path": str(folder), "type": "Directory"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [place]}]}},
        },
    }  # fmt: skip
    try:
        box.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": [sort, volume]}))
        yield
    finally:
        box.kubectl("delete", "persistentvolume/designer-local", "storageclass/local", check=False)
        shutil.rmtree(folder)


def until(check, what, seconds=240, every=0.2):
    """As tests.waiting.until, with the patience that real nodes need on a machine that does more than this."""
    return waiting.until(check, what, seconds, every)
