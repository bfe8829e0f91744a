"""The sandbox itself: up, faults, repair, down. Each test that breaks one has its own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import api, waiting
from tests.descriptors import links_of
from tests.documents import parse
from tests.scope import only_all

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("own-sandboxes")]
BUDGET_S = 250
TOOL = [sys.executable, "-m", "fogflow_k8s", "sandbox"]
FAULT = "sandbox.fogflow-k8s.io"


class Box:
    """A home of its own: state, kubeconfig; programs come from the shared cache."""

    def __init__(self, home):
        self.state, self.kubeconfig = home / "state", home / "kubeconfig"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("FOGFLOW_K8S_") or k == "FOGFLOW_K8S_CACHE"}
        self.env = {**kept, "FOGFLOW_K8S_STATE": str(self.state), "KUBECONFIG": str(self.kubeconfig), "NO_COLOR": "1"}

    def run(self, *words, code=0):
        done = subprocess.run([*TOOL, *words], env=self.env, capture_output=True, text=True, timeout=1800, check=False)
        assert done.returncode == code, done.stderr
        self.stderr = done.stderr
        return done.stdout

    def status(self, name="default"):
        return parse(self.run("status", "--name", name, "-o", "json"))

    def pids(self, name="default"):
        state = json.loads((self.state / "sandboxes" / name / "state.json").read_text())
        return {key: daemon["pid"] for key, daemon in state["daemons"].items()}

    def kubectl(self, *words, stdin=None, check=True):
        kubectl = self.run("env").split("KUBECTL=")[1].strip().strip("'")
        done = subprocess.run(
            [kubectl, *words], env=self.env, input=stdin, capture_output=True, text=True, timeout=120, check=False
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def get(self, *words):
        return api.get(self.kubeconfig, *words)


def until(check, what, seconds=90):
    """As tests.waiting.until, with the patience that a sandbox of its own needs."""
    return waiting.until(check, what, seconds, every=0.2)


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.fixture
def box(tmp_path):
    box = Box(tmp_path)
    yield box
    for name in ("default", "other"):
        box.run("down", "--name", name)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One sandbox for the tests that only look and create pods."""
    box = Box(tmp_path_factory.mktemp("sandbox"))
    box.run("up", "--nodes", "3", "--taint", "sandbox-worker2=dedicated=edge:NoSchedule")
    yield box
    box.run("down")


def pod(name, fault="", *, tag="1", init=(), restart="Always", **more):
    annotations = {f"{FAULT}/fault": fault} if fault else {}
    annotations |= {f"{FAULT}/{key.replace('_', '-')}": value for key, value in more.items()}
    spec = {"restartPolicy": restart, "containers": [{"name": "app", "image": f"example/app:{tag}"}]}
    if init:
        spec["initContainers"] = [
            {"name": f"init{number}", "image": f"example/init:{one}"} for number, one in enumerate(init)
        ]
    meta = {"name": name, "namespace": "default", "annotations": annotations}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})


def state_of(status):
    """The waiting or terminated reason of the first container that has one, else `running`."""
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        for kind in ("waiting", "terminated"):
            if (found := container["state"].get(kind)) and found["reason"] not in {"Completed", "PodInitializing"}:
                return found["reason"]
    return "running"


def condition(status, name):
    return next((c["status"] for c in status.get("conditions", []) if c["type"] == name), None)


@pytest.mark.parametrize(
    ("name", "how", "phase", "reason"),
    [
        ("plain", {}, "Running", "running"),
        ("tag", {"tag": "does-not-exist"}, "Pending", "ImagePullBackOff"),
        ("tag-init", {"init": ["1", "does-not-exist"]}, "Pending", "ImagePullBackOff"),
        ("image", {"fault": "image-not-found"}, "Pending", "ImagePullBackOff"),
        ("crash", {"fault": "crash", "exit_code": "7"}, "Running", "CrashLoopBackOff"),
        ("crash-init", {"fault": "crash", "init": ["1"], "container": "init0"}, "Pending", "CrashLoopBackOff"),
        ("oom", {"fault": "oom"}, "Running", "CrashLoopBackOff"),
        ("once-crash", {"fault": "crash", "restart": "Never"}, "Failed", "Error"),
        (
            "config",
            {"fault": "config-error", "message": 'configmap "x" not found'},
            "Pending",
            "CreateContainerConfigError",
        ),
        ("mistyped", {"fault": "chrash"}, "Pending", "ContainerCreating"),
    ],
)
def test_a_fault_looks_as_a_kubelet_would_show_it(shared, name, how, phase, reason):
    shared.kubectl("create", "-f", "-", stdin=pod(name, **how))

    def shown():
        status = shared.get("pod", name)["status"]
        return status if (status["phase"], state_of(status)) == (phase, reason) else None

    status = until(shown, f"{name}: {phase} {reason}")
    assert condition(status, "Ready") == ("True" if name == "plain" else "False")
    last = next(iter(status["containerStatuses"]), {}).get("lastState", {}).get("terminated")
    if name == "crash":
        assert (last["exitCode"], last["reason"]) == (7, "Error")
        until(
            lambda: shared.get("pod", name)["status"]["containerStatuses"][0]["restartCount"] >= 2, "it restarts again"
        )
    if name == "oom":
        assert (last["exitCode"], last["reason"]) == (137, "OOMKilled")
    if name == "config":
        assert status["containerStatuses"][0]["state"]["waiting"]["message"] == 'configmap "x" not found'


@pytest.mark.parametrize(
    ("name", "how", "reason", "text"),
    [
        ("event-image", {"tag": "does-not-exist"}, "Failed", 'Failed to pull image "example/app:does-not-exist"'),
        ("event-probe", {"fault": "never-ready"}, "Unhealthy", "Readiness probe failed: "),
        ("event-crash", {"fault": "crash"}, "BackOff", "Back-off restarting failed container app in pod event-crash"),
        ("event-typo", {"fault": "chrash"}, "UnknownSandboxFault", "chrash"),
    ],
)
def test_the_event_of_a_fault_names_it(shared, name, how, reason, text):
    shared.kubectl("create", "-f", "-", stdin=pod(name, **how))

    def sent():
        events = shared.get("events", "--field-selector", f"involvedObject.name={name}")["items"]
        return [e for e in events if (e["reason"], e["type"]) == (reason, "Warning") and text in e["message"]]

    until(sent, f"the event {reason} of {name}")


def test_never_ready_runs_but_is_not_ready(shared):
    shared.kubectl("create", "-f", "-", stdin=pod("never", "never-ready"))
    until(lambda: shared.get("pod", "never")["status"]["phase"] == "Running", "it runs")
    assert condition(shared.get("pod", "never")["status"], "Ready") == "False"
    shared.kubectl("annotate", "pod", "never", f"{FAULT}/fault-")
    until(lambda: condition(shared.get("pod", "never")["status"], "Ready") == "True", "ready without its fault")


def test_stuck_in_init(shared):
    shared.kubectl("create", "-f", "-", stdin=pod("stuck", "init-stuck", init=["1"]))
    status = until(lambda: (s := shared.get("pod", "stuck")["status"]).get("initContainerStatuses") and s, "its status")
    assert status["phase"] == "Pending"
    assert "running" in status["initContainerStatuses"][0]["state"]
    assert condition(status, "Initialized") == "False"


def test_a_slow_pull_ends(shared):
    shared.kubectl("create", "-f", "-", stdin=pod("slow", "image-pull-slow", delay_seconds="10"))
    until(lambda: state_of(shared.get("pod", "slow")["status"]) == "ContainerCreating", "it is being pulled")
    until(lambda: condition(shared.get("pod", "slow")["status"], "Ready") == "True", "it is pulled")


def test_init_containers_have_ended_and_a_job_completes(shared):
    shared.kubectl("create", "-f", "-", stdin=pod("inits", init=["1", "2"]))
    status = until(lambda: (s := shared.get("pod", "inits")["status"])["phase"] == "Running" and s, "it runs")
    assert [one["state"]["terminated"]["exitCode"] for one in status["initContainerStatuses"]] == [0, 0]
    shared.kubectl("create", "job", "work", "--image=example/job:1")
    shared.kubectl("wait", "--for=condition=Complete", "job/work", "--timeout=60s")


def test_a_pod_goes_to_the_node_that_takes_it_and_can_be_deleted(shared):
    shared.kubectl("create", "-f", "-", stdin=pod("placed"))
    until(lambda: condition(shared.get("pod", "placed")["status"], "Ready") == "True", "it runs")
    assert shared.get("pod", "placed")["spec"]["nodeName"] == "sandbox-worker", "the two others are tainted"
    assert "simulated" in shared.kubectl("logs", "placed")
    shared.kubectl("delete", "pod", "placed", "--timeout=60s")


def test_pod_security_admission_is_on(shared):
    shared.kubectl("create", "namespace", "strict")
    shared.kubectl("label", "namespace", "strict", "pod-security.kubernetes.io/enforce=restricted")
    refused = subprocess.run(
        [*shared.run("env").split("KUBECTL=")[1].split(), "run", "x", "--image=a:b", "-n", "strict"],
        env=shared.env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "violates PodSecurity" in refused.stderr


def test_a_node_is_made_not_ready_and_ready_again(shared):
    def ready():
        return condition(shared.get("node", "sandbox-worker2")["status"], "Ready")

    shared.kubectl("label", "node", "sandbox-worker2", f"{FAULT}/fault=not-ready")
    until(lambda: ready() == "False", "not ready")
    assert shared.status()["state"] == "degraded"
    shared.kubectl("label", "node", "sandbox-worker2", f"{FAULT}/fault-")
    until(lambda: ready() == "True", "ready")


def test_nobody_without_a_certificate_gets_anything(shared):
    import ssl
    import urllib.error
    import urllib.request

    context = ssl._create_unverified_context()
    state = json.loads((shared.state / "sandboxes" / "default" / "state.json").read_text())
    server = f"https://127.0.0.1:{state['ports']['apiserver']}"
    with pytest.raises(urllib.error.HTTPError) as met:
        urllib.request.urlopen(f"{server}/api/v1/secrets", context=context, timeout=30)
    assert met.value.code == 401
    met.value.close()
    with pytest.raises((urllib.error.URLError, OSError)):
        urllib.request.urlopen(f"https://127.0.0.1:{state['ports']['etcd']}/version", context=context, timeout=30)
    listening = listening_addresses(state["daemons"][name]["pid"] for name in state["daemons"])
    assert listening
    assert listening == {"127.0.0.1"}, "on loopback only"


def listening_addresses(pids):
    import socket

    inodes = set()
    for pid in pids:
        inodes |= {link[8:-1] for link in links_of(pid) if link.startswith("socket:")}
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                raw = bytes.fromhex(fields[1].split(":")[0])
                found.add(socket.inet_ntoa(raw[::-1]) if len(raw) == 4 else "IPv6")
    return found


def test_up_twice_down_twice_and_the_kubeconfig_is_as_before(box):
    box.kubeconfig.write_text("contexts: [{name: mine, context: {cluster: c, user: u}}]\ncurrent-context: mine\n")
    before = box.kubeconfig.read_text()
    box.run("up", "--nodes", "1")
    assert "SIMULATED" in box.stderr
    assert box.kubectl("config", "current-context").strip() == "fogflow-sandbox"
    first = box.pids()
    box.run("up", "--nodes", "1")
    assert "already running" in box.stderr
    assert box.pids() == first
    assert box.run("kubeconfig").strip() == str(box.state / "sandboxes" / "default" / "kubeconfig")
    box.run("down")
    assert not any(running(pid) for pid in first.values())
    assert not (box.state / "sandboxes" / "default").exists()
    box.run("down")
    assert "nothing to do" in box.stderr
    assert box.status()["state"] == "absent"
    assert "mine" in before
    assert "current-context: mine" in box.kubeconfig.read_text()
    assert "fogflow-sandbox" not in box.kubeconfig.read_text()
    box.run("kubeconfig", code=41)


def test_a_dead_api_server_is_told_and_mended_with_its_objects(box):
    box.run("up", "--nodes", "1", "--no-control-plane-node")
    box.kubectl("create", "configmap", "kept")
    os.kill(box.pids()["apiserver"], signal.SIGKILL)
    until(lambda: not box.status()["daemons"]["apiserver"], "it is seen dead")
    assert box.status()["state"] == "degraded"
    box.run("up", "--nodes", "1", "--no-control-plane-node")
    assert "apiserver died" in box.stderr
    assert box.status()["state"] == "running"
    box.kubectl("get", "configmap", "kept")


def test_a_dead_kwok_is_replaced_and_plays_on(box):
    box.run("up", "--nodes", "1", "--no-control-plane-node")
    os.kill(box.pids()["kwok"], signal.SIGKILL)
    until(lambda: not box.status()["daemons"]["kwok"], "it is seen dead")
    box.run("up", "--nodes", "1", "--no-control-plane-node")
    box.kubectl("create", "-f", "-", stdin=pod("after"))
    until(lambda: condition(box.get("pod", "after")["status"], "Ready") == "True", "it runs")


def test_when_everything_was_killed_down_cleans_and_up_starts_anew(box):
    box.run("up", "--nodes", "1")
    for pid in box.pids().values():
        os.kill(pid, signal.SIGKILL)
    until(lambda: box.status()["state"] == "stopped", "all dead")
    box.run("up", "--nodes", "1")
    assert "removing what is left" in box.stderr
    assert box.status()["state"] == "running"
    for pid in box.pids().values():
        os.kill(pid, signal.SIGKILL)
    box.run("down")
    assert not box.kubeconfig.exists()
    assert box.status()["state"] == "absent"


@only_all
def test_two_side_by_side_do_not_touch_each_other(box):
    box.run("up", "--nodes", "1")
    box.run("up", "--nodes", "2", "--name", "other", "--no-switch")
    assert box.kubectl("config", "current-context").strip() == "fogflow-sandbox"
    assert (
        len(json.loads(box.kubectl("--context", "fogflow-sandbox-other", "get", "nodes", "-o", "json"))["items"]) == 2
    )
    others = box.pids("other")
    box.run("down")
    assert all(running(pid) for pid in others.values())
    assert box.status("other")["state"] == "running"
    box.run("down", "--name", "other")
    assert not any(running(pid) for pid in others.values())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_leaves_nothing(box, number):
    process = subprocess.Popen([*TOOL, "up"], env=box.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: (box.state / "sandboxes" / "default" / "state.json").exists() and box.pids(), "it has begun")
    begun = until(lambda: [p for p in box.pids().values() if p], "processes")
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert not any(running(pid) for pid in begun)
    assert not (box.state / "sandboxes" / "default").exists()
    assert not box.kubeconfig.exists()


def test_a_killed_up_is_cleared_away_by_down(box):
    process = subprocess.Popen([*TOOL, "up"], env=box.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: (box.state / "sandboxes" / "default" / "state.json").exists() and any(box.pids().values()), "begun")
    process.kill()
    process.communicate(timeout=60)
    folder = str(box.state / "sandboxes" / "default")
    box.run("down")
    left = [p for p in Path("/proc").iterdir() if p.name.isdecimal() and folder in _cmdline(p)]
    assert not left


def _cmdline(process):
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def test_wrong_words_are_refused_before_anything_starts(box):
    box.run("up", "--taint", "nowhere=a:NoSchedule", code=2)
    box.run("up", "--nodes", "0", code=2)
    box.run("up", "--name", "Bad Name", code=2)
    box.kubeconfig.write_text("- no kubeconfig")
    box.run("up", code=2)
    assert not (box.state / "sandboxes").exists() or not list((box.state / "sandboxes").glob("[a-z]*"))
    box.kubeconfig.unlink()
