"""The sandbox with real nodes: containers, networks, images, power cuts; and nothing is left of it afterwards."""

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from fogflow_k8s.sandbox.network import Network
from tests.documents import parse
from tests.real.conftest import NAME, Box, starting, until
from tests.real.deployed import is_ready
from tests.real.figures import record_in_all
from tests.scope import ALL, only_all

BUDGET_S = 120


def traces(state):
    """What the sandbox with that record has on this machine, outside its own folder."""
    net = Network(state["network"])
    group = f"fogflow-k8s-{state['name']}-{state['network']}"
    routes = {route["dst"] for route in json.loads(run("ip", "-json", "-4", "route"))}
    links = {link["ifname"] for link in json.loads(run("ip", "-json", "link"))}
    mounts = [
        line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"/sandboxes/{state['name']}/" in line
    ]
    rules = [line for line in firewall().splitlines() if any(each in line for each in (net.link, *net.subnets()))]
    inside = [entry.name for entry in Path("/proc").iterdir() if entry.name.isdecimal() and group in _groups_of(entry)]
    found = {
        "cgroups": [str(path) for way in ("*/", "") for path in Path("/sys/fs/cgroup").glob(f"{way}{group}")],
        "links": links & {net.link}, "routes": routes & set(net.subnets()), "mounts": mounts, "firewall": rules, "processes": inside,
    }  # fmt: skip
    return {kind: some for kind, some in found.items() if some}


def _groups_of(entry):
    try:
        return (entry / "cgroup").read_text()
    except OSError:
        return ""


def firewall():
    return run("nft", "list", "ruleset") if Path("/usr/sbin/nft").exists() else ""


def everything():
    """What any sandbox could leave: for a run in which nothing else makes such things."""
    ours = ("fogflow", "sandbox", "kube")
    cgroups = {str(path) for way in ("*/", "") for path in Path("/sys/fs/cgroup").glob(f"{way}fogflow-k8s-*")}
    links = {link["ifname"] for link in json.loads(run("ip", "-json", "link"))}
    routes = {route["dst"] for route in json.loads(run("ip", "-json", "-4", "route"))}
    spaces = run("lsns", "-n", "-o", "NS,PID").splitlines()
    namespaces = {
        space for space, pid in map(str.split, spaces) if f"/fogflow-k8s-{NAME}-" not in _groups_of(Path("/proc", pid))
    }
    mounts = {line for line in Path("/proc/self/mountinfo").read_text().splitlines() if any(o in line for o in ours)}
    return cgroups, links, routes, namespaces, firewall(), mounts


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def processes(folder):
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and str(folder) in (entry / "cmdline").read_bytes().decode(errors="replace"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.fixture
def own(home):
    """A sandbox of the test's own; the machine afterwards is as before."""
    before, it = everything() if ALL else None, Box(home, "own")
    yield it
    state = it.state
    assert traces(state).keys() >= {"cgroups", "links", "routes", "processes"}, "what it has is seen"
    with starting():  # nobody takes its network while we look
        it.sandbox("down")
        assert processes(it.folder) == []
        # the kernel takes a moment for the last process of a namespace
        until(lambda: not traces(state), f"nothing is left: {traces(state)}")
        if ALL:
            until(lambda: everything() == before, "all is as before")


@pytest.fixture(scope="module")
def pods(box):
    """Two pods that serve their name, on two nodes, a Service before them, and a client."""
    items = list(objects(box.state["network"]))
    box.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    for name in ("web-0", "web-1", "client"):
        box.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=90s")
    yield {pod["metadata"]["name"]: pod for pod in box.get("pods")["items"]}
    box.kubectl("delete", "pod,service", "--all", "--grace-period=0", "--force", check=False)


def objects(network):
    serve = "mkdir -p /tmp/w; hostname > /tmp/w/index.html; exec httpd -f -p 8080 -h /tmp/w"
    for number, node in enumerate(("sandbox-worker", "sandbox-worker2")):
        web = container(["sh", "-c", serve])
        web["ports"] = [{"containerPort": 8080, "hostPort": 18080}]
        yield pod(f"web-{number}", web, nodeName=node, labels={"app": "web"})
    yield pod("client", container(["sleep", "10000"]), nodeName="sandbox-worker")
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080, "nodePort": 30080}], "type": "NodePort",
            "externalIPs": [f"10.90.{network}.7"]}  # fmt: skip
    yield {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}


def container(command, image="busybox:1"):
    return {"name": "c", "image": image, "command": command}


def pod(name, *containers, labels=None, **spec):
    meta = {"name": name, "namespace": "default", "labels": labels or {}}
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": meta,
        "spec": {"containers": list(containers), "terminationGracePeriodSeconds": 1, **spec},
    }  # fmt: skip


def fetch(box, url):
    return box.kubectl("exec", "client", "--", "timeout", "5", "wget", "-q", "-O-", url).strip()


def test_pods_reach_each_other_services_and_the_api_server(box, pods):
    for name in ("web-0", "web-1"):
        assert fetch(box, f"http://{pods[name]['status']['podIP']}:8080/") == name
    answers = {fetch(box, "http://web.default.svc.cluster.local/") for _ in range(20)}
    assert answers == {"web-0", "web-1"}, "the Service balances"
    assert "10." in box.kubectl("exec", "client", "--", "nslookup", "kubernetes.default.svc.cluster.local")
    assert fetch(box, f"http://{pods['web-1']['status']['hostIP']}:18080/") == "web-1", "hostPort"


def test_this_machine_reaches_pods_node_ports_and_external_addresses(box, pods):
    import urllib.request

    number = box.state["network"]
    for url in (
        f"http://{pods['web-0']['status']['podIP']}:8080/",
        f"http://10.89.{number}.11:30080/",
        f"http://10.89.{number}.12:30080/",
        f"http://10.90.{number}.7/",
    ):
        assert urllib.request.urlopen(url, timeout=10).read().startswith(b"web-"), url


@pytest.mark.usefixtures("pods")
def test_exec_logs_and_port_forward(box):
    assert box.kubectl("exec", "web-0", "--", "hostname").strip() == "web-0"
    box.kubectl("logs", "web-0")
    forward = subprocess.Popen([box.kubectl_path, "port-forward", "pod/web-1", ":8080"], env=box.env,
                               stdout=subprocess.PIPE, text=True)  # fmt: skip
    try:
        port = int(forward.stdout.readline().split(":")[1].split()[0])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert b"web-1" in b"".join(iter(lambda: connection.recv(4096), b""))
    finally:
        forward.kill()
        forward.communicate()


def test_an_absent_image_is_an_image_pull_back_off(box):
    box.kubectl("apply", "-f", "-", stdin=json.dumps(pod("absent", container(["true"], "docker.io/nobody/nothing:1"))))

    def reason():
        statuses = box.get("pod", "absent")["status"].get("containerStatuses", [])
        return any(s["state"].get("waiting", {}).get("reason") == "ImagePullBackOff" for s in statuses)

    until(reason, "ImagePullBackOff")
    box.kubectl("delete", "pod", "absent", "--wait=false")


def test_an_out_of_memory_kill_is_one(box):
    hog = container(["sh", "-c", "x=a; while true; do x=$x$x; done"])
    hog["resources"] = {"limits": {"memory": "20Mi"}}
    box.kubectl("apply", "-f", "-", stdin=json.dumps(pod("hog", hog, restartPolicy="Never")))

    def killed():
        statuses = box.get("pod", "hog")["status"].get("containerStatuses", [])
        return any(s["state"].get("terminated", {}).get("reason") == "OOMKilled" for s in statuses)

    until(killed, "OOMKilled")
    box.kubectl("delete", "pod", "hog", "--wait=false")


@only_all  # tests/real/test_nodes.py cuts the power of a node that FogFlow runs on
def test_a_node_loses_its_power_and_gets_it_back(own):
    start = time.monotonic()
    own.up("--nodes", "3")
    record_in_all("sandbox", "up, 3 real nodes, warm", time.monotonic() - start, bar=15)

    def ready():
        return {n["metadata"]["name"] for n in own.get("nodes")["items"] if is_ready(n)}

    assert len(ready()) == 3
    own.sandbox("node stop", "sandbox-worker2")
    start = time.monotonic()
    until(lambda: "sandbox-worker2" not in ready(), "it is seen lost")
    record_in_all("sandbox", "a node without power is NotReady", time.monotonic() - start)
    assert "off" in own.sandbox("status")
    own.sandbox("node stop", "sandbox-worker2", code=2)
    own.sandbox("node start", "sandbox-worker2")
    until(lambda: "sandbox-worker2" in ready(), "it is back")


@only_all
def test_one_of_three_control_planes_may_go(own):
    own.up("--nodes", "4", "--control-planes", "3")
    own.sandbox("node stop", "sandbox-control-plane")
    start = time.monotonic()
    # a write that was on its way to the lost etcd may fail once; reading never does
    until(lambda: own.kubectl("create", "configmap", "probe", check=False), "writing works")
    record_in_all("sandbox", "writing works after one of three control planes was lost", time.monotonic() - start)
    for number in range(20):
        assert own.get("nodes")["items"]
        own.kubectl("create", "configmap", f"probe-{number}")


def test_two_side_by_side_and_one_killed_outright(own, home):
    other = Box(home, "other")
    own.up("--nodes", "1")
    other.up("--nodes", "1")
    try:
        assert own.state["network"] != other.state["network"]
        state = other.state
        for each in [*state["daemons"].values(), *state["machines"].values()]:
            os.kill(each["pid"], signal.SIGKILL)
        assert parse(own.sandbox("status", "-o", "json"))["state"] == "running"
    finally:
        other.sandbox("down")
    assert processes(other.folder) == []
    assert parse(own.sandbox("status", "-o", "json"))["state"] == "running"


def test_what_is_no_image_is_refused(box, tmp_path):
    (tmp_path / "x.tar").write_text("no archive")
    box.sandbox("load", tmp_path / "x.tar", code=2)
    assert "not an image archive" in box.stderr
    box.sandbox("load", tmp_path / "absent.tar", code=2)
