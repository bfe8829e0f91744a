"""The four shapes of cluster, and placements that cannot be, on simulated nodes: the scheduler and the API server are real,
no container runs. The nodes are this file's own, and each test has the ones it asks for."""

import json
import time
from pathlib import Path

import pytest

from fogflow_k8s.sandbox.simulated import CONTROL_PLANE, node_names, node_object
from tests.scope import only_all
from tests.sites import Site
from tests.waiting import until

from .conftest import ENV, run_sandbox, up

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("own-nodes")]
BUDGET_S = 310
TAINT = f"{CONTROL_PLANE}:NoSchedule"
MANY = [word for part in ("requests", "limits") for word in ("--set", f"rabbitmq.resources.{part}.cpu=64")]


class Cluster(Site):
    """A namespace on a sandbox whose nodes may be changed."""

    def shape(self, count, *, planes=1, tainted=True, taints=None, labels=None):
        """Have these nodes and no others; the first `planes` of them are control planes."""
        names = node_names(count, control_planes=planes)
        self.kubectl("delete", "nodes", "--all", "--wait=true")
        for name in names:
            own = [TAINT] if tainted and name in names[:planes] else []
            node = node_object(name, names, pods=110, taints=[*own, *(taints or {}).get(name, [])], port=10250)
            node["metadata"]["labels"] |= (labels or {}).get(name, {})
            self.kubectl("create", "-f", "-", stdin=json.dumps(node))
        until(self.all_ready, "every node is ready")
        return names

    def all_ready(self):
        """Ready, and the controllers have taken their own taints away again."""
        nodes = self.get("nodes")["items"]
        conditions = [c["status"] for n in nodes for c in n["status"].get("conditions", []) if c["type"] == "Ready"]
        passing = [t for n in nodes for t in n["spec"].get("taints", []) if t["key"].startswith("node.kubernetes.io/")]
        return conditions == ["True"] * len(nodes) and not passing

    def where(self, component):
        pods = self.get("pods", "-l", f"app.kubernetes.io/name={component}")["items"]
        return sorted(p["spec"]["nodeName"] for p in pods if not p["metadata"].get("deletionTimestamp"))

    def refused(self, *words):
        """The causes of a deploy that was refused; and nothing is there that was not there before."""
        result = self.deploy(*words, code=10)
        assert (result["result"], result["exitCode"], result["release"]["revision"]) == ("unchanged", 10, None)
        assert not self.exists()
        assert self.helm("list", "-A", "-o", "json", "--filter", "^fogflow$") == "[]\n"
        return result["causes"]

    def exists(self):
        return bool(self.kubectl("get", "namespace", self.namespace, "--ignore-not-found"))


@pytest.fixture(scope="module")
def own_sandbox(tmp_path_factory):
    state = tmp_path_factory.mktemp("own-nodes")
    yield up(state, "nodes", "--nodes", "1")
    run_sandbox(state, "down", "--name", "nodes")


@pytest.fixture
def cluster(own_sandbox, tmp_path):
    env = {**ENV, "FOGFLOW_K8S_STATE": str(tmp_path), "KUBECONFIG": own_sandbox["KUBECONFIG"]}
    made = Cluster(own_sandbox, f"t-{time.monotonic_ns() % 10**9}", tmp_path, env)
    yield made
    spaces = [made.namespace, f"{made.namespace}-tasks"]
    made.kubectl("delete", "namespace", *spaces, "--ignore-not-found", "--timeout=60s", check=False)


@pytest.mark.parametrize(
    ("number", "nodes", "preset", "says", "proxies"),
    [
        (1, {"count": 1, "tainted": False}, "single-node", "one node is control plane and worker", 1),
        pytest.param(2, {"count": 2}, "small", "one control-plane node and one worker node", 2, marks=only_all),
        pytest.param(3, {"count": 4}, "small", "one control-plane node and 3 worker nodes", 2, marks=only_all),
        (4, {"count": 6, "planes": 3}, "ha", "3 control-plane nodes and 3 worker nodes", 3),
    ],
    ids=["one-node", "one-and-one", "one-and-many", "many-and-many"],
)
def test_every_shape_is_recognised_and_fogflow_placed_on_it(cluster, number, nodes, preset, says, proxies):
    names = cluster.shape(**nodes)
    workers = names[nodes.get("planes", 1) :] or names
    result = cluster.deploy()
    assert result["result"] == "installed"
    chosen = result["preset"]
    assert (chosen["name"], chosen["clusterTopology"]["number"], chosen["clusterTopology"]["description"]) == (
        preset,
        number,
        says,
    )
    assert chosen["clusterTopology"]["workerNodes"] == len(workers)
    assert f"==> preset {preset} (topology {number}: {says}): nginx has {proxies} replica" in cluster.stderr
    assert "other components have one instance each" in cluster.stderr
    where = cluster.where("nginx")
    assert len(where) == proxies
    assert len(set(where)) == min(proxies, len(workers)), "spread over the nodes"
    placed = {p["spec"]["nodeName"] for p in cluster.get("pods")["items"]}
    assert placed <= set(workers), "none on a tainted control plane"
    for component in ("master", "cloud-worker", "discovery", "cloud-broker", "rabbitmq", "designer"):
        assert len(cluster.where(component)) == 1
    again = cluster.deploy()
    assert (again["result"], again["preset"]["reason"]) == ("unchanged", "as installed")


@only_all
def test_zones_are_spread_over_where_they_are_labelled(cluster):
    names = node_names(6, control_planes=3)
    zones = {name: {"topology.kubernetes.io/zone": f"zone-{i % 3}"} for i, name in enumerate(names)}
    cluster.shape(6, planes=3, labels=zones)
    result = cluster.deploy()
    assert result["preset"]["clusterTopology"]["zones"] == 3
    assert len({zones[name]["topology.kubernetes.io/zone"] for name in cluster.where("nginx")}) == 3


def test_a_preset_can_be_asked_for_and_leaves_what_the_user_set(cluster):
    cluster.shape(1, tainted=False)
    result = cluster.deploy("--preset", "ha", "--set", "replicaCount=2", "--dry-run=client")
    assert (result["preset"]["name"], result["preset"]["reason"]) == ("ha", "requested with --preset")
    assert "nginx has 2 replicas" in cluster.stderr
    cluster.run("deploy", "--preset", "huge", code=2)
    assert "single-node, small, ha" in cluster.stderr
    assert not cluster.exists()


@only_all
def test_an_upgrade_keeps_the_preset_when_nodes_come_and_go(cluster):
    cluster.shape(3)
    cluster.deploy()
    cluster.kubectl("cordon", "sandbox-worker2")
    again = cluster.deploy()
    assert (again["result"], again["preset"]["name"]) == ("unchanged", "small")
    cluster.kubectl("uncordon", "sandbox-worker2")
    changed = cluster.deploy("--preset", "single-node")
    assert (changed["result"], len(cluster.where("nginx"))) == ("upgraded", 1)
    kept = cluster.deploy()
    assert kept["result"] == "unchanged"
    assert kept["preset"]["reason"] == "as installed; --preset small would fit the current nodes"


def test_a_selector_that_no_node_has(cluster):
    cluster.shape(3)
    [cause] = cluster.refused("--set", "discovery.nodeSelector.disk=ssd")
    assert (cause["id"], cause["class"], cause["component"]) == ("FK-3012", "permanent", "discovery")
    assert cause["object"] == "deployment/discovery"
    assert cause["evidence"] == [
        "sandbox-control-plane: taint node-role.kubernetes.io/control-plane:NoSchedule",
        "sandbox-worker: no label disk=ssd",
        "sandbox-worker2: no label disk=ssd",
    ]
    assert any("kubectl label node" in line for line in cause["remedy"])
    cluster.run("deploy", "--set", "discovery.nodeSelector.disk=ssd", code=10)
    assert not cluster.exists()
    cluster.run("deploy", "--set", "discovery.nodeSelector.disk=ssd", "--dry-run=client", code=10)


def test_a_taint_that_nobody_tolerates(cluster):
    cluster.shape(2, taints={"sandbox-worker": ["dedicated=gpu:NoSchedule"]})
    [cause] = cluster.refused()
    assert cause["component"] == "release", "all have the same trouble"
    assert "rabbitmq" in cause["summary"]
    assert "sandbox-worker: taint dedicated=gpu:NoSchedule" in cause["evidence"]
    assert "global.tolerations" in cause["remedy"][0]
    tolerate = ["--set", "global.tolerations[0].key=dedicated", "--set", "global.tolerations[0].operator=Exists"]
    result = cluster.deploy(*tolerate)
    assert (result["result"], result["preset"]["clusterTopology"]["number"]) == ("installed", 2)


@only_all
def test_one_tainted_node_is_no_home_unless_it_is_tolerated(cluster):
    cluster.shape(1)
    [cause] = cluster.refused()
    assert cause["evidence"] == [f"sandbox-control-plane: taint {TAINT}"]
    tolerate = ["--set", f"global.tolerations[0].key={CONTROL_PLANE}", "--set", "global.tolerations[0].operator=Exists"]
    result = cluster.deploy(*tolerate)
    assert (result["result"], result["preset"]["name"]) == ("installed", "single-node")


def test_a_request_that_no_node_can_fill(cluster):
    cluster.shape(3)
    [cause] = cluster.refused(*MANY)
    assert cause["component"] == "rabbitmq"
    assert cause["summary"] == "rabbitmq fits on no node; it needs 64 CPU and 192Mi memory"
    assert "sandbox-worker: 4 CPU free, 64 needed" in cause["evidence"]
    [cause] = cluster.refused(
        "--set", "bootstrap.resources.requests.memory=9Gi", "--set", "bootstrap.resources.limits.memory=9Gi"
    )
    assert "5Gi memory" in cause["summary"], "an init container counts, too: five components have that one"
    assert "sandbox-worker2: 8Gi memory free, 9Gi needed" in cause["evidence"]


def test_what_runs_there_is_taken_and_an_upgrade_replaces_its_own(cluster):
    cluster.shape(2)
    cluster.deploy("--set", "rabbitmq.resources.requests.cpu=2")
    words = ["--set", "rabbitmq.resources.requests.cpu=3"]
    assert cluster.deploy(*words)["result"] == "upgraded", "its own 2 CPU come free"
    other = ["deployment", cluster.namespace, "-n", "default"]  # the release's own namespace takes restricted pods only
    cluster.kubectl("create", *other, "--image=other")
    try:
        cluster.kubectl("set", "resources", *other, "--requests=cpu=500m")
        cluster.kubectl("rollout", "status", *other, "--timeout=60s")
        refused = cluster.deploy("--set", "rabbitmq.resources.requests.cpu=3600m", code=10)
        assert (refused["result"], refused["release"]["revision"]) == ("unchanged", 2)
        assert "sandbox-worker: 3500m CPU free, 3600m needed" in refused["causes"][0]["evidence"]
        assert refused["state"] == "unverified", "what runs goes on"
    finally:
        cluster.kubectl("delete", *other)


def test_a_node_that_is_down_or_cordoned_is_no_place(cluster):
    cluster.shape(3)
    cluster.kubectl("cordon", "sandbox-worker")
    cluster.kubectl("label", "node", "sandbox-worker2", "sandbox.fogflow-k8s.io/fault=not-ready")
    until(lambda: not cluster.all_ready(), "the node is down")
    [cause] = cluster.refused()
    assert cause["evidence"][1:] == ["sandbox-worker: cordoned", "sandbox-worker2: not ready"]
    assert "kubectl uncordon NODE" in "".join(cause["remedy"])


def test_a_volume_on_a_node_that_is_gone(cluster):
    cluster.shape(3)
    cluster.make_namespace()
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["gone"]}
    volume, name = f"pv-{cluster.namespace}", "mine"
    cluster.kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume}, "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "manual", "local": {"path": "/data"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}}}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": cluster.namespace}, "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": "manual", "volumeName": volume, "resources": {"requests": {"storage": "1Gi"}}}},
    ]}))  # fmt: skip
    try:
        words = ["--set", "designer.persistence.enabled=true", "--set", f"designer.persistence.existingClaim={name}"]
        [cause] = cluster.deploy(*words, code=10)["causes"]
        assert cause["component"] == "designer"
        assert (
            cause["evidence"][0]
            == "claim mine: its volume is on kubernetes.io/hostname In gone, and no node of the cluster matches"
        )
        assert "sandbox-worker: cannot reach the volume of claim mine" in cause["evidence"]
        assert cluster.helm("list", "-o", "json") == "[]\n"
    finally:
        cluster.kubectl("delete", "pvc", name, "--wait=false")
        cluster.kubectl("delete", "pv", volume, "--wait=false")


def test_a_cluster_that_makes_nodes_by_itself_is_only_warned_about(cluster):
    cluster.shape(2, labels={"sandbox-worker": {"karpenter.sh/nodepool": "default"}})
    words = [*MANY, "--timeout", "12s"]
    assert cluster.deploy(*words, code=21)["causes"][0]["id"] == "FK-3001"
    assert "as the cluster adds nodes by itself" in cluster.stderr


@pytest.mark.parametrize(
    "nodes",
    [pytest.param(False, marks=only_all), True],
    ids=["neither nodes nor pods", "nodes, but not all pods"],
)
def test_without_the_rights_it_is_said_in_one_line_and_goes_on(cluster, nodes):
    cluster.shape(3)
    ours, tasks = cluster.namespace, f"{cluster.namespace}-tasks"
    rules = [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}]
    rules += [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]}] if nodes else []
    user = {"kind": "ServiceAccount", "name": "user", "namespace": ours}
    group = "rbac.authorization.k8s.io"
    for space in (ours, tasks):
        cluster.kubectl("create", "namespace", space)
        admin = ["--clusterrole=cluster-admin", f"--serviceaccount={ours}:user"]
        cluster.kubectl("create", "rolebinding", "user", *admin, "-n", space)
    cluster.kubectl("create", "serviceaccount", "user")
    cluster.kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": ours}, "rules": rules},
        {"apiVersion": f"{group}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": ours}, "subjects": [user],
         "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": ours}},
    ]}))  # fmt: skip
    config = json.loads(cluster.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    config["users"][0]["user"] = {"token": cluster.kubectl("create", "token", "user").strip()}
    path = Path(cluster.state) / "user.kubeconfig"
    path.write_text(json.dumps(config))
    path.chmod(0o600)
    try:
        words = ["--set", "tasks.createNamespace=false"]
        result = cluster.deploy(*words, env={"KUBECONFIG": str(path)})
        assert result["result"] == "installed"
        what = "the pods of all namespaces" if nodes else "nodes"
        assert cluster.stderr.count("not checked whether the pods fit") == 1
        assert f"not checked whether the pods fit: no permission to list {what}" in cluster.stderr
        assert (result["preset"]["name"], result["preset"]["clusterTopology"] is None) == ("small", not nodes)
    finally:
        cluster.kubectl("delete", "clusterrole,clusterrolebinding", ours)
