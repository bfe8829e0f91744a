"""A release under its network policies, enforced on every node, with strangers beside it, and who reaches whom there.

The verdicts are cyclonus's, for the pods that are really there; tests/policies/enforce.py puts them into an nftables table
on every node. The tables stand before the release is installed and until it is gone, and are renewed as pods come and go.
"""

import contextlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.policies.design import UNUSED
from tests.policies.enforce import Guard
from tests.policies.judge import Judge, Peer
from tests.real import deployed
from tests.real.conftest import released, until

PORTS = (53, 443, 6443, 1030, 1060, 5672, 8010, 8070, 8080, 8090, 8095, 10250, 15692)
SAMPLE_S, PATIENT_S = 1.5, 6.0
RAW = deployed.raw  # from this machine's network
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
import json, sys, urllib.request
method, url, seconds, headers = sys.argv[1:]
headers = {"Content-Type": "application/json", **json.loads(headers)}
request = urllib.request.Request(url, sys.stdin.buffer.read() or None, headers, method=method)
with urllib.request.urlopen(request, timeout=float(seconds)) as answer:
    sys.stdout.buffer.write(answer.read())
"""


def inside(pod, script, *words, stdin=""):
    """Run Python in a pod's network, with this machine's files."""
    found = deployed.processes(pod)
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

    def __init__(self, box, namespace, guard):
        self.box, self.namespace, self.guard = box, namespace, guard
        self.host = guard.outside[0]

    def raw(self, url, method="GET", data=None, timeout=5, headers=None):
        """As FogFlow.raw, from the keeper's network: it may ask every member, and this machine may not."""
        keeper = self.fogflow.pods("keeper")[0]
        words = (method, url, timeout, json.dumps(headers or {}))
        return inside(keeper, _FETCH, *words, stdin=(data or b"").decode())

    def flows(self):
        """(source, destination, port) between all that is there, but what nobody could answer."""
        ends = [*self.guard.pods, self.host]
        ports = {UNUSED, *self.guard.ports, *(number for pod in self.guard.pods for _, number, _ in pod.ports)}
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
    """A FogFlow that the scene knows, whose subscriber's port is in the tables before anybody notifies it."""

    class Placed(deployed.FogFlow):
        def populate(self):
            scene.fogflow = self
            scene.guard.ports = (*scene.guard.ports, self.subscriber.server.server_address[1])
            scene.guard.again()
            super().populate()

    return Placed


@contextlib.contextmanager
def strangers(scene):
    """One in the release's namespace and one elsewhere, on two nodes; the tables know them."""
    here = scene.namespace
    pods = [stranger(here, "sandbox-worker"), stranger(elsewhere(here), "sandbox-worker2")]
    scene.box.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": pods}))
    for pod in pods:
        words = ("-n", pod["metadata"]["namespace"], f"pod/{pod['metadata']['name']}")
        scene.box.kubectl("wait", "--for=condition=Ready", "--timeout=60s", *words)
    until(lambda: sum(pod.role == "stranger" for pod in scene.guard.pods) == len(pods), "the tables know them")
    yield
    scene.box.kubectl("-n", here, "delete", "pod", "-l", "app=stranger")


def elsewhere(namespace):
    """The namespace of the stranger that is not the release's neighbour."""
    return f"{namespace}-elsewhere"


@contextlib.contextmanager
def policed(box, namespace, *options, ports=PORTS):
    """A release that works, under its policies; `ports` are asked about beside those that pods tell of."""
    nodes = [box.net.node(place) for place in range(len(box.state["nodes"]))]
    outside = [Peer(address, "outside", address) for address in (box.net.host, *nodes)]
    # the way to the API server is narrowed by `deploy` itself
    words = ["--external-ip", nodes[1], "--set", f"networkPolicy.subscribers.cidrs[0]={box.net.host}/32", *options]
    judge = Judge()
    box.kubectl("create", "namespace", elsewhere(namespace))
    try:
        with pytest.MonkeyPatch.context() as patch, Guard(box, judge, outside, ports) as guard:
            it = Scene(box, namespace, guard)
            patch.setattr(deployed, "raw", it.raw)
            patch.setattr(deployed, "FogFlow", placed(it))
            with released(box, namespace, *words), strangers(it):
                yield it
    finally:
        box.kubectl("delete", "namespace", elsewhere(namespace))


def differing(scene, expected, got):
    """The flows with another outcome, one line each, with the nodes of both ends."""
    where = {key: pod["spec"].get("nodeName") for key, pod in everywhere(scene.box).items()}
    return [
        f"{a.name} ({where.get(a.key)}) -> {b.name} ({where.get(b.key)}) TCP {port}: "
        + ("expected to pass, did not" if (a, b, port) in expected else "passed")
        for a, b, port in sorted(expected ^ got, key=str)
    ]
