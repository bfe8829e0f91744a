"""Joining an edge on simulated nodes, with a scripted cloud: what is refused changes nothing."""

import json
import time

import pytest

from fogflow_k8s.model.edge.token import Endpoint, encode
from tests.clouds import Cloud, token
from tests.ports import free_port

from .conftest import looks

pytestmark = pytest.mark.cluster
BUDGET_S = 90
ADDRESS = "192.0.2.10"  # each site replaces it by its own


@pytest.fixture
def cloud():
    it = Cloud()
    yield it
    it.close()


def refused(site, text, code=10):
    """The error of a join, as JSON; nothing is there afterwards, not even the namespace."""
    error = site.json("edge", "join", text, "--external-ip", ADDRESS, code=code)["error"]
    assert site.kubectl("get", "namespace", site.namespace, "--ignore-not-found") == ""
    return error


def test_a_mistyped_a_cut_off_and_a_later_token(site, cloud):
    good = encode(token(cloud))
    assert refused(site, good[:20] + ("A" if good[20] != "A" else "B") + good[21:])["causeId"] == "FK-6102"
    assert refused(site, good[:-1])["causeId"] == "FK-6103"
    from fogflow_k8s.model.edge.token import _checksum

    head = good.rpartition(".")[0].replace("fke1", "fke9")
    assert refused(site, f"{head}.{_checksum(head)}")["causeId"] == "FK-6110"
    assert cloud.rabbitmq.heard == [], "nobody was asked"


def test_an_expired_token(site, cloud):
    error = refused(site, encode(token(cloud, expires=int(time.time()) - 600)))
    assert (error["causeId"], "expired 10 min ago" in error["message"]) == ("FK-6101", True)
    assert "edge token create --site 002" in error["remedy"][0]


def test_a_token_that_was_withdrawn(site, cloud):
    assert refused(site, encode(token(cloud, password="another")))["causeId"] == "FK-6104"


def test_a_token_that_another_cluster_has_used(site, cloud):
    used = token(cloud)
    cloud.queues[f"fogflow-k8s.edge.002.{used.id}"] = 0
    error = refused(site, encode(used))
    assert (error["causeId"], "used already" in error["message"]) == ("FK-6104", True)


def test_every_port_that_is_closed_is_named(site, cloud):
    closed = {name: Endpoint("127.0.0.1", free_port()) for name in ("rabbitmq", "discovery")}
    error = refused(site, encode(token(cloud, **closed)))
    assert error["causeId"] == "FK-6105"
    assert all(f"127.0.0.1:{end.port}: connection refused" in error["message"] for end in closed.values())
    assert str(cloud.broker.port) not in error["message"]


def test_a_wrong_clock(site, cloud):
    cloud.ahead_s = 3600
    error = refused(site, encode(token(cloud)))
    assert (error["causeId"], "behind the cloud's" in error["message"]) == ("FK-6106", True)


@pytest.mark.parametrize("how", ["listed", "consumed", "consumed by our own worker"])
def test_the_same_site_twice(site, cloud, how):
    if how == "listed":
        cloud.brokers["Broker.002"] = {"id": "Broker.002"}
    else:
        cloud.queues["Worker.002" if how == "consumed" else "fogflow-k8s.Worker.002"] = 1
    error = refused(site, encode(token(cloud)))
    assert (error["causeId"], "already joined" in error["message"]) == ("FK-6107", True)


def test_join_again_and_leave(site, cloud):
    """Nothing can be proved on simulated nodes, and that is said; the password is in the Secret alone."""
    one = token(cloud)
    done = site.json("edge", "join", encode(one), "--external-ip", ADDRESS)
    assert (done["result"], done["edge"]["cloud"], done["state"]) == ("installed", None, "unverified")
    names = {d["metadata"]["name"] for d in site.get("deployments")["items"]}
    assert names == {"edge-broker", "edge-worker", "keeper"}
    everything = site.kubectl("get", "all,configmaps,networkpolicies", "-o", "yaml") + site.helm(
        "get", "all", "fogflow"
    )
    assert one.password not in everything
    assert site.get("secret", "fogflow-edge")["data"]["password"]
    cloud.brokers["Broker.002"] = {"id": "Broker.002"}  # it is us: joined, and once more
    assert site.json("edge", "join", encode(one), "--external-ip", ADDRESS)["result"] == "unchanged"
    site.run("deploy", code=10)
    assert "is an edge, and would become a cloud" in site.stderr
    site.run("edge", "check", code=40)
    assert "simulated" in site.stderr
    site.run("edge", "leave", "--yes")
    assert "fogflow-k8s edge remove 002" in site.stderr
    assert site.get("deployments")["items"] == []
    assert site.kubectl("get", "secret", "fogflow-edge", "--ignore-not-found") == ""


@looks
def test_an_edge_is_no_cloud_and_a_cloud_no_edge(kept, cloud):
    site = kept
    error = site.json("edge", "join", encode(token(cloud)), "--external-ip", ADDRESS, code=2)["error"]
    assert "is a FogFlow cloud" in error["message"]
    site.run("edge", "check", code=2)
    error = site.json("edge", "token", "create", "--site", "002", code=10)["error"]
    assert (error["causeId"], "expose.edge.type=externalIPs" in error["remedy"][0]) == ("FK-6108", True)


def test_who_is_let_in_is_checked_before_a_token_is_made(site):
    site.deploy(
        "--no-wait", "--set", "expose.edge.type=externalIPs", "--set", "expose.edge.externalIPs={192.0.2.10}",
        "--set", "networkPolicy.edges.cidrs={198.51.100.0/24}",
    )  # fmt: skip
    error = site.json("edge", "token", "create", "--site", "002", "--edge-cidr", "203.0.113.7/32", code=10)["error"]
    assert error["causeId"] == "FK-6108"
    assert "networkPolicy.edges.cidrs={198.51.100.0/24,203.0.113.7/32}" in error["remedy"][0]
    site.run("edge", "token", "create", "--site", "001", code=2)
    site.run("edge", "token", "create", "--site", "002", "--edge-cidr", "198.51.100.7/32", code=40)
    assert "simulated" in site.stderr
    assert site.kubectl("get", "secret", "fogflow-edges", "--ignore-not-found") == ""


def test_the_doctor_leaves_the_tasks_of_an_edge_alone(site, cloud):
    site.json("edge", "join", encode(token(cloud)), "--external-ip", ADDRESS)
    task = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "fogflow-task-1", "namespace": f"{site.namespace}-tasks"},
        "spec": {
            "selector": {"matchLabels": {"app": "t"}},
            "template": {"metadata": {"labels": {"app": "t"}}, "spec": {"containers": [{"name": "t", "image": "example/t"}]}},
        },
    }  # fmt: skip
    site.apply(json.dumps(task))
    found = site.json("doctor", "--fix", "--yes", code=None)
    assert "FK-7006" not in json.dumps(found)
    assert "fogflow-task-1" in site.kubectl("-n", f"{site.namespace}-tasks", "get", "deployments", "-o", "name")
