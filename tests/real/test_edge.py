"""An edge joins a cloud: two clusters with a router between them, real RabbitMQ; and what a bad link does to it.

The fake master gives a task to any worker with room: the cloud's worker has room for one, the edge's for two, so of three
tasks two run at the edge.
"""

import contextlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fogflow_k8s.adapters.fogflow.amqp import AmqpError, LoginRefused, Session
from fogflow_k8s.model.edge.token import decode, mark_of
from tests.documents import parse
from tests.real import deployed, images
from tests.real.conftest import Box, until
from tests.real.figures import record_in_all
from tests.scope import only_all

BUDGET_S = 220

NAMESPACE = "fogflow"
SITE = "002"
CUTS_S = (30, 300)


def forwarding(box, on):
    """Whether this machine, the router between the two, passes on what comes from a sandbox."""
    Path(f"/proc/sys/net/ipv4/conf/fogflow{box.state['network']}/forwarding").write_text("1" if on else "0")


@pytest.fixture(scope="module")
def boxes(home):
    """Two clusters of one node each, in networks of their own; what routes them ends with their links."""
    if os.geteuid() != 0:
        pytest.skip("real nodes need root")
    both = Box(home / "at-cloud", "cloud"), Box(home / "at-edge", "edge")
    loaded = ((), ("broker", "worker", "operator", "python", images.OURS))
    try:
        for box, names in zip(both, loaded, strict=True):
            box.home.mkdir(parents=True, exist_ok=True)
            box.up("--nodes", "1")
            box.load(*names)
            forwarding(box, on=True)
        yield both
    finally:
        for box in both:
            box.sandbox("down", code=None)


class Pair:
    """The cloud's release and the edge's, with one function."""

    def __init__(self, cloud, edge):
        self.cloud, self.edge, self.queue = cloud, edge, f"Worker.{SITE}"
        self.address = f"10.90.{cloud.state['network']}.5"
        self.edge_address = f"10.89.{edge.state['network']}.10"
        net = edge.state["network"]
        cidrs = f"10.89.{net}.0/24,10.{128 + net}.0.0/16,10.89.{cloud.state['network']}.1/32"
        self.options = [
            "--set", "config.worker.capacity=1", "--set", "expose.edge.type=externalIPs",
            "--set", f"expose.edge.externalIPs={{{self.address}}}", "--set", f"networkPolicy.edges.cidrs={{{cidrs}}}",
        ]  # fmt: skip

    def token(self, *more):
        return self.cloud.tool("edge", "token", "create", "--site", SITE, *more)

    def listed(self):
        """The row of the edge at the cloud."""
        edges = parse(self.cloud.tool("edge", "list", "-o", "json"))["edges"]
        return next((edge for edge in edges if edge["site"] == SITE), None)

    def seen(self):
        """Whether discovery and master at the cloud list the edge; asked without our tool."""
        try:
            brokers = deployed.call("GET", self.fogflow.url("discovery", 8090, "/ngsi9/broker"))
            workers = deployed.call("GET", self.fogflow.url("master", 8010, "/workers"))
        except (OSError, ValueError):
            return False
        consumes = self.fogflow.consumers().get(self.queue, 0) == 1
        return f"Broker.{SITE}" in brokers and f"Worker.{SITE}" in workers and consumes

    def back(self, what, start):
        """Until the cloud sees both halves again, and data comes through; noted as a figure."""

        def well():
            with contextlib.suppress(OSError):
                return self.seen()

        until(well, what, 300, 0.5)
        until(self.round_trip, f"{what}: data comes through", every=1)
        record_in_all("edge", what, time.monotonic() - start)

    def round_trip(self):
        told = self.edge.tool("edge", "check", "-o", "json", code=None)
        done = parse(told) if told else {}
        return done.get("inbound") and done.get("outbound")

    def tasks(self, box):
        return len(self.task_pods(box))

    def task_pods(self, box):
        """The uids of those that are ready and stay."""
        pods = box.get("pods", "-n", f"{NAMESPACE}-tasks")["items"]
        return {p["metadata"]["uid"] for p in pods if deployed.is_ready(p) and "deletionTimestamp" not in p["metadata"]}

    @contextlib.contextmanager
    def cut(self, seconds):
        """The link, for so long; what is in the block is looked at just before it returns."""
        for box in (self.cloud, self.edge):
            forwarding(box, on=False)
        try:
            time.sleep(seconds)
            yield
        finally:
            for box in (self.cloud, self.edge):
                forwarding(box, on=True)


@pytest.fixture(scope="module")
def pair(boxes):
    it = Pair(*boxes)
    it.cloud.tool("deploy", *it.options)
    it.subscriber = deployed.Subscriber(f"10.89.{it.cloud.state['network']}.1")
    it.fogflow = deployed.FogFlow(it.cloud, NAMESPACE, it.subscriber)
    yield it
    it.subscriber.close()


def pasted(box, text, code=0):
    """The printed command, as it is pasted into a shell at the edge."""
    env = {**box.env, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", text], env=env, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_join_by_the_pasted_command(pair):
    printed = pair.token()
    assert "contains a password" in pair.cloud.stderr
    one = decode(re.search(r"fke1\.\S+", printed)[0])
    assert pair.listed()["tokenState"] == "open"
    with Session(pair.address, 5672, one.user, one.password, timeout_s=10) as session:
        assert session.consumers(f"Worker.{SITE}") is None
        session.claim(mark_of(SITE, "00"))
        for foreign in ("Worker.001x", "Master.001", mark_of("003", "00")):
            with pytest.raises(AmqpError, match="ACCESS_REFUSED"):
                session.claim(foreign)
    with pytest.raises(LoginRefused):
        Session(pair.address, 5672, one.user, "another", timeout_s=10)

    start = time.monotonic()
    said = pasted(pair.edge, printed)
    record_in_all("edge", "from the pasted command to both halves seen by the cloud", time.monotonic() - start, bar=30)
    assert f"Site {SITE} has joined" in said
    assert one.password not in said
    until(pair.seen, "the cloud lists the edge")
    row = pair.listed()
    assert (row["tokenState"], row["brokerListed"], row["workerListed"]) == ("joined", True, True)
    assert row["url"].startswith(f"http://{pair.edge_address}:8060")


def test_the_way_there_and_back_is_proved(pair):
    proof = parse(pair.edge.tool("edge", "check", "-o", "json"))
    assert (proof["inbound"], proof["outbound"], proof["summary"].split(":")[0]) == (True, True, "direct")


def test_the_same_token_again_elsewhere_and_here(pair):
    pair.cloud.tool("edge", "token", "create", "--site", SITE, code=10)
    assert "FK-6107" in pair.cloud.stderr


@only_all
def test_tasks_run_at_the_edge_and_their_results_are_seen_in_the_cloud(pair):
    deployed.call("POST", pair.fogflow.url("nginx", 80, "/fogfunction"), deployed.FUNCTION)
    body = {"entities": [{"type": "Count", "isPattern": True, "id": ".*"}], "reference": pair.subscriber.url}
    deployed.call("POST", pair.fogflow.url("nginx", 80, "/ngsi10/subscribeContext"), body)
    for device in deployed.DEVICES:
        pair.fogflow.update(device, 1)
        time.sleep(2)
    # the master takes any worker with room: all of them may be at the edge, not all at the cloud, which has room for one
    until(lambda: pair.tasks(pair.cloud) + pair.tasks(pair.edge) == len(deployed.DEVICES), "every task runs")
    assert pair.tasks(pair.edge) > 0
    for device in deployed.DEVICES:
        pair.fogflow.update(device, 2)

    def counted():
        """Every task's output, read at the cloud's broker: it asks the edge's for what that holds."""
        answer = deployed.call(
            "POST",
            pair.fogflow.url("cloud-broker", 8070, "/ngsi10/queryContext"),
            {"entities": [{"type": "Count", "isPattern": True, "id": ".*"}]},
        )
        return len({r["contextElement"]["entityId"]["id"] for r in answer.get("contextResponses") or []}) == len(
            deployed.DEVICES
        )

    until(counted, "all results at the cloud, those of the edge among them")
    record_in_all("edge", "tasks at the edge, of three", pair.tasks(pair.edge))


@only_all
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seconds", CUTS_S)
def test_a_link_that_is_cut(pair, seconds):
    before = pair.tasks(pair.edge)
    with pair.cut(seconds):
        during = pair.tasks(pair.edge)
    pair.back(f"link cut for {seconds} s: from its return to data coming through", time.monotonic())
    if before:  # upstream's worker loses them with the first cut, and the master puts them elsewhere
        record_in_all("edge", f"tasks running at the edge after {seconds} s without a link, of {before}", during)
        record_in_all(
            "edge", f"tasks running at the edge after a cut of {seconds} s, of {before}", pair.tasks(pair.edge)
        )


@only_all
def test_an_edge_without_power(pair):
    node = pair.edge.get("nodes")["items"][0]["metadata"]["name"]
    pair.edge.sandbox("node stop", node)
    until(lambda: not pair.seen(), "the cloud misses the edge")
    pair.edge.sandbox("node start", node)
    pair.back("edge without power: from its return to data coming through", time.monotonic())


@only_all
def test_a_cloud_that_restarts(pair):
    """Its RabbitMQ knows the edge's user again: the bootstrap container gives it back out of the Secret."""
    node = pair.cloud.get("nodes")["items"][0]["metadata"]["name"]
    pair.cloud.sandbox("node stop", node)
    time.sleep(5)
    pair.cloud.sandbox("node start", node)
    pair.back("cloud without power: from its return to data coming through", time.monotonic())


@only_all
def test_no_way_in_is_named(pair):
    """As behind NAT: the edge reaches its cloud, and is not reached."""
    rule = ["FORWARD", "-d", pair.edge_address, "-p", "tcp", "--dport", "8060", "-j", "DROP"]
    pods = [
        "FORWARD",
        "-d",
        f"10.{128 + pair.edge.state['network']}.0.0/16",
        "-p",
        "tcp",
        "--dport",
        "8060",
        "-j",
        "DROP",
    ]
    for each in (rule, pods):
        subprocess.run(["iptables", "-I", *each], check=True)
    try:
        proof = parse(pair.edge.tool("edge", "check", "-o", "json", code=40))
        assert (proof["inbound"], proof["outbound"], proof["causeId"]) == (False, True, "FK-6109")
        assert "because of NAT or a firewall" in proof["summary"]
    finally:
        for each in (rule, pods):
            subprocess.run(["iptables", "-D", *each], check=True)


def test_leave_and_remove(pair):
    pair.edge.tool("edge", "leave", "--yes")
    assert pair.edge.get("all", "-n", f"{NAMESPACE}-tasks")["items"] == []
    assert [
        p for p in pair.edge.get("pods", "-n", NAMESPACE)["items"] if "deletionTimestamp" not in p["metadata"]
    ] == []
    pair.cloud.tool("edge", "remove", SITE, "--yes")
    listed = pair.listed()  # discovery forgets its broker at some time, and then it is not listed
    assert listed is None or listed["tokenState"] == "unknown"


@only_all
@pytest.mark.timeout(900)
def test_tasks_of_our_own_worker_outlive_a_cut(pair):
    """Upstream's worker is deaf after one, the keeper restarts it, and its tasks go with it. Ours has nothing to restart."""
    until(lambda: not (pair.listed() or {}).get("brokerListed"), "discovery has forgotten the broker that left")
    pair.queue = f"fogflow-k8s.Worker.{SITE}"
    pasted(
        pair.edge,
        pair.token().replace(
            "join -", "join - --set worker.implementation=native,worker.nativeImage.registry=localhost"
        ),
    )
    until(pair.seen, "the cloud lists the edge")
    other = {**deployed.FUNCTION, "name": "f2", "input": "Humidity", "output": "Damp"}
    deployed.call("POST", pair.fogflow.url("nginx", 80, "/fogfunction"), other)
    for device in ("H1", "H2", "H3"):
        pair.fogflow.update(device, 1, "Humidity")
    until(lambda: pair.tasks(pair.edge) > 0, "a task runs at the edge")
    time.sleep(10)  # those that came with it
    before = pair.task_pods(pair.edge)
    for seconds in CUTS_S:
        with pair.cut(seconds):
            assert pair.task_pods(pair.edge) == before
        pair.back(f"our own worker, link cut for {seconds} s: from its return to data coming through", time.monotonic())
        assert pair.task_pods(pair.edge) == before, "the same pods as before"
        record_in_all(
            "edge", f"tasks of our own worker at the edge after a cut of {seconds} s, of {len(before)}", len(before)
        )
