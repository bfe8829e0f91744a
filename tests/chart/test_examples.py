"""What the values of an example change, beside what the tests of a subject assert; and that they change nothing else."""

from __future__ import annotations

import json

import pytest

from fogflow_k8s import __version__
from tests.chart import canonical
from tests.chart.conftest import ROOT
from tests.chart.shapes import containers, of_kind, pods
from tests.chart.test_golden import NAMED

PROGRAMS = ("discovery", "cloud-broker", "master", "cloud-worker", "designer")
WITH_PASSWORD = {"master", "cloud-worker", "designer"}
POLICY = "MutatingAdmissionPolicy"


def example(render, name, *more):
    return render("--values", str(ROOT / f"examples/{name}.yaml"), *more)


def spec_of(manifests, name):
    return of_kind(manifests, "Deployment")[name]["spec"]["template"]["spec"]


def volume(spec, name):
    return next(each for each in spec["volumes"] if each["name"] == name)


def names(manifests):
    return {(each["kind"], each["metadata"]["name"]) for each in manifests}


# ---- which objects change (NetworkPolicies: test_network_policies.py)


CONFIGS = {f"ConfigMap fogflow {name}-config" for name in PROGRAMS}
ACCOUNTS = {*PROGRAMS, "fogflow-cleanup", "keeper", "nginx", "rabbitmq"}
ALL_PODS = {
    "Job fogflow fogflow-cleanup",
    *(f"Workload fogflow {name}" for name in (*PROGRAMS, "keeper", "nginx", "rabbitmq")),
}
CHANGES = {
    "gateway": {"new: HTTPRoute fogflow nginx"},
    "ingress": {"new: Ingress fogflow nginx"},
    "persistence": {"new: PersistentVolumeClaim fogflow designer-data", "changed: Workload fogflow designer"},
    "private-registry": {f"changed: {each}" for each in (*ALL_PODS, "Pod fogflow reverse-proxy-test")},
    "external-rabbitmq": {
        *(f"changed: ConfigMap fogflow {name}-config" for name in WITH_PASSWORD),
        *(f"changed: Workload fogflow {name}" for name in (*WITH_PASSWORD, "keeper")),
        *(f"gone: {kind} fogflow rabbitmq" for kind in ("Workload", "Service", "ServiceAccount")),
        "gone: ConfigMap fogflow rabbitmq-config",
    },
    "own-worker": {
        *(f"changed: Workload fogflow {name}" for name in ("cloud-worker", "keeper")),
        *(f"changed: Role fogflow-tasks fogflow-{name}" for name in ("worker", "keeper", "cleanup")),
        *(f"gone: {kind}  fogflow-tasks.fogflow.fogflow" for kind in (POLICY, f"{POLICY}Binding")),
        "changed: Job fogflow fogflow-cleanup",
        "changed: ConfigMap fogflow cloud-worker-config",
        "new: ConfigMap fogflow-tasks fogflow-worker",
    },
    "several": {
        *(f"changed: Workload fogflow {name}" for name in ("cloud-broker", "cloud-worker", "keeper")),
        *(f"new: Service fogflow cloud-broker-{which}" for which in (1, 2, "members")),
        *(f"changed: {kind} fogflow fogflow-cleanup" for kind in ("Job", "Role")),
        "changed: ConfigMap fogflow nginx-config",
        "changed: Service fogflow cloud-broker",
        "new: Service fogflow cloud-worker-members",
    },
    "upstream-keys": {
        *(f"gone: {each}" for each in (*CONFIGS, "ConfigMap fogflow nginx-config")),
        *(f"gone: ServiceAccount fogflow {name}" for name in ACCOUNTS),
        *(f"changed: {each}" for each in (*ALL_PODS, "Service fogflow nginx")),
        *(f"changed: RoleBinding fogflow {name}" for name in ("fogflow-cleanup", "keeper")),
        *(f"changed: RoleBinding fogflow-tasks fogflow-{name}" for name in ("keeper", "cleanup", "worker")),
        *(f"new: {kind} fogflow dgraph" for kind in ("Workload", "Service")),
        f"changed: {POLICY}  fogflow-tasks.fogflow.fogflow",
        "new: ServiceAccount fogflow fogflow-dns",
    },
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_example_changes_these_objects_and_no_other(render, name):
    secret = () if name in {"external-rabbitmq", "private-registry"} else NAMED
    lines = canonical.difference(render(*NAMED), example(render, name, *secret)).splitlines()
    assert {line.removeprefix("# ") for line in lines if line.startswith("# ")} == CHANGES[name]


# ---- private-registry.yaml


def test_every_pod_takes_its_images_from_the_registry_with_its_login_and_goes_to_the_pool(render):
    before = {name: pod["spec"] for name, pod in pods(render())}
    login, taint = (
        "registry-login",
        {"key": "example.org/pool", "operator": "Equal", "value": "iot", "effect": "NoSchedule"},
    )
    found = list(pods(example(render, "private-registry")))
    assert {name for name, _ in found} == before.keys()
    for name, pod in found:
        spec = pod["spec"]
        assert spec["imagePullSecrets"] == [{"name": login}], name
        assert spec["nodeSelector"] == {"example.org/pool": "iot"}, name
        assert spec["tolerations"] == [*before[name].get("tolerations", []), taint], name
        public = [each["image"].removeprefix("docker.io/") for each in containers({"spec": before[name]})]
        digest = f"@sha256:{'0123456789abcdef' * 4}" if name == "nginx" else ""
        assert [each["image"] for each in containers(pod)] == [
            f"registry.example.org/mirror/{image}{digest}" for image in public
        ], name


def test_the_native_worker_comes_from_the_registry_of_its_own_image(render):
    (container,) = spec_of(example(render, "own-worker"), "cloud-worker")["containers"]
    assert container["image"] == f"registry.example.org/fogflow-k8s/worker:{__version__}"


# ---- external-rabbitmq.yaml


def test_an_external_rabbitmq_replaces_ours_in_every_place(render):
    """Its metrics URL is known, so the bootstrap containers and the keeper query it in the same way."""
    before, after = render(*NAMED), example(render, "external-rabbitmq")
    kinds = ("ConfigMap", "Deployment", "Service", "ServiceAccount", "NetworkPolicy")
    assert names(before) - names(after) == {
        (kind, "rabbitmq-config" if kind == "ConfigMap" else "rabbitmq") for kind in kinds
    }
    assert names(after) <= names(before)
    ours, theirs = "rabbitmq.fogflow.svc.cluster.local", "rabbitmq.messaging.svc.cluster.local"
    for name in PROGRAMS:
        old, new = (of_kind(each, "ConfigMap")[f"{name}-config"]["data"]["config.json"] for each in (before, after))
        assert json.loads(new) == json.loads(old.replace(ours, theirs)), name
        assert (theirs in new) == (name in WITH_PASSWORD), name
    for name in (*PROGRAMS, "keeper"):
        old, new = (
            [each["args"] for each in containers({"spec": spec_of(manifests, name)}) if "args" in each]
            for manifests in (before, after)
        )
        assert new == json.loads(json.dumps(old).replace(ours, theirs)), name
    assert f"--metrics=http://{theirs}:15692" in spec_of(after, "cloud-worker")["initContainers"][0]["args"]
    secrets = {name: volume(spec_of(after, name), "password")["secret"] for name in WITH_PASSWORD}
    assert {each["secretName"] for each in secrets.values()} == {"my-rabbitmq"}


# ---- persistence.yaml


def test_the_designers_data_is_on_a_claim_that_outlives_the_release(render):
    manifests = example(render, "persistence")
    (claim,) = of_kind(manifests, "PersistentVolumeClaim").values()
    assert claim["metadata"]["name"] == "designer-data"
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert claim["spec"] == {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
    data = volume(spec_of(manifests, "designer"), "data")
    assert data == {"name": "data", "persistentVolumeClaim": {"claimName": "designer-data"}}
    assert volume(spec_of(render(), "designer"), "data") == {"name": "data", "emptyDir": {}}


@pytest.mark.parametrize("component", ["designer", "rabbitmq", "dgraph"])
def test_a_storage_class_and_a_claim_of_your_own_are_used(render, component):
    enabled = f"dgraph.enabled=true,{component}.persistence.enabled=true"
    claims = of_kind(render("--set", f"{enabled},{component}.persistence.storageClass=fast"), "PersistentVolumeClaim")
    assert {name: claim["spec"]["storageClassName"] for name, claim in claims.items()} == {f"{component}-data": "fast"}
    manifests = render("--set", f"{enabled},{component}.persistence.existingClaim=mine")
    assert of_kind(manifests, "PersistentVolumeClaim") == {}
    assert volume(spec_of(manifests, component), "data")["persistentVolumeClaim"] == {"claimName": "mine"}


# ---- upstream-keys.yaml: the keys of upstream's values.yaml have upstream's meaning


@pytest.fixture
def upstream(render):
    return example(render, "upstream-keys")


def test_every_program_reads_upstreams_file_of_the_node(render, upstream):
    """That file has the password, so the bootstrap container writes none, and no Secret is mounted."""
    for name in PROGRAMS:
        before, spec = spec_of(render(), name), spec_of(upstream, name)
        assert volume(spec, "config")["hostPath"] == {"path": "/etc/fogflow/config.json", "type": "File"}, name
        assert not {each["name"] for each in spec["volumes"]} & {"filled", "password"}, name
        was, mounts = (
            {mount["mountPath"]: mount for mount in each["containers"][0]["volumeMounts"]} for each in (before, spec)
        )
        assert mounts.keys() == was.keys(), name
        path = next(path for path in mounts if path.endswith("config.json"))
        assert mounts[path] == {"name": "config", "mountPath": path, "readOnly": True}, name
        for first, after in zip(before.get("initContainers", []), spec.get("initContainers", []), strict=True):
            ours = ("--config=", "--out=", "--password-file=")
            assert after["args"] == [each for each in first["args"] if not each.startswith(ours)], name
            assert [mount["mountPath"] for mount in after["volumeMounts"]] == ["/bootstrap"], name
    assert not of_kind(upstream, "ConfigMap").keys() & {f"{name}-config" for name in (*PROGRAMS, "nginx")}


def test_nginx_is_one_reads_the_file_of_the_node_and_has_the_external_address(upstream):
    spec = spec_of(upstream, "nginx")
    assert of_kind(upstream, "Deployment")["nginx"]["spec"]["replicas"] == 1
    assert volume(spec, "config")["hostPath"] == {"path": "/etc/fogflow/nginx.conf", "type": "File"}
    mount = next(each for each in spec["containers"][0]["volumeMounts"] if each["name"] == "config")
    assert mount == {"name": "config", "mountPath": "/etc/nginx/nginx.conf", "readOnly": True}
    assert of_kind(upstream, "Service")["nginx"]["spec"]["externalIPs"] == ["192.0.2.10"]


def test_the_one_account_has_the_rights_of_all(upstream):
    assert of_kind(upstream, "ServiceAccount").keys() == {"fogflow-dns"}
    used = {pod["spec"]["serviceAccountName"] for name, pod in pods(upstream) if name != "reverse-proxy-test"}
    assert used == {"fogflow-dns"}
    subjects = [subject for each in upstream if each["kind"] == "RoleBinding" for subject in each["subjects"]]
    assert len(subjects) == 5
    assert all(
        subject == {"kind": "ServiceAccount", "name": "fogflow-dns", "namespace": "fogflow"} for subject in subjects
    )


def test_the_tasks_of_the_one_account_are_changed_when_they_are_made(upstream):
    (policy,) = of_kind(upstream, POLICY).values()
    (condition,) = policy["spec"]["matchConditions"]
    assert condition["expression"] == 'request.userInfo.username == "system:serviceaccount:fogflow:fogflow-dns"'


def test_dgraph_has_the_folder_of_the_node(upstream):
    spec = spec_of(upstream, "dgraph")
    assert [each["image"].partition(":")[0] for each in spec["containers"]] == ["docker.io/dgraph/standalone"]
    assert volume(spec, "data")["hostPath"] == {"path": "/mnt/dgraph", "type": "Directory"}
    assert {"name": "data", "mountPath": "/dgraph"} in spec["containers"][0]["volumeMounts"]
    ports = [{"name": "http", "containerPort": 8080}, {"name": "grpc", "containerPort": 9080}]
    assert spec["containers"][0]["ports"] == ports
    assert spec["terminationGracePeriodSeconds"] == 60
