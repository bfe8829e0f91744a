"""FogFlow under its network policies, enforced on every node: what must not connect does not, and FogFlow works and heals."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.policies.design import Opened, allows
from tests.real.conftest import until
from tests.real.policed import PATIENT_S, RAW, SAMPLE_S, differing, everywhere, policed, reached
from tests.scope import only_all

BUDGET_S = 150
NAMESPACE = "policies"


@pytest.fixture(scope="module")
def scene(box):
    with policed(box, NAMESPACE) as it:
        yield it


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
    for service in scene.fogflow.get("services")["items"]:
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
    """Values from outside through three tasks and out again; what the tool proves; the reverse proxy from this machine."""
    assert scene.fogflow.ails() == ""
    scene.box.tool("verify", "-n", NAMESPACE)
    assert "html" in RAW(f"http://{scene.guard.outside[2].address}/index.html").lower()
    with pytest.raises(OSError, match="timed out"):
        RAW(scene.fogflow.url("designer", 8080, "/config.js"), timeout=SAMPLE_S)


def test_a_changed_policy_changes_what_connects(scene):
    """The same reverse proxy, with no way in and with one: the tables follow the policies."""
    door = next((pod.address, 8080) for pod in scene.guard.pods if pod.role == "nginx")
    ingress = scene.fogflow.get("networkpolicy", "nginx")["spec"]["ingress"]
    for operation, passes in (({"op": "remove"}, set()), ({"op": "add", "value": ingress}, {door})):
        patch = json.dumps([operation | {"path": "/spec/ingress"}])
        scene.box.kubectl("-n", NAMESPACE, "patch", "networkpolicy", "nginx", "--type=json", "-p", patch)
        until(lambda passes=passes: reached(None, [door]) == passes, f"after {operation['op']}")


@only_all
def test_everything_starts_anew_and_works(scene):
    """Every pod of the release at once: gates, names, the bus and what the keeper kept, all through the tables."""
    before = {pod.key for pod in scene.guard.pods if pod.namespace == NAMESPACE and pod.role != "stranger"}
    scene.box.kubectl("-n", NAMESPACE, "delete", "pod", "-l", "app.kubernetes.io/part-of=fogflow", "--wait=false")
    until(lambda: not before & {pod.key for pod in scene.guard.pods}, "the old pods have gone")
    scene.fogflow.recover()
