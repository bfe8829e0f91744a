"""Deploy on a real API server: install, nothing, upgrade, drift, and what is refused."""

import base64
import json
import tarfile
import threading

import pytest

from tests.scope import only_all

from .conftest import KEPT, looks

pytestmark = pytest.mark.cluster
BUDGET_S = 200
COMPONENTS = ["rabbitmq", "discovery", "cloud-broker", "master", "cloud-worker", "designer", "nginx", "keeper"]


@pytest.mark.long
def test_the_whole_way(site):
    """Install, nothing to do, upgrade, roll back, uninstall; the documents say each time what is true."""
    first = site.deploy("-v")
    assert_password_is_shown_nowhere(site, json.dumps(first))
    password = password_of(site)
    assert (first["result"], first["state"], first["exitCode"]) == ("installed", "unverified", 0)
    assert first["cluster"]["simulated"] is True
    assert "simulated" in first["health"]["reason"]
    assert [c["name"] for c in first["components"] if c["state"] == "ready"] == COMPONENTS
    assert {c["name"] for c in first["components"] if c["state"] == "disabled"} == {"dgraph"}
    assert first["urls"] == [f"http://{site.ip}/index.html"]
    assert "simulated" in site.stderr
    assert "externalIPs are deprecated" in site.stderr
    assert "without a login" in site.stderr

    again = site.deploy()
    assert (again["result"], again["release"]["revision"]) == ("unchanged", 1)
    assert "nothing to do" in site.stderr

    upgraded = site.deploy("--set", "replicaCount=3")
    assert (upgraded["result"], upgraded["release"]["revision"]) == ("upgraded", 2)
    assert next(c for c in upgraded["components"] if c["name"] == "nginx")["readyReplicas"] == 3
    assert password_of(site) == password, "made once"

    back = site.json("rollback", "--yes")
    assert (back["result"], back["release"]["revision"]) == ("rolled-back", 3)
    assert "~ Deployment/nginx\n    spec.replicas: 3 -> 2" in site.stderr
    history = site.json("history")["revisions"]
    assert [(r["revision"], r["status"], r["worked"]) for r in history] == [
        (1, "superseded", True),
        (2, "superseded", True),
        (3, "deployed", True),
    ]

    listed = site.run("uninstall", "--dry-run")
    assert "Deployment/master" in listed
    assert "Secret/fogflow-rabbitmq" in listed.split("Will be kept")[1]
    site.run("uninstall", "--yes")
    assert site.get("pods")["items"] == []
    site.run("status", code=41)
    site.run("uninstall", "--yes")
    assert site.deploy()["result"] == "installed"


def password_of(site):
    return base64.b64decode(site.get("secret", "fogflow-rabbitmq")["data"]["password"]).decode()


def assert_password_is_shown_nowhere(site, out):
    password = password_of(site)
    assert len(password) >= 16
    maps, values = json.dumps(site.get("configmaps")), site.helm("get", "values", "fogflow", "--all")
    for place in (out, site.stderr, maps, values):
        assert password not in place


def test_a_bad_upgrade_is_explained_and_taken_back_or_left_and_rolled_back_by_hand(site):
    site.deploy()
    bad = site.deploy("--set", "master.image.tag=does-not-exist", code=20)
    assert (bad["result"], bad["exitCode"], bad["causes"][0]["id"], bad["causes"][0]["component"]) == (
        "rolled-back",
        20,
        "FK-4001",
        "master",
    )
    assert bad["state"] == "unverified"
    assert bad["causes"][0]["class"] == "permanent"
    assert site.history() == [(1, "superseded"), (2, "superseded"), (3, "deployed")]
    with tarfile.open(bad["bundle"]) as saved:
        names = saved.getnames()
        pods = next(name for name in names if name.endswith(f"objects/{site.namespace}/pod.json"))
        assert "does-not-exist" in saved.extractfile(pods).read().decode()
    assert any(name.endswith("assessment.json") for name in names)
    image = site.get("deployment", "master")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert not image.endswith("does-not-exist")

    left = site.deploy("--set", "master.image.tag=does-not-exist", "--no-rollback-on-failure", "--no-bundle", code=21)
    assert (left["result"], left["state"], left["bundle"]) == ("left-failed", "failed", None)
    assert site.json("status", code=40)["causes"][0]["id"] == "FK-4001"
    assert site.json("rollback", "--yes")["result"] == "rolled-back"
    assert site.json("status")["state"] == "unverified"


def test_drift_is_named_and_mended(site):
    site.deploy()
    site.kubectl("scale", "deployment", "nginx", "--replicas=5")
    site.kubectl("delete", "service", "designer")
    site.kubectl("delete", "deployment", "discovery")
    missing = site.json("status", code=30)
    assert next(c for c in missing["components"] if c["name"] == "discovery")["reason"] == "it does not exist"
    mended = site.deploy()
    assert mended["result"] == "upgraded"
    assert "Deployment/nginx spec.replicas: 5 -> 2, changed by kubectl (scale)" in site.stderr
    assert "+ Service/designer" in site.stderr
    assert "+ Deployment/discovery" in site.stderr
    assert site.json("status", "--wait", "--timeout", "60s")["state"] == "unverified"
    assert site.get("deployment", "nginx")["spec"]["replicas"] == 2
    assert site.deploy()["result"] == "unchanged"


def test_a_dry_run_writes_nothing(site):
    for kind in ("client", "server"):
        assert "+ Deployment/master" in site.run("deploy", "--external-ip", "192.0.2.10", f"--dry-run={kind}")
    assert site.kubectl("get", "namespace", site.namespace, "--ignore-not-found") == ""


@looks
def test_a_dry_run_of_an_upgrade_writes_nothing(kept):
    for kind in ("client", "server"):
        (change,) = kept.deploy(f"--dry-run={kind}", "--set", "replicaCount=4")["difference"]["changes"]
        assert (change["object"], change["path"]) == ("Deployment/nginx", "spec.replicas")
        assert (change["old"], change["new"]) == (3, 4)
    assert kept.history() == [(1, "superseded"), (2, "deployed")]


@only_all
def test_several_come_and_go_only_by_force(site):
    """Another kind of workload loses what its pods hold: refused with what to do, and done in order when asked for."""
    site.deploy()
    before = site.get("deployment", "cloud-broker")["metadata"]["uid"]
    refused = ("deploy", "--external-ip", "192.0.2.10", "--set", "broker.shards=2,worker.replicas=2")
    site.run(*refused, code=2)
    assert "notify each other without end" in site.stderr
    refused = (*refused, "--set", "broker.acceptNotificationLoops=true")
    site.run(*refused, code=10)
    for words in ("cloud-broker would become a StatefulSet", "cloud-worker would become", "--force", "broker.shards"):
        assert words in site.stderr
    assert site.history() == [(1, "deployed")]
    assert site.get("deployment", "cloud-broker")["metadata"]["uid"] == before

    several = site.deploy("--set", "broker.shards=3,worker.replicas=2", "--force")
    rows = {c["name"]: (c["workloadKind"], c["desiredReplicas"], c["readyReplicas"]) for c in several["components"]}
    assert (rows["cloud-broker"], rows["cloud-worker"]) == (("StatefulSet", 3, 3), ("StatefulSet", 2, 2))
    assert "deleting Deployment cloud-broker" in site.stderr
    assert site.json("status")["state"] == "unverified"
    accepted = "broker.shards=3,worker.replicas=2,broker.acceptNotificationLoops=true"
    assert site.deploy("--set", accepted)["result"] == "unchanged"

    site.run(*refused, code=10)
    assert "cloud-broker-2" in site.stderr
    old = {pod["metadata"]["uid"] for pod in site.get("pods")["items"]}
    site.run("restart", "cloud-broker", "--yes")
    new = {pod["metadata"]["name"] for pod in site.get("pods")["items"] if pod["metadata"]["uid"] not in old}
    assert new == {f"cloud-broker-{n}" for n in range(3)}
    site.run("uninstall", "--yes")
    assert site.get("pods")["items"] == []


@looks
def test_another_cluster_than_last_time_is_refused(kept):
    file = kept.state / "clusters.json"
    before = file.read_text()
    try:
        file.write_text(json.dumps({k: {**v, "uid": "another"} for k, v in json.loads(before).items()}))
        kept.run("deploy", "--external-ip", "192.0.2.10", *KEPT, code=10)
        assert "--allow-other-cluster" in kept.stderr
        assert kept.deploy(*KEPT, "--allow-other-cluster")["result"] == "unchanged"
    finally:
        file.write_text(before)
    kept.run("deploy", "--external-ip", "192.0.2.10", "--expect-cluster", "nobody", code=10)


@looks
def test_a_prompt_is_never_answered_by_silence(kept):
    kept.run("rollback", code=10)
    assert "--yes" in kept.stderr
    kept.run("uninstall", code=10)
    assert kept.history() == [(1, "superseded"), (2, "deployed")]


@looks
def test_rollback_knows_its_revisions(kept, site):
    site.run("rollback", "--yes", code=41)
    kept.run("rollback", "9", "--yes", code=2)
    assert "revisions kept: 1, 2" in kept.stderr


def test_a_namespace_that_is_being_deleted(site):
    """As after an uninstall: waited for, for the time that was given, and then FogFlow is installed."""
    site.make_namespace()
    site.kubectl("apply", "-f", "-", stdin=json.dumps({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "holds", "finalizers": ["fogflow-k8s.io/test"]}}))  # fmt: skip
    site.kubectl("delete", "namespace", site.namespace, "--wait=false")
    try:
        site.run("deploy", "--external-ip", "192.0.2.10", "--timeout", "3s", code=30)
        assert "still being deleted after 3 s; nothing was changed" in site.stderr
    finally:
        freed = threading.Timer(4.0, free, [site])
        freed.start()
    try:
        assert site.deploy()["result"] == "installed"
        assert "which is being deleted, is gone" in site.stderr
    finally:
        freed.join()


def free(site):
    site.kubectl("patch", "configmap", "holds", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
