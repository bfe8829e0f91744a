"""Several brokers and workers: StatefulSets, in which each pod has an identity."""

from __future__ import annotations

import copy

import pytest

from tests.chart.shapes import ACCEPTED, SEVERAL, containers, of_kind

POD_INDEX = "metadata.labels['apps.kubernetes.io/pod-index']"


def test_several_are_sets_with_an_identity_an_address_and_a_queue_each(render):
    manifests = render("--set", SEVERAL)
    sets, services = of_kind(manifests, "StatefulSet"), of_kind(manifests, "Service")
    assert sets.keys() == {"cloud-broker", "cloud-worker"}
    assert not sets.keys() & of_kind(manifests, "Deployment").keys()
    for name, count in (("cloud-broker", 3), ("cloud-worker", 2)):
        spec = sets[name]["spec"]
        assert (spec["replicas"], spec["podManagementPolicy"]) == (count, "Parallel")
        assert spec["updateStrategy"] == {"type": "RollingUpdate"}
        governing = services[spec["serviceName"]]["spec"]
        assert (governing["clusterIP"], governing["publishNotReadyAddresses"]) == ("None", True)
        for container in containers(spec["template"]):
            assert {"name": "POD_INDEX", "valueFrom": {"fieldRef": {"fieldPath": POD_INDEX}}} in container["env"]
    broker, worker = (sets[name]["spec"]["template"]["spec"] for name in ("cloud-broker", "cloud-worker"))
    assert broker["containers"][0]["command"] == ["/broker", "-i", "$(POD_INDEX)"]
    assert worker["containers"][0]["command"] == ["/worker", "-i", "$(POD_INDEX)"]
    assert worker["terminationGracePeriodSeconds"] == 180
    hosts = ",".join(
        f"{name}.fogflow.svc.cluster.local" for name in ("cloud-broker", "cloud-broker-1", "cloud-broker-2")
    )
    assert f"--own=my_hostip={hosts}" in broker["initContainers"][0]["args"]
    assert f"--own=broker.host_ip={hosts}" in worker["initContainers"][0]["args"]
    assert "--unconsumed=previous worker=Worker.001,Worker.001.1" in worker["initContainers"][0]["args"]
    for n, name in enumerate(("cloud-broker", "cloud-broker-1", "cloud-broker-2")):
        assert services[name]["spec"]["selector"]["apps.kubernetes.io/pod-index"] == str(n)
        assert services[name]["spec"]["ports"] == [{"name": "http", "port": 8070, "targetPort": "http"}]


def test_the_first_of_several_brokers_keeps_the_one_brokers_name(render):
    """Discovery knows what lives there under that name; under another one the broker would call itself without end."""
    one, several = (of_kind(render(*more), "ConfigMap") for more in ((), ("--set", SEVERAL)))
    for component in ("cloud-broker", "master", "cloud-worker", "designer", "discovery"):
        assert one[f"{component}-config"] == several[f"{component}-config"]


@pytest.mark.parametrize("one", [f"broker.shards=2,{ACCEPTED}", "worker.replicas=2"])
def test_either_can_be_several_without_the_other(render, one):
    manifests = render("--set", one)
    name = {"broker": "cloud-broker", "worker": "cloud-worker"}[one.split(".")[0]]
    assert of_kind(manifests, "StatefulSet").keys() == {name}
    worker = (of_kind(manifests, "Deployment") | of_kind(manifests, "StatefulSet"))["cloud-worker"]
    arguments = worker["spec"]["template"]["spec"]["initContainers"][0]["args"]
    assert not [each for each in arguments if each.startswith("--own")], "a single worker, or broker: nothing to choose"


def template(manifests, name):
    workload = (of_kind(manifests, "Deployment") | of_kind(manifests, "StatefulSet"))[name]
    return copy.deepcopy(workload["spec"]["template"])


@pytest.mark.parametrize("name", ["cloud-broker", "cloud-worker"])
def test_a_pod_of_several_differs_from_the_only_one_in_its_identity_alone(render, name):
    one, several = (template(render(*more), name) for more in ((), ("--set", SEVERAL)))
    first, only = (each["spec"]["initContainers"][0]["args"] for each in (several, one))
    assert [each for each in first if each not in only and not each.startswith(("--own=", "--unconsumed="))] == [
        "--index=$(POD_INDEX)"
    ]
    assert {each.partition("=")[0] for each in only if each not in first} <= {"--unconsumed"}
    for each in (one, several):
        each["spec"]["initContainers"][0]["args"] = []
        for container in containers(each):
            container["env"] = [variable for variable in container.get("env", []) if variable["name"] != "POD_INDEX"]
        each["spec"]["containers"][0].pop("command", None)
    assert several == one


def test_the_keeper_and_the_cleanup_know_of_several(render):
    one, several = render(), render("--set", SEVERAL)
    added = {}
    for kind, name in (("Deployment", "keeper"), ("Job", "fogflow-cleanup")):
        before, after = (
            of_kind(each, kind)[name]["spec"]["template"]["spec"]["containers"][0]["args"] for each in (one, several)
        )
        assert not set(before) - set(after)
        added[name] = set(after) - set(before)
    members = {f"--member={n}=http://{n}.fogflow.svc.cluster.local:8070" for n in ("cloud-broker-1", "cloud-broker-2")}
    assert added == {"keeper": {*members, "--workers=2"}, "fogflow-cleanup": {"--worker=statefulsets"}}
    rights = next(
        each["rules"]
        for each in several
        if (each["kind"], each["metadata"]["name"], each["metadata"].get("namespace"))
        == ("Role", "fogflow-cleanup", "fogflow")
    )
    scaled = {(kind, name) for rule in rights for kind in rule["resources"] for name in rule.get("resourceNames", [])}
    assert scaled == {("deployments", "keeper"), ("deployments", "cloud-worker"), ("statefulsets", "cloud-worker")}
