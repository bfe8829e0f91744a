"""Findings as a real API server shows them, their repairs, and what the doctor leaves alone. Every one: tests/unit/actions/doctor/test_doctor.py."""

import json

import pytest

from tests.scope import only_all
from tests.waiting import until

from .conftest import looks
from .test_interruption import IP, SLOW, kill_in_the_middle
from .test_rotation import SECRET, set_password

pytestmark = pytest.mark.cluster
BUDGET_S = 150


def found(site, *words, code=40):
    """The findings by id. With nothing remaining: code=0."""
    return {f["id"]: f for f in site.json("doctor", *words, code=code)["findings"]}


def deployment(name, **spec):
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "example/task:1"}]}}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }  # fmt: skip


def make_tasks(site, namespace):
    """What a worker makes for a task, and something of somebody else's beside it."""
    service = {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}]}}
    for obj in (
        deployment("fogflow-task-one"),
        {**service, "metadata": {"name": "fogflow-task-one"}},
        deployment("of-somebody-else", replicas=0),
    ):
        obj["metadata"]["namespace"] = namespace
        site.apply(json.dumps(obj))


@looks
def test_a_release_that_is_well_and_none_at_all(kept, site):
    assert found(site, code=0) == {}
    assert found(kept, code=0) == {}
    assert found(kept, "--fix", code=0) == {}, "nothing to ask for"
    assert "nothing found" in kept.run("doctor")


@only_all
@pytest.mark.long
@pytest.mark.parametrize("phase", ["install", "upgrade"])
def test_a_release_that_a_dead_operation_left(site, phase):
    if phase == "upgrade":
        site.deploy()
    assert kill_in_the_middle(site, "deploy", *IP, "--set", "replicaCount=4") == f"pending-{phase}"
    before = site.history()
    one = found(site)["FK-7004"]
    assert (bool(one["fix"]), one["fixed"]) == (True, False)
    assert "left pending" in one["summary"]
    site.run("doctor", "--fix", code=10)
    assert "--yes" in site.stderr, "a pipe is not asked, and nothing is done without a word"
    assert site.history() == before

    assert found(site, "--fix", "--yes", code=0)["FK-7004"]["fixed"]
    assert [n for n, _ in site.history()][: len(before)] == [n for n, _ in before], "history is kept"
    assert site.history()[-1][1] == "deployed"
    assert site.json("status")["state"] == "unverified"


def test_whoever_is_at_work_is_left_alone(site):
    process = site.start("deploy", *IP, *SLOW)
    until(lambda: site.kubectl("get", "deployment", "discovery", "--ignore-not-found", check=False), "helm has made it")
    said = found(site, "--fix", "--yes")
    assert "@" in said["FK-7005"]["summary"]
    assert not any(f["fixed"] for f in said.values())
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert found(site, code=0) == {}


def test_tasks_without_a_worker_are_removed_and_nothing_else(site):
    tasks = f"{site.namespace}-tasks"
    site.kubectl("create", "namespace", tasks)
    make_tasks(site, tasks)
    one = found(site)["FK-7006"]
    assert one["evidence"] == ["Deployment/fogflow-task-one", "Service/fogflow-task-one"]
    assert found(site, "--fix", "--yes", code=0)["FK-7006"]["fixed"]
    left = json.loads(site.kubectl("get", "deployments,services", "-n", tasks, "-o", "json"))["items"]
    assert [o["metadata"]["name"] for o in left] == ["of-somebody-else"]


def test_tasks_of_a_worker_elsewhere_are_not_ours(site):
    tasks = f"{site.namespace}-tasks"
    site.kubectl("create", "namespace", tasks)
    make_tasks(site, tasks)
    assert "FK-7006" in found(site)
    site.kubectl("-n", tasks, "create", "role", "fogflow-worker", "--verb=get", "--resource=pods")
    site.kubectl(
        "-n", tasks, "create", "rolebinding", "fogflow-worker", "--role=fogflow-worker", "--serviceaccount=another:worker"
    )  # fmt: skip
    assert found(site, code=0) == {}


def test_a_namespace_that_does_not_end(site):
    site.make_namespace()
    held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "holds", "finalizers": ["example.com/guard"]}}
    site.kubectl("apply", "-f", "-", stdin=json.dumps(held))
    site.kubectl("delete", "namespace", site.namespace, "--wait=false")
    try:
        until(
            lambda: "finalizers" in str(site.get("namespace", site.namespace)["status"].get("conditions")), "it is held"
        )
        one = found(site, "--fix", "--yes")["FK-7007"]
        assert one["fix"] is None
        assert "ConfigMap/holds is held by finalizer example.com/guard" in one["evidence"]
        assert any("has 1 resource instances" in line for line in one["evidence"]), "the server's own words"
        assert site.get("configmap", "holds")["metadata"]["finalizers"] == ["example.com/guard"]
    finally:
        site.kubectl("patch", "configmap", "holds", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')


@only_all
def test_a_volume_that_nothing_uses(site):
    keeps = ["--set", "rabbitmq.persistence.enabled=true,rabbitmq.persistence.size=3Gi"]
    volume = {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "of-somebody-else"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }  # fmt: skip
    site.make_namespace()
    site.kubectl("apply", "-f", "-", stdin=json.dumps(volume))
    site.deploy(*keeps, "--no-wait")
    assert "FK-7008" not in found(site, code=None)
    site.run("uninstall", "--yes")
    said = found(site, "--fix", "--yes")
    assert set(said) == {"FK-7008"}
    assert "rabbitmq-data (3Gi, " in said["FK-7008"]["summary"]
    assert said["FK-7008"]["fix"] is None
    assert site.get("persistentvolumeclaim", "rabbitmq-data"), "data is never deleted"


@only_all
def test_the_password(site):
    site.deploy()
    set_password(site, "another-password")
    assert set(found(site, "--fix", "--yes")) == {"FK-7009"}
    site.deploy()
    assert found(site, code=0) == {}
    set_password(site, "")
    assert set(found(site)) == {"FK-7010"}
    site.kubectl(
        "patch", "secret", SECRET, "--type=json", "-p", '[{"op":"move","from":"/data/password","path":"/data/word"}]'
    )
    assert "no key password" in found(site)["FK-1203"]["summary"]
    site.kubectl("delete", "secret", SECRET)
    assert "FK-1201" in found(site)


@only_all
def test_changes_by_hand_and_a_paused_rollout(site):
    site.deploy()
    site.kubectl("scale", "deployment", "nginx", "--replicas=3")
    site.kubectl("delete", "service", "designer")
    until(lambda: site.get("deployment", "nginx")["status"].get("readyReplicas") == 3, "three of nginx")
    said = found(site, "--fix", "--yes")
    assert set(said) == {"FK-7011"}
    assert said["FK-7011"]["fix"] is None
    assert any(
        "nginx spec.replicas: 3 -> 2, changed by kubectl (scale)" in line for line in said["FK-7011"]["evidence"]
    )
    assert "+ Service/designer" in said["FK-7011"]["evidence"]
    site.kubectl("rollout", "pause", "deployment/master")
    site.kubectl("set", "env", "deployment/master", "A=B")
    assert "FK-7003" in until(lambda: f if "FK-7003" in (f := found(site)) else None, "seen")


@only_all
def test_a_release_without_a_keeper(site):
    site.deploy("--set", "keeper.enabled=false")
    assert set(found(site)) == {"FK-7012"}
    text = site.run("doctor", code=40)
    assert "> fogflow-k8s deploy ... --set keeper.enabled=true" in text
    assert "1 found" in text


def test_one_who_may_see_little_is_told_what_was_not_looked_at(site):
    from .test_access import kubeconfig

    site.make_namespace()
    site.kubectl("create", "serviceaccount", "helper")
    site.kubectl("create", "role", "helper", "--verb=get,list", "--resource=secrets,configmaps")
    site.kubectl("create", "rolebinding", "helper", "--role=helper", f"--serviceaccount={site.namespace}:helper")
    access = kubeconfig(site, user={"token": site.kubectl("create", "token", "helper").strip()})
    document = site.json("doctor", env=access)
    assert document["findings"] == []
    assert any("tasks without a worker" in line and "forbidden" in line for line in document["notChecked"])
