"""What the objects must be like, each rule with the reason it has."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from tests.chart.conftest import CHART
from tests.chart.shapes import SEVERAL, containers, of_kind, pods, restricted

POD_INDEX = "metadata.labels['apps.kubernetes.io/pod-index']"


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


def test_every_object_is_labelled_and_in_the_release_or_tasks_namespace(every_render):
    for manifests in every_render.values():
        for each in manifests:
            meta = each["metadata"]
            assert meta["labels"]["app.kubernetes.io/part-of"] == "fogflow"
            assert {"app.kubernetes.io/managed-by", "app.kubernetes.io/version", "helm.sh/chart"} <= meta[
                "labels"
            ].keys()
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
    assert with_token == {("cloud-worker", "worker"), ("keeper", "keeper"), ("fogflow-leave", "leave")}, "no gate"
    rules = of_kind(manifests, "Role")["fogflow-worker"]["rules"]
    assert [(rule["resources"], rule["verbs"]) for rule in rules] == [
        (["deployments"], ["create", "delete"]),
        (["services"], ["create", "delete"]),
    ]
    subjects = of_kind(manifests, "RoleBinding")["fogflow-worker"]["subjects"]
    assert subjects == [{"kind": "ServiceAccount", "name": "cloud-worker", "namespace": "fogflow"}]
    assert set(of_kind(manifests, "ServiceAccount")) == {
        name for name, pod in pods(manifests) if name != "front-door-test"
    }


def test_long_running_containers_have_probes_that_can_kill_a_wedged_process(every_render):
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


def test_the_front_door_rolls_without_losing_a_request(render):
    spec = of_kind(render(), "Deployment")["nginx"]["spec"]
    assert (spec["replicas"], spec["minReadySeconds"]) == (2, 2)
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    container = spec["template"]["spec"]["containers"][0]
    assert container["lifecycle"]["preStop"] == {"sleep": {"seconds": 6}}
    assert spec["template"]["spec"]["topologySpreadConstraints"][0]["whenUnsatisfiable"] == "ScheduleAnyway"
    budgets = of_kind(render(), "PodDisruptionBudget")
    assert budgets.keys() == {"nginx"}, "a budget on a singleton blocks every drain"
    assert budgets["nginx"]["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def _config(manifests: list[dict[str, Any]], component: str) -> dict[str, Any]:
    return json.loads(of_kind(manifests, "ConfigMap")[f"{component}-config"]["data"]["config.json"])


def test_each_component_gets_the_keys_that_it_needs(render):
    """The minimal set that was found by running the unmodified programs."""
    manifests = render()
    at = "{}.fogflow.svc.cluster.local".format
    base = {"site_id", "physical_location", "logging", "https"}
    discovery = _config(manifests, "discovery")
    assert discovery.keys() == base | {"my_hostip", "discovery", "broker"}
    assert (discovery["my_hostip"], discovery["broker"]) == (at("discovery"), {"heartbeat_interval": 5})
    broker = _config(manifests, "cloud-broker")
    assert broker["my_hostip"] == at("cloud-broker")
    assert broker["broker"] == {"http_port": 8070, "heartbeat_interval": 5}, (
        "host_ip here makes it call itself without end"
    )
    master = _config(manifests, "master")
    assert master.keys() == base | {"discovery", "broker", "designer", "master", "worker", "rabbitmq"}
    assert master["master"] == {"host_ip": at("master"), "ngsi_agent_port": 1060, "rest_api_port": 8010}
    assert master["worker"] == {"heartbeat_interval": 10, "detection_duration": 3}
    worker = _config(manifests, "cloud-worker")
    assert worker["worker"] == {
        "container_management": "kubernetes",
        "app_namespace": "fogflow-tasks",
        "capacity": 10,
        "start_actual_task": True,
        "heartbeat_interval": 10,
        "detection_duration": 3,
    }
    assert worker["broker"] == {"host_ip": at("cloud-broker"), "http_port": 8070}
    designer = _config(manifests, "designer")
    assert designer.keys() == base | {"designer", "broker", "discovery", "master", "rabbitmq"}
    assert designer["rabbitmq"]["port"] == "5672?frameMax=8192"
    assert master["rabbitmq"] == worker["rabbitmq"] == {"host_ip": at("rabbitmq"), "port": 5672, "username": "fogflow"}


def test_the_password_is_in_no_configmap_argument_or_variable(helm_template):
    password = "Sixteen_letters-and-more"
    text = helm_template("--set", f"rabbitmq.auth.password={password}").stdout
    assert password not in text
    assert "stringData" not in text


def test_a_named_secret_is_used_and_none_is_made(render):
    manifests = render("--set", "rabbitmq.auth.existingSecret=mine")
    assert of_kind(manifests, "Secret").keys() == {"fogflow-keeper"}
    volumes = [v for _, pod in pods(manifests) for v in pod["spec"].get("volumes", []) if "secret" in v]
    needed = [volume for volume in volumes if not volume["secret"].get("optional")]
    assert {volume["secret"]["secretName"] for volume in needed} == {"mine"}
    assert len(needed) == 4
    assert [v["secret"]["secretName"] for v in volumes if v not in needed] == ["fogflow-edges"], (
        "of those who have edges"
    )


def test_the_worker_waits_for_the_masters_consumer_and_for_its_predecessor_to_go(render):
    gate = of_kind(render(), "Deployment")["cloud-worker"]["spec"]["template"]["spec"]["initContainers"][0]
    assert "--consumed=master=Master.001" in gate["args"]
    assert "--unconsumed=previous worker=Worker.001" in gate["args"]


def test_an_external_rabbitmq_without_metrics_is_asked_less(render):
    arguments = "rabbitmq.external.host=mq.example.org,rabbitmq.auth.existingSecret=mine"
    manifests = render("--set", arguments)
    assert "rabbitmq" not in of_kind(manifests, "Deployment")
    gate = of_kind(manifests, "Deployment")["cloud-worker"]["spec"]["template"]["spec"]["initContainers"][0]
    assert "--amqp=rabbitmq=mq.example.org:5672" in gate["args"]
    assert not [argument for argument in gate["args"] if "consumed" in argument]


def test_several_are_sets_with_an_identity_an_address_and_a_queue_each(render):
    manifests = render("--set", SEVERAL)
    sets, services = of_kind(manifests, "StatefulSet"), of_kind(manifests, "Service")
    assert sets.keys() == {"cloud-broker", "cloud-worker"}
    assert not sets.keys() & of_kind(manifests, "Deployment").keys()
    for name, count in (("cloud-broker", 3), ("cloud-worker", 2)):
        spec = sets[name]["spec"]
        assert (spec["replicas"], spec["podManagementPolicy"]) == (count, "Parallel")
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


def test_the_first_of_several_brokers_keeps_the_one_brokers_name(render):
    """Discovery knows what lives there under that name; under another one the broker would call itself without end."""
    one, several = (of_kind(render(*more), "ConfigMap") for more in ((), ("--set", SEVERAL)))
    for component in ("cloud-broker", "master", "cloud-worker", "designer", "discovery"):
        assert one[f"{component}-config"] == several[f"{component}-config"]


@pytest.mark.parametrize("one", ["broker.shards=2", "worker.replicas=2"])
def test_either_can_be_several_without_the_other(render, one):
    manifests = render("--set", one)
    name = {"broker": "cloud-broker", "worker": "cloud-worker"}[one.split(".")[0]]
    assert of_kind(manifests, "StatefulSet").keys() == {name}
    worker = (of_kind(manifests, "Deployment") | of_kind(manifests, "StatefulSet"))["cloud-worker"]
    arguments = worker["spec"]["template"]["spec"]["initContainers"][0]["args"]
    assert not [each for each in arguments if each.startswith("--own")], "a single worker, or broker: nothing to choose"


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


def test_the_master_reaches_the_designer_before_it_is_ready_and_nobody_else_does(render):
    """It replays its intents the moment it is on the bus; such a Service leads to the pods of a lost node, too."""
    manifests = render()
    services = {n: s["spec"].get("publishNotReadyAddresses", False) for n, s in of_kind(manifests, "Service").items()}
    assert {name for name, early in services.items() if early} == {"designer-starting"}
    masters = json.loads(of_kind(manifests, "ConfigMap")["master-config"]["data"]["config.json"])
    assert masters["designer"]["host_ip"].startswith("designer-starting.")


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ("namespace=other", "--namespace other"),
        ("expose.type=externalIPs", "externalIPs={"),
        ("expose.type=gateway", "expose.gateway.name"),
        ("rabbitmq.external.host=mq", "rabbitmq.auth.existingSecret"),
        ("config.discovery.http_port=8070", "must differ"),
        ("config.worker.detection_duration=1", "must exceed 12"),
        ("rabbitmq.auth.username=guest", "must not be guest"),
        ("broker.shards=2,configJson.hostPath.path=/x", "need one each"),
        ("worker.replicas=2,configJson.hostPath.path=/x", "need one each"),
        ("worker.engine=fogflow-k8s,configJson.hostPath.path=/x", "use config, or worker.engine upstream"),
        ("worker.engine=ours", "fogflow-k8s"),
        ("broker.shards=17", "maximum"),
        ("worker.replicas=0", "minimum"),
    ],
)
def test_what_cannot_work_is_refused_with_advice(helm_template, arguments, advice):
    done = helm_template("--set", arguments)
    assert done.returncode != 0
    assert advice in done.stderr


def test_the_namespace_may_be_named_if_it_is_the_releases(helm_template):
    assert helm_template("--set", "namespace=fogflow").returncode == 0


def test_an_account_of_upstreams_kind_is_used_by_all(render):
    manifests = render("--set", "serviceAccount.name=one")
    assert of_kind(manifests, "ServiceAccount").keys() == {"one"}
    names = {pod["spec"]["serviceAccountName"] for name, pod in pods(manifests) if name != "front-door-test"}
    assert names == {"one"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("broker.shards=1", ["All components but nginx run once"]),
        (
            SEVERAL,
            ["3 brokers that share nothing", "cloud-broker, cloud-broker-1, cloud-broker-2", "APPEND", "2 workers"],
        ),
        ("broker.shards=2", ["the worker and all tasks use the first", "worker.replicas=2"]),
        ("worker.replicas=2,keeper.enabled=false", ["a StatefulSet waits for that node", "all tasks start anew"]),
        (
            "worker.engine=fogflow-k8s,global.imagePullSecrets={hub}",
            [
                "tasks run on while it is replaced",
                "go with it",
                "fogflow-k8s/worker:1.0.0",
                "images build --push",
                "hub",
                "tasks namespace",
            ],
        ),
    ],
)
def test_notes_say_what_several_are_good_for(helm, arguments, words):
    argv = [helm, "install", "x", str(CHART), "--namespace", "ns", "--dry-run=client", "--set", arguments]
    notes = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout.partition("NOTES:")[2]
    for each in words:
        assert each in notes


def test_notes_say_the_next_commands_and_warn(helm):
    argv = [
        helm,
        "install",
        "x",
        str(CHART),
        "--namespace",
        "ns",
        "--dry-run=client",
        "--set",
        "externalIPs={192.0.2.1}",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    notes = done.stdout.partition("NOTES:")[2]
    for words in (
        "helm -n ns test x",
        "http://192.0.2.1/index.html",
        "get secret x-rabbitmq",
        "since Kubernetes 1.36",
        "without a login",
    ):
        assert words in notes
