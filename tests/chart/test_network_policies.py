"""Every pair, every port: what the rendered policies let through, as an independent engine reads them, is the design.

The engine is cyclonus, built from tests/policies/engine. The design is written by hand in tests/policies/design.py.
"""

import copy
import itertools

import pytest

from fogflow_k8s.model.bench import manifests as bench
from tests.chart.shapes import OURS as OUR_WORKER
from tests.chart.shapes import SEVERAL, of_kind, pods
from tests.policies.design import FREE, OURS, UNUSED, Opened, Ports, allows
from tests.policies.judge import Judge, Peer

BUDGET_S = 20  # 20 000 verdicts for each of 19 ways to install
COUNT = {"nginx": 2, "cloud-broker": 2, "cloud-worker": 2}
PORTS = (
    8090,
    8070,
    1060,
    8010,
    8080,
    1030,
    5672,
    15692,
    8095,
    8099,
    8011,
    9080,
    40000,
    53,
    1053,
    5353,
    8053,
    443,
    6443,
    16443,
    UNUSED,
)
OTHER_PORTS = Ports(discovery=18090, broker=18070, agent=11060, master=18010, web=18080, notified=11030)
EVERYTHING = (
    "dgraph.enabled=true,config.worker.app_namespace=functions,networkPolicy.monitoring.namespaces={watching},"
    "networkPolicy.edges.cidrs={198.51.100.0/25},networkPolicy.subscribers.cidrs={198.51.100.128/25},"
    "networkPolicy.apiServer.cidrs={10.0.0.1/32},networkPolicy.tasks.egressCidrs={203.0.113.0/24}"
)
BUS = "rabbitmq.external.host=mq.example.org,rabbitmq.external.port=5671,rabbitmq.auth.existingSecret=mine"
WAYS = {
    "as it comes": ("", Opened()),
    "external IP": ("externalIPs={192.0.2.1}", Opened(exposed=True)),
    "upstream's external IP": ("Service.spec.externalIPs={192.0.2.1}", Opened(exposed=True)),
    "node port": ("expose.type=nodePort", Opened(exposed=True)),
    "load balancer": ("expose.type=loadBalancer", Opened(exposed=True)),
    "ingress": ("expose.type=ingress", Opened(exposed=True)),
    "gateway": ("expose.type=gateway,expose.gateway.name=front", Opened(exposed=True)),
    "everything": (
        EVERYTHING,
        Opened(monitoring=True, edges=True, subscribers=True, apiserver=True, tasks=frozenset({"outside"})),
    ),
    "several brokers and workers": (SEVERAL, Opened(shards=True)),
    "tasks may go anywhere": ("networkPolicy.tasks.egressCidrs={0.0.0.0/0}", Opened(tasks=FREE)),
    "other ports": (
        "config.discovery.http_port=18090,config.broker.http_port=18070,config.master.ngsi_agent_port=11060,"
        "config.master.rest_api_port=18010,config.designer.webSrvPort=18080,config.designer.agentPort=11030",
        Opened(ports=OTHER_PORTS),
    ),
    "a RabbitMQ elsewhere": (BUS, Opened(bus=(5671, 0))),
    "a RabbitMQ elsewhere that tells of its queues": (
        f"{BUS},rabbitmq.external.metricsUrl=http://mq.example.org:15692",
        Opened(bus=(5671, 15692)),
    ),
    "our worker": (OUR_WORKER, Opened(ours=True)),
    "our worker, and everything": (
        f"{EVERYTHING},{OUR_WORKER}",
        Opened(ours=True, monitoring=True, edges=True, subscribers=True, apiserver=True, tasks=frozenset({"outside"})),
    ),
    "our worker, and a RabbitMQ elsewhere": (f"{BUS},{OUR_WORKER}", Opened(ours=True, bus=(5671, 0))),
    "our worker, and one that tells of its queues": (
        f"{BUS},{OUR_WORKER},rabbitmq.external.metricsUrl=http://mq.example.org:15692",
        Opened(ours=True, bus=(5671, 15692)),
    ),
    "its metrics at another port": (
        f"{BUS},rabbitmq.external.metricsUrl=https://mq.example.org:9419/",
        Opened(bus=(5671, 9419)),
    ),
    "its metrics at the usual port": (
        f"{BUS},rabbitmq.external.metricsUrl=http://mq.example.org",
        Opened(bus=(5671, 80)),
    ),
}


@pytest.fixture(scope="module")
def judge():
    return Judge()


def cast(manifests):
    """Everybody there is: a pod for each workload (two where there may be), a task, and all who have no business here."""
    tasks_namespace = of_kind(manifests, "NetworkPolicy")["fogflow-tasks"]["metadata"]["namespace"]
    templates = [(name, template) for name, template in pods(manifests) for _ in range(COUNT.get(name, 1))]
    number = itertools.count(10)
    found = []
    for name, template in templates:
        role, place = name.removeprefix("fogflow-"), next(number)
        ports = tuple(
            (port["name"], port["containerPort"], port.get("protocol", "TCP"))
            for container in template["spec"]["containers"]
            for port in container.get("ports", [])
        )
        labels = template["metadata"]["labels"]
        found.append(Peer(f"{role}-{place}", role, f"10.1.0.{place}", "fogflow", labels, ports))
    broker = next(peer for peer in found if peer.role == "cloud-broker")
    load = bench.labels("fogflow", "3f09aa12-0")
    found += [
        # the load generator of `bench run`, which the CLI makes
        Peer("bench-1", "bench", "10.1.0.9", "fogflow", load, (("notify", bench.RECEIVER_PORT, "TCP"),)),
        # one of upstream's worker: it has no label that a policy could know
        Peer("task", "task", "10.1.1.1", tasks_namespace, {"app": "fogflow-task-40000"}),
        Peer("task-2", "task", "10.1.1.2", tasks_namespace, {"app": "fogflow-task-40001"}),
        Peer("stranger", "stranger", "10.1.2.1", "fogflow", {"app": "stranger"}),
        Peer("elsewhere", "elsewhere", "10.1.2.2", "default", {"app": "stranger"}),
        Peer("double", "double", "10.1.2.3", "default", broker.labels, broker.ports),
        Peer("watcher", "watcher", "10.1.2.4", "watching", {"app": "prometheus"}),
        Peer("dns", "dns", "10.1.2.5", "kube-system", {"k8s-app": "kube-dns"}),
    ]
    outside = {
        "apiserver": "10.0.0.1",
        "edge": "198.51.100.7",
        "subscriber": "198.51.100.200",
        "outside": "203.0.113.9",
    }
    return found + [Peer(role, role, address) for role, address in outside.items()]


def matrix(opened, peers):
    """Every ordered pair with every port that anybody has, and one that nobody has, by both protocols."""
    ports = sorted({*PORTS, *vars(opened.ports).values(), *opened.bus} - {0})
    return list(itertools.product(itertools.permutations(peers, 2), ports, ("TCP", "UDP")))


def labels_of(peers):
    """Every namespace with the one label that Kubernetes itself gives it."""
    return {peer.namespace: {"kubernetes.io/metadata.name": peer.namespace} for peer in peers if peer.namespace}


def designed(opened, flows):
    """Of these flows, those that the design allows."""
    return {flow for flow in flows if allows(opened, flow[0].role, flow[1].role, flow[2], flow[3])}


def flows_among(opened, peers):
    return [(*pair, port, protocol) for pair, port, protocol in matrix(opened, peers)]


def differences(flows, expected, got):
    """Where the engine's verdict is not the design's, one line each."""
    return [
        f"{flow[0].name} -> {flow[1].name} {flow[3]} {flow[2]}: "
        + ("expected allowed, got refused" if flow in expected else "expected refused, got allowed")
        for flow in flows
        if (flow in expected) != (flow in got)
    ]


def rendered(render, values):
    return render(*(["--set", values] if values else []))


@pytest.mark.parametrize("way", WAYS)
def test_every_pair_is_as_designed(render, judge, way):
    values, opened = WAYS[way]
    manifests = rendered(render, values)
    peers = cast(manifests)
    flows = flows_among(opened, peers)
    found = differences(flows, designed(opened, flows), judge.allowed(manifests, labels_of(peers), flows))
    assert not found, f"{len(found)} verdicts differ:\n" + "\n".join(found[:40])


def test_everybody_is_in_the_matrix(render):
    """A part that is new must be given a place in the design."""
    peers = cast(rendered(render, EVERYTHING))
    assert {peer.role for peer in peers} == OURS | FREE
    assert len(matrix(Opened(), peers)) > 10_000


def test_without_any_one_policy_the_matrix_is_another(render, judge):
    """What the first test finds when a policy is missing: the check can fail, and every policy counts."""
    values, opened = WAYS["everything"]
    manifests = rendered(render, values)
    policies = of_kind(manifests, "NetworkPolicy")
    assert policies.keys() == (OURS - {"task"}) | {"fogflow-tasks"}
    peers = cast(manifests)
    flows = flows_among(opened, peers)
    expected = designed(opened, flows)
    rests = [[each for each in policies.values() if each is not policies[name]] for name in policies]
    for name, got in zip(policies, judge.allowed_by_each(rests, labels_of(peers), flows), strict=True):
        concerned = {name.replace("fogflow-tasks", "task")}
        found = differences(flows, expected, got)
        assert found, name
        roles = {part.split(" ")[0].rstrip("-0123456789") for line in found for part in line.split(" -> ")}
        assert concerned <= roles
        assert all("expected refused, got allowed" in line for line in found), found[:5]


def rules(policies):
    """Copies of the policies, each with one peer or one port less, and what is missing."""
    for name, policy in policies.items():
        for side in ("ingress", "egress"):
            for at, rule in enumerate(policy["spec"].get(side, [])):
                for part in rule:
                    for place, gone in enumerate(rule[part]):
                        less = copy.deepcopy(policies)
                        kept = less[name]["spec"][side][at][part]
                        del kept[place]
                        if not kept:  # an empty list would mean everybody
                            del less[name]["spec"][side][at]
                        yield f"{name} {side} {part} {gone}", less


@pytest.mark.parametrize("way", ["everything", "our worker, and everything"])
def test_every_rule_is_needed_and_checked(render, judge, way):
    """Without any one peer or port of any rule something that the design allows is refused."""
    values, opened = WAYS[way]
    manifests = rendered(render, values)
    peers = cast(manifests)
    wanted = designed(opened, flows_among(opened, peers))
    wanted = {flow for flow in wanted if not {flow[0].role, flow[1].role} <= FREE}
    gone, rests = zip(*rules(of_kind(manifests, "NetworkPolicy")), strict=True)
    assert len(gone) > 100
    verdicts = judge.allowed_by_each([rest.values() for rest in rests], labels_of(peers), wanted)
    assert [what for what, got in zip(gone, verdicts, strict=True) if not wanted - got] == [], "not needed"
