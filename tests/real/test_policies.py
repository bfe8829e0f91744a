"""FogFlow under its network policies, enforced on every node: what must not connect does not, and FogFlow works and heals.

The verdicts are cyclonus's, for the pods that are really there; tests/policies/enforce.py puts them into an nftables table
on every node. The tables stand before the release is installed and until it is gone, and are renewed as pods come and go.
"""

import contextlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.policies.design import UNUSED, Opened, allows
from tests.policies.enforce import Guard
from tests.policies.judge import Judge, Peer
from tests.real import cell as cells
from tests.real.conftest import released, until

BUDGET_S = 150
NAMESPACE, ELSEWHERE = "policies", "policies-elsewhere"
PORTS = (53, 443, 6443, 1030, 1060, 5672, 8010, 8070, 8080, 8090, 8095, 10250, 15692)
SAMPLE_S, PATIENT_S = 1.5, 6.0
_RAW = cells.raw  # from this machine's network
_CONNECT = """
import errno, json, select, socket, sys, time
targets, seconds = json.load(sys.stdin)
poll, waiting, reached = select.poll(), {}, []
for place, (address, port) in enumerate(targets):
    one = socket.socket()
    one.setblocking(False)
    said = one.connect_ex((address, port))
    if said == errno.EINPROGRESS:
        poll.register(one, select.POLLOUT)
        waiting[one.fileno()] = place, one
    elif said in (0, errno.ECONNREFUSED):
        reached.append(place)
end = time.monotonic() + seconds
while waiting and (left := end - time.monotonic()) > 0:
    for number, _ in poll.poll(left * 1000):
        poll.unregister(number)
        place, one = waiting.pop(number)
        if one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in (0, errno.ECONNREFUSED):
            reached.append(place)
        one.close()
json.dump(reached, sys.stdout)
"""
"""Which of the targets answer at all: a refusal by a pod where nobody listens has passed every table."""
_FETCH = """
import sys, urllib.request
method, url, seconds = sys.argv[1:]
request = urllib.request.Request(url, sys.stdin.buffer.read() or None, {"Content-Type": "application/json"}, method=method)
with urllib.request.urlopen(request, timeout=float(seconds)) as answer:
    sys.stdout.buffer.write(answer.read())
"""


def inside(pod, script, *words, stdin=""):
    """Run Python in a pod's network, with this machine's files."""
    found = cells.processes(pod)
    if not found:
        raise OSError(f"{pod['metadata']['name']} does not run")
    argv = ["nsenter", "-t", str(found[0]), "-n", sys.executable, "-I", "-S", "-c", script, *map(str, words)]
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise OSError(done.stderr[-300:])
    return done.stdout


def reached(pod, targets, seconds=SAMPLE_S):
    """Of (address, port) those that answer a connection from a pod's network; from this machine's when there is none."""
    question = json.dumps([targets, seconds])
    if pod is None:
        argv = [sys.executable, "-I", "-S", "-c", _CONNECT]
        answer = subprocess.run(argv, input=question, capture_output=True, text=True, timeout=60, check=True).stdout
    else:
        answer = inside(pod, _CONNECT, stdin=question)
    return {targets[place] for place in json.loads(answer)}


def everywhere(box):
    """All pods of the cluster by namespace/name."""
    return {f"{pod['metadata']['namespace']}/{pod['metadata']['name']}": pod for pod in box.get("pods", "-A")["items"]}


class Scene:
    """The release, two strangers, and the tables."""

    def __init__(self, box, guard):
        self.box, self.guard = box, guard
        self.host = guard.outside[0]

    def raw(self, url, method="GET", data=None, timeout=5):
        """As cell.raw, from the keeper's network: it may ask every member, and this machine may not."""
        keeper = self.cell.pods("keeper")[0]
        return inside(keeper, _FETCH, method, url, timeout, stdin=(data or b"").decode())

    def flows(self):
        """(source, destination, port) between all that is there, but what nobody could answer."""
        ends = [*self.guard.pods, self.host]
        ports = {UNUSED, *PORTS, *(number for pod in self.guard.pods for _, number, _ in pod.ports)}
        pairs = [(a, b) for a in ends for b in [*ends, *self.guard.outside[1:]] if a.address != b.address]
        return [(a, b, port) for a, b in pairs for port in sorted(ports) if a.namespace or b.namespace]

    def tried(self, flows):
        """Of these flows, those that pass. What should and does not is tried again with patience."""
        items = everywhere(self.box)

        def from_one(source, seconds, mine):
            found = reached(items.get(source.key), [(b.address, port) for _, b, port in mine], seconds)
            return {flow for flow in mine if (flow[1].address, flow[2]) in found}

        passed = set()
        for seconds in (SAMPLE_S, PATIENT_S):
            left = [flow for flow in flows if flow not in passed]
            if seconds == PATIENT_S:
                left = [flow for flow in left if (*flow, "TCP") in self.guard.allowed]
            sources = {flow[0] for flow in left}
            with ThreadPoolExecutor(16) as pool:
                jobs = [pool.submit(from_one, a, seconds, [f for f in left if f[0] is a]) for a in sources]
                passed |= set().union(*(job.result() for job in jobs))
        return passed


def stranger(namespace, node):
    """A pod that has no business with FogFlow, on a node with some of its parts."""
    user = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    container = {
        "name": "c", "image": "busybox:1", "command": ["sleep", "10000"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }  # fmt: skip
    meta = {"name": f"stranger-{node}", "namespace": namespace, "labels": {"app": "stranger"}}
    spec = {"containers": [container], "securityContext": user, "nodeName": node, "terminationGracePeriodSeconds": 0}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def placed(scene):
    """A Cell that the scene knows, whose subscriber's port is in the tables before anybody notifies it."""

    class Placed(cells.Cell):
        def populate(self):
            scene.cell = self
            scene.guard.ports = (*PORTS, self.subscriber.server.server_address[1])
            scene.guard.again()
            super().populate()

    return Placed


@contextlib.contextmanager
def strangers(scene):
    """One in the release's namespace and one elsewhere, on two nodes; the tables know them."""
    pods = [stranger(NAMESPACE, "sandbox-worker"), stranger(ELSEWHERE, "sandbox-worker2")]
    scene.box.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": pods}))
    for pod in pods:
        words = ("-n", pod["metadata"]["namespace"], f"pod/{pod['metadata']['name']}")
        scene.box.kubectl("wait", "--for=condition=Ready", "--timeout=60s", *words)
    until(lambda: sum(pod.role == "stranger" for pod in scene.guard.pods) == len(pods), "the tables know them")
    yield
    scene.box.kubectl("-n", NAMESPACE, "delete", "pod", "-l", "app=stranger")


@pytest.fixture(scope="module")
def scene(box):
    network = f"10.89.{box.state['network']}"
    nodes = [f"{network}.{10 + place}" for place in range(len(box.state["nodes"]))]
    outside = [Peer(address, "outside", address) for address in (f"{network}.1", *nodes)]
    # the way to the API server is narrowed by `deploy` itself
    options = ["--external-ip", nodes[1], "--set", f"networkPolicy.subscribers.cidrs[0]={network}.1/32"]
    judge = Judge()
    box.kubectl("create", "namespace", ELSEWHERE)
    try:
        with pytest.MonkeyPatch.context() as patch, Guard(box, judge, outside, PORTS) as guard:
            it = Scene(box, guard)
            patch.setattr(cells, "raw", it.raw)
            patch.setattr(cells, "Cell", placed(it))
            with released(box, NAMESPACE, *options), strangers(it):
                yield it
    finally:
        box.kubectl("delete", "namespace", ELSEWHERE)


def differing(scene, expected, got):
    """The flows with another outcome, one line each, with the nodes of both ends."""
    where = {key: pod["spec"].get("nodeName") for key, pod in everywhere(scene.box).items()}
    return [
        f"{a.name} ({where.get(a.key)}) -> {b.name} ({where.get(b.key)}) TCP {port}: "
        + ("expected to pass, did not" if (a, b, port) in expected else "passed")
        for a, b, port in sorted(expected ^ got, key=str)
    ]


def test_the_judge_says_of_these_pods_what_the_design_says(scene):
    """The same comparison as in the chart's tests, for pods as Kubernetes made them."""
    pods = [pod for pod in scene.guard.pods if pod.namespace.startswith(NAMESPACE) or pod.role == "dns"]
    roles = {pod.role for pod in pods}
    assert roles == {
        "rabbitmq", "discovery", "cloud-broker", "master", "cloud-worker", "designer", "nginx", "keeper", "task", "dns", "stranger",
    }  # fmt: skip
    opened = Opened(exposed=True, subscribers=True, apiserver=True)
    asked = [flow for flow in scene.flows() if flow[0] in pods and flow[1] in pods]
    wrong = [
        flow
        for flow in asked
        if allows(opened, flow[0].role, flow[1].role, flow[2], "TCP") != ((*flow, "TCP") in scene.guard.allowed)
    ]
    assert not wrong, [(a.name, b.name, port) for a, b, port in wrong[:20]]


def test_without_the_tables_everybody_is_reached(scene):
    """So what does not connect in the next tests is the tables' doing."""
    flows = scene.flows()
    with scene.guard.away():
        assert differing(scene, set(flows), scene.tried(flows)) == []


def test_every_pair_connects_or_not_as_the_judge_says(scene):
    """Every pod and this machine, to every pod, node and this machine, at every port that anybody has and one more."""
    flows, loads = scene.flows(), scene.guard.loads
    expected = {flow for flow in flows if (*flow, "TCP") in scene.guard.allowed}
    wrong = differing(scene, expected, scene.tried(flows))
    assert scene.guard.loads == loads, "pods came or went meanwhile"
    assert not wrong, f"{len(wrong)} of {len(flows)}:\n" + "\n".join(wrong[:40])
    nodes = {key: pod["spec"]["nodeName"] for key, pod in everywhere(scene.box).items()}
    kinds = {
        (flow in expected, nodes[flow[0].key] == nodes[flow[1].key])
        for flow in flows
        if flow[0].namespace and flow[1].namespace
    }
    assert len(kinds) == 4, "both verdicts, within a node and between two"
    print(f"{len(flows)} connections tried, {len(expected)} of them allowed")


def test_a_service_takes_whom_its_pods_take(scene):
    """kube-proxy has put a pod's address in before the table looks."""
    by_port = {}
    for service in scene.cell.get("services")["items"]:
        pods = [pod for pod in scene.guard.pods if pod.role == service["spec"]["selector"]["app.kubernetes.io/name"]]
        for port in service["spec"]["ports"]:
            number = next(n for name, n, _ in pods[0].ports if name == port["targetPort"])
            by_port[service["spec"]["clusterIP"], port["port"]] = pods, number
    items = everywhere(scene.box)

    def verdicts(source):
        asked = {target: ends for target, ends in by_port.items() if source not in ends[0]}
        expected = {t for t, (pods, port) in asked.items() if (source, pods[0], port, "TCP") in scene.guard.allowed}
        got = reached(items[source.key], list(asked), SAMPLE_S)
        got |= reached(items[source.key], list(expected - got), PATIENT_S)
        assert got == expected, source.name
        return {target in expected for target in asked}

    with ThreadPoolExecutor(16) as pool:
        assert set().union(*pool.map(verdicts, scene.guard.pods)) == {True, False}


def test_fogflow_works(scene):
    """Values from outside through three tasks and out again; what the tool proves; the front door from this machine."""
    assert scene.cell.ails() == ""
    scene.box.tool("verify", "-n", NAMESPACE)
    assert "html" in _RAW(f"http://{scene.guard.outside[2].address}/index.html").lower()
    with pytest.raises(OSError, match="timed out"):
        _RAW(scene.cell.url("designer", 8080, "/config.js"), timeout=SAMPLE_S)


def test_a_changed_policy_changes_what_connects(scene):
    """The same front door, with no way in and with one: the tables follow the policies."""
    door = next((pod.address, 8080) for pod in scene.guard.pods if pod.role == "nginx")
    ingress = scene.cell.get("networkpolicy", "nginx")["spec"]["ingress"]
    for operation, passes in (({"op": "remove"}, set()), ({"op": "add", "value": ingress}, {door})):
        patch = json.dumps([operation | {"path": "/spec/ingress"}])
        scene.box.kubectl("-n", NAMESPACE, "patch", "networkpolicy", "nginx", "--type=json", "-p", patch)
        until(lambda passes=passes: reached(None, [door]) == passes, f"after {operation['op']}")


def test_everything_starts_anew_and_works(scene):
    """Every pod of the release at once: gates, names, the bus and what the keeper kept, all through the tables."""
    before = {pod.key for pod in scene.guard.pods if pod.namespace == NAMESPACE and pod.role != "stranger"}
    scene.box.kubectl("-n", NAMESPACE, "delete", "pod", "-l", "app.kubernetes.io/part-of=fogflow", "--wait=false")
    until(lambda: not before & {pod.key for pod in scene.guard.pods}, "the old pods have gone")
    scene.cell.recover()
