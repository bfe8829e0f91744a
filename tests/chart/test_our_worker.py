"""worker.implementation native: what is different from upstream's worker, and that nothing else is."""

from __future__ import annotations

import json

from tests.chart.shapes import OURS, SEVERAL, of_kind

RIGHTS = {
    ("apps", "deployments"): ["list", "watch", "create", "patch", "delete"],
    ("", "services"): ["get", "list", "watch", "create", "delete"],
    ("", "configmaps"): ["get", "list", "create", "patch", "delete"],
    ("", "pods"): ["list", "watch"],
    ("discovery.k8s.io", "endpointslices"): ["list", "watch"],
    ("coordination.k8s.io", "leases"): ["get", "create", "update"],
}


def config(manifests):
    return json.loads(of_kind(manifests, "ConfigMap")["cloud-worker-config"]["data"]["config.json"])


def pod(manifests):
    workloads = of_kind(manifests, "Deployment") | of_kind(manifests, "StatefulSet")
    return workloads["cloud-worker"]["spec"]["template"]["spec"]


def test_it_starts_serves_and_hands_over(render):
    manifests = render("--set", OURS)
    spec = of_kind(manifests, "Deployment")["cloud-worker"]["spec"]
    assert spec["replicas"] == 1
    assert of_kind(manifests, "Deployment")["cloud-worker"]["metadata"]["annotations"] == {
        "fogflow-k8s.io/keeps-tasks": "true"
    }
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert pod(manifests)["terminationGracePeriodSeconds"] == 30
    (container,) = pod(manifests)["containers"]
    assert "command" not in container, "the image's own"
    assert container["args"] == ["-f", "/config.json"]
    assert container["ports"] == [{"name": "http", "containerPort": 8011}]
    paths = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/livez", "readiness": "/readyz", "liveness": "/livez"}
    assert container["livenessProbe"]["periodSeconds"] * container["livenessProbe"]["failureThreshold"] == 30


def test_its_gate_writes_the_configuration_and_waits_for_nobody(render):
    (bootstrap,) = pod(render("--set", OURS))["initContainers"]
    assert bootstrap["args"] == [
        "--config=/etc/fogflow/config.json",
        "--out=/run/fogflow/config.json",
        "--password-file=/run/rabbitmq/password",
        "--deadline=600",
    ]


def test_several_have_a_number_and_a_broker_each(render):
    manifests = render("--set", f"{OURS},{SEVERAL}")
    assert "cloud-worker" in of_kind(manifests, "StatefulSet")
    (container,), (bootstrap,) = pod(manifests)["containers"], pod(manifests)["initContainers"]
    assert container["args"] == ["-f", "/config.json", "-i", "$(POD_INDEX)"]
    assert [each["name"] for each in container["env"]] == ["POD_INDEX"]
    assert [each for each in bootstrap["args"] if each.startswith("--own=broker.host_ip=")]
    keeper = of_kind(manifests, "Deployment")["keeper"]["spec"]["template"]["spec"]["containers"][0]
    assert "--worker-queues=fogflow-k8s.Worker.001,fogflow-k8s.Worker.001.1" in keeper["args"]


def test_its_rights_are_these_and_in_the_tasks_namespace(render):
    role = of_kind(render("--set", OURS), "Role")["fogflow-worker"]
    assert role["metadata"]["namespace"] == "fogflow-tasks"
    assert {(rule["apiGroups"][0], rule["resources"][0]): rule["verbs"] for rule in role["rules"]} == RIGHTS
    assert all(len(rule["apiGroups"]) == len(rule["resources"]) == 1 for rule in role["rules"])


def test_it_is_told_of_its_tasks_and_upstreams_is_not(render):
    said = (
        "worker.tasks.nodeSelector.disk=ssd,worker.tasks.tolerations[0].key=edge,worker.tasks.limits.cpu=2,"
        "worker.tasks.limits.memory=1Gi,global.imagePullSecrets={hub},config.worker.app_namespace=functions"
    )
    upstreams, ours = (config(render(*more)) for more in ((), ("--set", f"{OURS},{said}")))
    assert "tasks" not in upstreams["worker"]
    assert ours["worker"]["tasks"] == {
        "owner": "fogflow-worker",
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "edge"}],
        "imagePullSecrets": ["hub"],
        "requests": {"cpu": "10m", "memory": "32Mi"},
        "limits": {"cpu": 2, "memory": "1Gi"},
    }
    assert ours["worker"]["app_namespace"] == "functions"
    assert upstreams["broker"] == ours["broker"]


def test_what_it_makes_is_owned_by_something_that_goes_with_the_worker_and_the_release(render):
    """So nothing of it runs beside upstream's worker, which would start the same tasks again."""
    upstreams, ours = render(), render("--set", OURS)
    name = config(ours)["worker"]["tasks"]["owner"]
    owner = of_kind(ours, "ConfigMap")[name]
    assert owner["metadata"]["namespace"] == "fogflow-tasks", "an owner must be where its own are"
    assert "annotations" not in owner["metadata"], "nothing keeps it"
    assert name not in of_kind(upstreams, "ConfigMap")


def test_the_keeper_knows_that_tasks_are_kept_and_may_only_ask_for_their_end(render):
    upstreams, ours = render(), render("--set", OURS)
    of = {"upstream": upstreams, "ours": ours}
    arguments = {
        worker: of_kind(each, "Deployment")["keeper"]["spec"]["template"]["spec"]["containers"][0]["args"]
        for worker, each in of.items()
    }
    assert set(arguments["ours"]) - set(arguments["upstream"]) == {
        "--worker-keeps-tasks",
        "--worker-queues=fogflow-k8s.Worker.001",
    }
    rules = of_kind(ours, "Role")["fogflow-keeper"]["rules"]
    assert rules == [
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": [verb]} for verb in ("list", "patch")
    ]
    leave = of_kind(ours, "Job")["fogflow-cleanup"]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert "--worker-keeps-tasks" in leave
    removed = {
        resource: rule["verbs"]
        for each in ours
        if each["kind"] == "Role" and each["metadata"]["name"] == "fogflow-cleanup"
        if each["metadata"]["namespace"] == "fogflow-tasks"
        for rule in each["rules"]
        for resource in rule["resources"]
    }
    assert removed == {
        "deployments": ["list", "delete"],
        "services": ["delete"],
        "configmaps": ["delete"],
    }


def test_nothing_else_depends_on_the_worker(render):
    """Only what is of the worker, of its tasks, and of those who watch it."""
    upstreams, ours = (
        {(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]): each for each in render(*more)}
        for more in (("--set", "rabbitmq.auth.existingSecret=x"), ("--set", f"{OURS},rabbitmq.auth.existingSecret=x"))
    )
    changed = {(key[0], key[2]) for key in upstreams.keys() | ours.keys() if upstreams.get(key) != ours.get(key)}
    assert changed == {
        ("Deployment", "cloud-worker"),
        ("ConfigMap", "cloud-worker-config"),
        ("ConfigMap", "fogflow-worker"),
        ("Role", "fogflow-worker"),
        ("NetworkPolicy", "cloud-worker"),
        ("NetworkPolicy", "rabbitmq"),
        ("Deployment", "keeper"),
        ("Role", "fogflow-keeper"),
        ("Job", "fogflow-cleanup"),
        ("Role", "fogflow-cleanup"),
        ("MutatingAdmissionPolicy", "fogflow-tasks.fogflow.fogflow"),
        ("MutatingAdmissionPolicyBinding", "fogflow-tasks.fogflow.fogflow"),
    }
