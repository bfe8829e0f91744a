"""What the objects must be like, each rule with the reason it has."""

from __future__ import annotations

import re

import yaml

from tests.chart.conftest import CHART
from tests.chart.shapes import containers, of_kind, pods, restricted

META = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))


def test_every_pod_passes_pod_security_restricted(every_render):
    for name, manifests in every_render.items():
        if name == "upstream-keys":
            continue
        for pod_name, pod in pods(manifests):
            assert restricted(pod) == [], f"{name}: {pod_name}"


def test_only_hostpath_stands_between_upstreams_keys_and_restricted(every_render):
    found = {problem for _, pod in pods(every_render["upstream-keys"]) for problem in restricted(pod)}
    assert found == {"volume config", "volume data"}


def test_selectors_hold_name_and_instance_and_find_their_pods(every_render):
    for manifests in every_render.values():
        labels = [pod["metadata"]["labels"] for _, pod in pods(manifests)]
        for each in manifests:
            selector = each.get("spec", {}).get("selector")
            if not selector:
                continue
            selector = dict(selector.get("matchLabels", selector))
            selector.pop("apps.kubernetes.io/pod-index", None)  # of one among several: the cluster's own label
            assert selector.keys() == {"app.kubernetes.io/name", "app.kubernetes.io/instance"}
            assert any(selector.items() <= of_pod.items() for of_pod in labels), each["metadata"]["name"]


def labels_of(name):
    prefix = "app.kubernetes.io"
    return {
        f"{prefix}/name": name,
        f"{prefix}/instance": "fogflow",
        f"{prefix}/component": name,
        f"{prefix}/part-of": "fogflow",
    }


MADE_BY = {
    "app.kubernetes.io/managed-by": "Helm",
    "app.kubernetes.io/version": META["appVersion"],
    "helm.sh/chart": f"{META['name']}-{META['version']}",
}


def test_every_object_is_labelled_and_in_the_release_or_tasks_namespace(every_render):
    for manifests in every_render.values():
        for each in manifests:
            meta = each["metadata"]
            name = meta["labels"]["app.kubernetes.io/name"]
            assert meta["labels"].items() >= {**labels_of(name), **MADE_BY}.items(), meta["name"]
            if each["kind"] in {"Deployment", "StatefulSet"}:
                assert name == meta["name"]
                assert each["spec"]["template"]["metadata"]["labels"].items() >= labels_of(name).items()
            cluster_wide = each["kind"] == "Namespace" or each["kind"].startswith("MutatingAdmissionPolicy")
            assert meta.get("namespace") in ({None} if cluster_wide else {"fogflow", "fogflow-tasks"})


def test_nothing_is_cluster_wide_but_the_tasks_namespace(every_render):
    cluster_wide = {
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "PersistentVolume",
        "PriorityClass",
    }
    for manifests in every_render.values():
        assert not {each["kind"] for each in manifests} & cluster_wide
        assert set(of_kind(manifests, "Namespace")) <= {"fogflow-tasks"}


def test_only_three_have_a_token_and_the_worker_may_create_and_delete_two_kinds(render):
    manifests = render()
    assert not [name for name, pod in pods(manifests) if pod["spec"]["automountServiceAccountToken"] is not False]
    with_token = {
        (name, container["name"])
        for name, pod in pods(manifests)
        for container in containers(pod)
        if any(mount["name"] == "token" for mount in container.get("volumeMounts", []))
    }
    assert with_token == {("cloud-worker", "worker"), ("keeper", "keeper"), ("fogflow-cleanup", "cleanup")}, (
        "no bootstrap container"
    )
    rules = of_kind(manifests, "Role")["fogflow-worker"]["rules"]
    assert [(rule["resources"], rule["verbs"]) for rule in rules] == [
        (["deployments"], ["create", "delete"]),
        (["services"], ["create", "delete"]),
    ]
    subjects = of_kind(manifests, "RoleBinding")["fogflow-worker"]["subjects"]
    assert subjects == [{"kind": "ServiceAccount", "name": "cloud-worker", "namespace": "fogflow"}]
    assert set(of_kind(manifests, "ServiceAccount")) == {
        name for name, pod in pods(manifests) if name != "reverse-proxy-test"
    }


def test_long_running_containers_have_probes_that_can_kill_a_hung_process(every_render):
    for manifests in every_render.values():
        for deployment in (of_kind(manifests, "Deployment") | of_kind(manifests, "StatefulSet")).values():
            container = deployment["spec"]["template"]["spec"]["containers"][0]
            if "/fogflow/worker:" in container["image"]:
                continue  # listens on nothing
            named = {port["name"] for port in container["ports"]}
            assert container["livenessProbe"]["terminationGracePeriodSeconds"] == 1
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                action = container[kind].get("httpGet") or container[kind]["tcpSocket"]
                assert action["port"] in named


def test_images_are_named_in_full_and_never_latest(every_render):
    for manifests in every_render.values():
        for _, pod in pods(manifests):
            for container in containers(pod):
                assert re.fullmatch(
                    r"[a-z0-9.]+/[a-z0-9/-]+:(?!latest)[\w.-]+(@sha256:[0-9a-f]{64})?", container["image"]
                )
                assert container["imagePullPolicy"] == "IfNotPresent"
                assert container["resources"]["limits"].keys() == {"cpu", "memory"}
                names = [variable["name"] for variable in container.get("env", [])]
                assert len(names) == len(set(names)), "server-side apply refuses doubles"


def test_the_reverse_proxy_rolls_without_losing_a_request(render):
    spec = of_kind(render(), "Deployment")["nginx"]["spec"]
    assert (spec["replicas"], spec["minReadySeconds"]) == (2, 2)
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    container = spec["template"]["spec"]["containers"][0]
    assert container["lifecycle"]["preStop"] == {"sleep": {"seconds": 6}}
    assert spec["template"]["spec"]["topologySpreadConstraints"][0]["whenUnsatisfiable"] == "ScheduleAnyway"
    budgets = of_kind(render(), "PodDisruptionBudget")
    assert budgets.keys() == {"nginx"}, "a budget on a singleton blocks every drain"
    assert budgets["nginx"]["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_a_changed_config_rolls_only_the_pods_concerned(render):
    before, after = (
        of_kind(render(*arguments), "Deployment") for arguments in ((), ("--set", "config.worker.capacity=7"))
    )
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"cloud-worker"}


def test_annotations_reach_all_pods_or_one_component(render):
    manifests = render("--set", "podAnnotations.a=everywhere,broker.podAnnotations.b=here")
    for name, pod in pods(manifests):
        annotations = pod["metadata"]["annotations"]
        assert annotations["a"] == "everywhere"
        assert ("b" in annotations) == (name == "cloud-broker")


def test_an_account_of_upstreams_kind_is_used_by_all(render):
    manifests = render("--set", "serviceAccount.name=one")
    assert of_kind(manifests, "ServiceAccount").keys() == {"one"}
    names = {pod["spec"]["serviceAccountName"] for name, pod in pods(manifests) if name != "reverse-proxy-test"}
    assert names == {"one"}
