"""The edge's chart: works alone, shares the cloud's templates, is small, and closed."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

from fogflow_k8s.model.quantities import quantity
from fogflow_k8s.model.settings.base import difference
from fogflow_k8s.model.settings.edge import EdgeValues, edge_defaults
from tests.chart import canonical
from tests.chart.conftest import ROOT
from tests.chart.shapes import of_kind, pods, restricted
from tests.chart.test_golden import NAMED

EDGE = ROOT / "charts/fogflow-edge-chart"
CLOUD = ROOT / "charts/fogflow-chart"
VALUES = {
    "cloud": {
        "rabbitmq": {"host": "192.0.2.1"}, "discovery": {"host": "192.0.2.1"},
        "broker": {"host": "192.0.2.1", "name": "cloud-broker.fogflow.svc.cluster.local"},
    },
    "config": {"site_id": "002", "external_hostip": "198.51.100.7"},
    "rabbitmq": {"auth": {"username": "edge-002", "existingSecret": "fogflow-edge"}},
}  # fmt: skip


@pytest.fixture(scope="module")
def values(tmp_path_factory):
    path = tmp_path_factory.mktemp("edge") / "values.yaml"
    path.write_text(yaml.safe_dump(VALUES), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def manifests(render, values):
    return render("--values", values, chart=EDGE)


def test_values_yaml_and_the_model_have_the_same_keys_and_defaults():
    values = yaml.safe_load((EDGE / "values.yaml").read_text(encoding="utf-8"))
    assert difference(edge_defaults(), values) == {}, "in values.yaml, not so in the model"
    assert difference(values, edge_defaults()) == {}, "in the model, not so in values.yaml"
    EdgeValues.model_validate(VALUES)


def test_lint_is_strict_and_clean(helm, values):
    argv = [helm, "lint", "--strict", str(EDGE), "--values", values]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout


@pytest.mark.parametrize(
    ("without", "says"),
    [
        ("cloud.rabbitmq.host", "where does this edge reach its cloud"),
        ("cloud.broker.host", "where does this edge reach its cloud"),
        ("config.site_id", "every edge needs one of its own"),
        ("config.external_hostip", "at which address does the cloud reach"),
        ("rabbitmq.auth.existingSecret", "put the password of this edge's user into a Secret"),
    ],
)
def test_what_is_missing_is_asked_for(helm_template, values, without, says):
    done = helm_template("--values", values, "--set", f"{without}=", chart=EDGE)
    assert done.returncode != 0
    assert says in done.stderr


@pytest.mark.parametrize(
    "key", ["master.x=1", "broker.image.tgo=1", "broker.shards=2", "worker.replicas=2", "expose.edge.type=none"]
)
def test_what_is_no_edges_is_refused(helm_template, values, key):
    assert helm_template("--values", values, "--set", key, chart=EDGE).returncode != 0


def test_golden(render, manifests, golden):
    """The difference between the cloud and an edge; the names of broker and worker are made equal first."""
    cloud = json.loads(json.dumps(render(*NAMED)).replace('"cloud-', '"edge-'))
    golden("edge.diff", canonical.difference(cloud, manifests))


def test_packaged_it_is_the_same(helm, helm_template, values, tmp_path):
    """Links become files: whoever gets the archive needs nothing beside it."""
    done = subprocess.run(
        [helm, "package", str(EDGE), "-d", str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.glob("*.tgz")
    with tarfile.open(archive) as tar:
        assert not [member.name for member in tar if member.issym()]
    assert (
        helm_template("--values", values, chart=archive).stdout == helm_template("--values", values, chart=EDGE).stdout
    )


def test_no_component_template_is_a_copy():
    theirs = {path.read_bytes(): path for path in CLOUD.rglob("templates/**/*") if path.is_file()}
    copies = [path for path in EDGE.rglob("*") if path.is_file() and not _linked(path) and path.read_bytes() in theirs]
    assert copies == []


def _linked(path: Path) -> bool:
    return any(each.is_symlink() for each in (path, *path.parents))


def test_it_asks_for_little(manifests):
    """60 m and 160 MiB at most, without tasks; init containers run before, not beside."""
    sums = {"cpu": 0.0, "memory": 0.0}
    for kind in ("Deployment", "StatefulSet", "DaemonSet"):
        for each in of_kind(manifests, kind).values():
            spec = each["spec"]["template"]["spec"]
            for name in sums:
                main = sum(float(quantity(c["resources"]["requests"][name])) for c in spec["containers"])
                first = max(
                    (float(quantity(c["resources"]["requests"][name])) for c in spec.get("initContainers", [])),
                    default=0.0,
                )
                sums[name] += max(main, first)
    assert sums["cpu"] <= 0.060, sums
    assert sums["memory"] <= 160 * 2**20, sums


def test_its_workloads_are_one_each_and_nothing_bars_a_drain(manifests):
    deployments = of_kind(manifests, "Deployment")
    assert set(deployments) == {"edge-broker", "edge-worker", "keeper"}
    assert all(
        (d["spec"]["replicas"], d["spec"]["strategy"]) == (1, {"type": "Recreate"}) for d in deployments.values()
    )
    assert of_kind(manifests, "PodDisruptionBudget") == {}
    assert all("topologySpreadConstraints" not in d["spec"]["template"]["spec"] for d in deployments.values())


def test_every_pod_passes_pod_security_restricted(manifests):
    assert {name: found for name, pod in pods(manifests) if (found := restricted(pod))} == {}


def config(manifests, name):
    return json.loads(of_kind(manifests, "ConfigMap")[f"{name}-config"]["data"]["config.json"])


def test_the_broker_tells_others_the_address_that_the_cloud_reaches(manifests):
    its = config(manifests, "edge-broker")
    assert (its["my_hostip"], its["broker"]["http_port"], its["site_id"]) == ("198.51.100.7", 8060, "002")
    assert its["discovery"] == {"host_ip": "192.0.2.1", "http_port": 8090}
    assert "host_ip" not in its["broker"], "it would call itself without end"
    inbound = of_kind(manifests, "Service")["edge-broker-inbound"]["spec"]
    assert (inbound["externalIPs"], inbound["externalTrafficPolicy"], inbound["ports"][0]["port"]) == (
        ["198.51.100.7"],
        "Local",
        8060,
    )


def test_the_worker_hands_its_own_broker_to_tasks_and_logs_in_as_the_edge(manifests):
    its = config(manifests, "edge-worker")
    assert its["broker"] == {"host_ip": "edge-broker.fogflow.svc.cluster.local", "http_port": 8060}
    assert its["rabbitmq"] == {"host_ip": "192.0.2.1", "port": 5672, "username": "edge-002"}
    assert its["worker"]["app_namespace"] == "fogflow-tasks"


def test_the_clouds_broker_is_found_under_the_name_that_discovery_tells(manifests):
    spec = of_kind(manifests, "Deployment")["edge-broker"]["spec"]["template"]["spec"]
    assert spec["hostAliases"] == [{"ip": "192.0.2.1", "hostnames": ["cloud-broker.fogflow.svc.cluster.local"]}]


def test_a_cloud_that_has_a_name_needs_no_alias(helm_template, values):
    done = helm_template("--values", values, "--set", "cloud.broker.host=cloud.example", chart=EDGE)
    assert "hostAliases" not in done.stdout


# ---- policies: who is let in, and where one may go; by hand, from what an edge's parts do


ANYWHERE = ("cloud", (8060, 8070, 8090))
WAYS = {
    "edge-broker": (
        {("cloud", (8060,)), ("edge-worker", (8060,)), ("keeper", (8060,)), ("tasks", (8060,))},
        {ANYWHERE, ("tasks", ()), ("keeper", (8095,))},
    ),
    "edge-worker": (set(), {("cloud", (5672,)), ("edge-broker", (8060,)), ("", (443, 6443, 16443))}),
    "keeper": ({("edge-broker", (8095,))}, {("cloud", (5672, 8070, 8090)), ("edge-broker", (8060,)), ("", (443, 6443, 16443))}),
    "cleanup": (set(), {("", (443, 6443, 16443))}),
}  # fmt: skip
CIDRS = "networkPolicy.cloud.cidrs={192.0.2.0/24}"


def _peer(peer):
    if "ipBlock" in peer:
        assert peer["ipBlock"]["cidr"] in {"192.0.2.0/24", "0.0.0.0/0", "::/0"}
        return "cloud"
    labels = (peer.get("podSelector") or {}).get("matchLabels") or {}
    return labels.get("app.kubernetes.io/name", "tasks")


def _ways(rules, side):
    found = set()
    for rule in rules or []:
        ports = tuple(sorted(p["port"] for p in rule.get("ports", [])))
        if set(ports) == {53, 1053, 5353, 8053}:
            continue
        found |= {(_peer(peer), ports) for peer in rule.get(side, [])} or {("", ports)}
    return found


@pytest.mark.parametrize("narrow", ["", CIDRS], ids=["anywhere", "by address"])
def test_policies_let_through_what_an_edge_needs(render, values, narrow):
    manifests = render("--values", values, *(("--set", narrow) if narrow else ()), chart=EDGE)
    policies = of_kind(manifests, "NetworkPolicy")
    for name, (comes, goes) in WAYS.items():
        spec = policies[name]["spec"]
        assert spec["policyTypes"] == ["Ingress", "Egress"], name
        assert spec["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == name
        assert _ways(spec.get("ingress"), "from") == comes, name
        assert _ways(spec.get("egress"), "to") == goes, name
    tasks = policies["fogflow-tasks"]["spec"]
    assert _ways(tasks["ingress"], "from") == {("edge-broker", ())}
    assert _ways(tasks["egress"], "to") == {("edge-broker", (8060,))}
    assert ("0.0.0.0/0" in json.dumps(manifests)) is (not narrow)
    assert set(policies) == {*WAYS, "fogflow-tasks"}
