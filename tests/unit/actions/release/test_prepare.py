"""What a deploy decides where the user left it open, and what it reports before it begins."""

import json
from types import SimpleNamespace

import pytest

from fogflow_k8s.actions.preconditions.address_families import unaddressable, with_family
from fogflow_k8s.actions.release.prepare import introduce
from fogflow_k8s.actions.release.request import Login
from fogflow_k8s.adapters.helm.client import Helm, Target
from fogflow_k8s.errors import ClusterError, OperationFailed, UsageError
from tests.unit.actions.world import EDGE_CHART, HOME, RELEASE, SECRET, TASKS, decoded, ended
from tests.unit.model.nodes import node

CLASS = "storageclass.kubernetes.io/is-default-class"
SPREAD = {"maxSkew": 2, "topologyKey": "rack", "whenUnsatisfiable": "ScheduleAnyway"}


def values(world):
    """What Helm was given last."""
    return world.programs.revisions[-1]["values"]


def storage_class(name, default):
    return {"kind": "StorageClass", "metadata": {"name": name, "annotations": {CLASS: default}}}


@pytest.fixture
def several(world):
    """Three control planes and three workers."""
    world.cluster.remove("Node", "one")
    for n in range(3):
        world.cluster.put(node(f"plane-{n}", plane=True, taints=[{"key": "k", "effect": "NoSchedule"}]))
        world.cluster.put(node(f"worker-{n}"))
    return world


def test_the_preset_is_the_one_for_the_nodes_that_there_are(world):
    outcome = world.deploy()
    assert outcome.preset.name == "single-node"
    assert values(world)["replicaCount"] == 1
    assert world.reported("preset single-node (topology 1: one node is control plane and worker): nginx has 1 replica")


def test_many_nodes_have_another_preset(several):
    assert several.deploy().preset.name == "ha"
    assert values(several)["replicaCount"] == 3
    assert several.reported("nginx has 3 replicas")


def test_the_preset_asked_for_wins_over_the_nodes_and_over_the_one_installed(deployed):
    outcome = deployed.deploy(preset="small")
    assert (outcome.preset.name, values(deployed)["replicaCount"]) == ("small", 2)
    assert deployed.reported("preset small (requested with --preset)")


def test_an_upgrade_keeps_the_preset_when_the_nodes_are_others_and_says_which_would_fit(several):
    several.deploy()
    for n in range(3):
        several.cluster.remove("Node", f"plane-{n}")
        several.cluster.remove("Node", f"worker-{n}")
    several.cluster.put(node("one", plane=True))
    outcome = several.deploy(dry_run="client")
    assert (outcome.preset.name, outcome.difference.changed) == ("ha", True), "of 3 replicas there is room for 2 or 3"
    assert several.reported("as installed; --preset single-node would fit the current nodes")


def test_nodes_that_may_not_be_seen_have_the_preset_that_fits_most(world):
    world.cluster.refuse("list", "Node")
    assert world.deploy().preset.name == "small"
    assert world.reported("no permission to read the nodes")
    assert world.reported("not checked whether the pods fit: no permission to list nodes")


def test_nodes_that_cannot_be_asked_for_are_an_error(world):
    world.cluster.refuse("list", "Node", 500)
    with pytest.raises(ClusterError):
        world.deploy()


def test_values_of_the_user_win_over_those_of_the_preset(several):
    several.deploy({"replicaCount": 5, "nginx": {"topologySpreadConstraints": [SPREAD]}})
    assert values(several)["replicaCount"] == 5
    assert values(several)["nginx"]["topologySpreadConstraints"] == [SPREAD]


def test_the_pods_tolerations_say_which_nodes_count(several):
    several.deploy({"global": {"tolerations": [{"key": "k", "operator": "Exists"}]}})
    assert several.reported("3 control-plane nodes take pods, too")


def test_the_designer_has_a_volume_where_there_is_a_default_storage_class(world):
    world.cluster.put(storage_class("other", "false"))
    world.cluster.put(storage_class("standard", "true"))
    world.deploy()
    assert values(world)["designer"] == {"persistence": {"enabled": True}}


def test_the_designer_has_none_where_no_class_is_the_default_or_they_may_not_be_seen(world):
    world.cluster.put(storage_class("other", "false"))
    world.deploy(dry_run="client")
    world.cluster.refuse("list", "StorageClass")
    world.deploy()
    assert "designer" not in values(world)


@pytest.mark.parametrize("had", [True, False])
def test_an_upgrade_never_flips_the_designers_volume(world, had):
    if had:
        world.cluster.put(storage_class("standard", "true"))
    world.deploy()
    if had:
        world.cluster.remove("StorageClass", "standard")
    else:
        world.cluster.put(storage_class("standard", "true"))
    assert ended(world.deploy()) == "unchanged, 0"


def test_the_user_decides_about_the_designers_volume_first(world):
    world.cluster.put(storage_class("standard", "true"))
    world.deploy({"designer": {"persistence": {"enabled": False}}})
    assert values(world)["designer"] == {"persistence": {"enabled": False}}


def endpoints(world):
    world.cluster.put({
        "kind": "Service", "metadata": {"name": "kubernetes", "namespace": "default"},
        "spec": {"clusterIP": "10.96.0.1", "ports": [{"port": 443}]},
    })  # fmt: skip
    labels = {"kubernetes.io/service-name": "kubernetes"}
    meta = {"name": "kubernetes", "namespace": "default", "labels": labels}
    found = {"endpoints": [{"addresses": ["192.0.2.7"]}], "ports": [{"port": 6443}]}
    world.cluster.put({"kind": "EndpointSlice", "metadata": meta, **found})


def test_the_policies_name_the_api_servers_addresses_where_they_last(world):
    endpoints(world)
    world.deploy()
    way = {"cidrs": ["10.96.0.1/32", "192.0.2.7/32"], "ports": [443, 6443]}
    assert values(world)["networkPolicy"] == {"apiServer": way}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("cilium", "Cilium's policies do not match the API server by address"),
        ("refused", "no permission to read its addresses"),
        ("none", "no endpoint"),
    ],
)
def test_the_policies_leave_the_api_server_open_where_its_addresses_cannot_be_told(world, given, why):
    if given != "none":
        endpoints(world)
    if given == "cilium":
        world.cluster.put({"kind": "ConfigMap", "metadata": {"name": "cilium-config", "namespace": "kube-system"}})
    if given == "refused":
        world.cluster.refuse("list", "EndpointSlice")
    world.deploy()
    ports = {"apiServer": {"ports": [443, 6443]}}
    assert values(world).get("networkPolicy") == (ports if given == "cilium" else None)
    assert world.reported(why)


@pytest.mark.parametrize(
    ("name", "namespace", "labels", "port"),
    [
        ("kube-dns", "kube-system", {"k8s-app": "kube-dns"}, 1053),
        ("rke2-coredns-rke2-coredns", "kube-system", {"k8s-app": "kube-dns"}, 8053),
        ("dns-default", "openshift-dns", {"dns.operator.openshift.io/owning-dns": "default"}, 5353),
    ],
)
def test_the_policies_let_names_through_where_the_cluster_resolves_them(world, name, namespace, labels, port):
    ports = [{"name": "dns", "port": 53}, {"name": "metrics", "port": 9154}]
    meta = {"name": name, "namespace": namespace, "labels": labels}
    world.cluster.put({"kind": "Service", "metadata": meta, "spec": {"ports": ports}})
    behind = [{**ports[0], "port": port}, ports[1]]
    meta = {**meta, "name": f"{name}-x"}  # a slice has the labels of its Service
    world.cluster.put({"kind": "EndpointSlice", "metadata": meta, "endpoints": [], "ports": behind})
    world.deploy()
    assert values(world)["networkPolicy"] == {"dns": {"ports": [53, port]}}


def test_what_the_user_says_about_names_is_left_as_it_is(world):
    world.deploy({"networkPolicy": {"dns": {"ports": [5300]}}})
    assert values(world)["networkPolicy"] == {"dns": {"ports": [5300]}}


def test_what_the_user_says_about_the_api_server_is_left_as_it_is(world):
    endpoints(world)
    given = {"apiServer": {"cidrs": ["198.51.100.1/32"], "ports": [6443]}}
    world.deploy({"networkPolicy": given})
    assert values(world)["networkPolicy"] == given


def test_a_password_that_the_chart_made_up_is_found_again_and_not_made_anew(world):
    own = {"replicaCount": 1, "nginx": {"topologySpreadConstraints": []}, "bootstrap": {"deadlineSeconds": 300}}
    world.op().helm.start_upgrade("chart", own, timeout_s=1).wait(1)  # by hand, without this program
    password = decoded(world.object("Secret", SECRET))
    outcome = world.deploy()
    assert (ended(outcome), decoded(world.object("Secret", SECRET))) == ("unchanged, 0", password)
    assert world.programs.verbs("rehearsal", "template") == ["rehearsal"], "only the cluster knows it"


def test_a_release_that_is_pending_is_rendered_without_the_cluster(world):
    world.op().helm.start_upgrade("chart", {}, timeout_s=1).wait(1)
    world.programs.set_status(1, "pending-install")
    world.deploy()
    assert world.programs.verbs("rehearsal", "template") == ["template"], "Helm refuses to go near it"


def test_somebody_elses_tasks_namespace_is_no_part_of_the_release(world):
    world.cluster.put({"kind": "Namespace", "metadata": {"name": TASKS}})
    world.deploy()
    assert ended(world.deploy()) == "unchanged, 0"
    assert "annotations" not in world.object("Namespace", TASKS, "")["metadata"]


def test_a_namespace_that_may_not_be_read_is_taken_for_our_own(world):
    world.cluster.refuse("get", "Namespace", name=TASKS)
    outcome = world.deploy(dry_run="client")
    assert f"Namespace/{TASKS}" in {change.object for change in outcome.difference.changes}


def test_the_first_lines_say_where_what_and_from_which_revision_to_which(deployed):
    deployed.deploy({"replicaCount": 2}, dry_run="client")
    assert deployed.reporter.lines[:2] == [
        "cluster test (https://test, v1.37.0, uid uid-of-kube-system)",
        f"release fogflow in namespace {HOME}: fogflow-chart-1.0.0, revision 1 -> 2",
    ]
    deployed.cluster.uid = ""
    deployed.deploy(dry_run="client")
    assert deployed.reported("uid not readable")
    assert deployed.reporter.lines[1].endswith("fogflow-chart-1.0.0, revision 1")


def test_simulated_nodes_are_named_as_such(world):
    world.cluster.put(node("two", labels={"fogflow-k8s.io/simulated": "true"}))
    world.deploy()
    assert world.reported("the nodes of this cluster are simulated: no container runs")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, ()),
        ({"externalIPs": ["192.0.2.1"]}, ("externalIPs are deprecated", "reachable from outside without a login")),
        ({"expose": {"type": "nodePort"}}, ("reachable from outside without a login",)),
        ({"expose": {"type": "nodePort", "basicAuth": {"existingSecret": "users"}}}, ()),
    ],
)
def test_what_should_not_stay_so_is_warned_of(world, given, told):
    world.deploy(given, dry_run="client")
    warned = [w for w in ("externalIPs are deprecated", "reachable from outside without a login") if world.reported(w)]
    assert tuple(warned) == told


def test_an_edge_decides_nothing_of_a_clouds_and_keeps_the_password_in_its_own_secret(world):
    login = Login("fogflow-edge", "a-password-of-the-cloud")
    outcome = world.deploy({"cloud": {"address": "192.0.2.9"}}, chart=EDGE_CHART, login=login)
    assert (outcome.result, outcome.preset, values(world)) == ("installed", None, {"cloud": {"address": "192.0.2.9"}})
    assert decoded(world.object("Secret", "fogflow-edge")) == login.password
    assert login.password not in json.dumps(world.programs.revisions)
    assert ended(world.deploy({"cloud": {"address": "192.0.2.9"}}, chart=EDGE_CHART, login=login)) == "unchanged, 0"


@pytest.mark.parametrize("name", [HOME, TASKS])
def test_a_namespace_that_is_still_being_deleted_is_waited_for(world, name):
    """As right after an uninstall: without the wait the server forbids everything in it, which looks like a missing right."""
    owner = {"meta.helm.sh/release-name": "fogflow", "meta.helm.sh/release-namespace": HOME}
    ending = {"name": name, "annotations": owner, "deletionTimestamp": world.cluster.now()}
    world.cluster.put({"kind": "Namespace", "metadata": ending})
    world.at(7, lambda: world.cluster.remove("Namespace", name))
    assert ended(world.deploy()) == "installed, 0"
    assert world.passed_s >= 7
    assert world.reported(f"waiting until namespace {name}, which is being deleted, is gone")
    assert world.object("Namespace", name, "")["metadata"].get("deletionTimestamp") is None


def test_a_namespace_that_does_not_end_is_named(world):
    world.cluster.put({"kind": "Namespace", "metadata": {"name": TASKS, "deletionTimestamp": world.cluster.now()}})
    with pytest.raises(
        OperationFailed, match=f"namespace {TASKS} is still being deleted after 60 s; nothing was changed"
    ) as error:
        world.deploy()
    assert (error.value.exit_code, "fogflow-k8s doctor" in error.value.hint) == (30, True)
    assert (world.cluster.writes, world.programs.verbs()) == ([], [])


def test_a_namespace_whose_tasks_namespace_could_have_no_name_is_refused_before_helm_is_asked_for_manifests(world):
    op = world.op()
    op.helm = Helm(world.programs, Target(RELEASE, "n" * 58), version="v4.3.1")
    with pytest.raises(UsageError, match="58 characters"):
        world.deploy(op=op)
    assert (world.programs.verbs("identity", "rehearsal", "upgrade"), world.cluster.writes) == ([], [])


def test_the_chart_is_named_even_if_the_first_object_does_not_say_it(world):
    prepared = SimpleNamespace(
        installed=None, preset=None,
        objects=[{"kind": "Namespace", "metadata": {"name": "n"}}, {"kind": "Service", "metadata": {"name": "s", "labels": {"helm.sh/chart": "c-1"}}}],
    )  # fmt: skip
    introduce(world.op(), prepared)
    assert world.reported("c-1, first install")


@pytest.mark.parametrize(
    ("spec", "has"),
    [
        ({"clusterIP": "10.96.0.1"}, False),
        ({"clusterIPs": ["10.96.0.1"], "ipFamilies": ["IPv4"]}, False),
        ({"clusterIPs": ["10.96.0.1", "fd00::1"], "ipFamilies": ["IPv4", "IPv6"]}, True),
        ({"clusterIPs": ["fd00::1", "10.96.0.1"], "ipFamilies": ["IPv6", "IPv4"]}, True),
        ({"clusterIP": "fd00::1"}, True),
    ],
)
def test_what_listens_does_so_on_ipv6_where_pods_have_such_addresses(world, spec, has):
    world.cluster.put({"kind": "Service", "metadata": {"name": "kubernetes", "namespace": "default"}, "spec": spec})
    assert with_family(world.op(), {}) == ({"ipv6": True} if has else {})
    assert with_family(world.op(), {"ipv6": False}) == {"ipv6": False}, "the user's value counts"


def test_an_upgrade_keeps_the_worker_when_the_settings_leave_it_open(world):
    registry = {"nativeImage": {"registry": "r.example"}}
    world.deploy({"worker": {"implementation": "upstream"}})
    world.deploy({"worker": registry}, preset="small")  # another preset, so that there is something to change
    assert values(world)["worker"] == {**registry, "implementation": "upstream"}
    world.deploy({"worker": {**registry, "implementation": "native"}}, preset="ha")
    assert values(world)["worker"]["implementation"] == "native"


@pytest.mark.parametrize(
    ("families", "ours", "refused"),
    [(["IPv4"], False, False), (["IPv4", "IPv6"], False, False), (["IPv6"], False, True), (["IPv6", "IPv4"], False, True), (["IPv6"], True, False)],
)  # fmt: skip
def test_upstreams_worker_is_refused_where_services_have_ipv6_first(world, families, ours, refused):
    """It puts a Service's address into a URL as it is; ours calls tasks by name."""
    kubernetes = {"kind": "Service", "metadata": {"name": "kubernetes", "namespace": "default"}}
    world.cluster.put({**kubernetes, "spec": {"ipFamilies": families}})
    notes = {"fogflow-k8s.io/keeps-tasks": "true"} if ours else {}
    meta = {"name": "cloud-worker", "labels": {"app.kubernetes.io/component": "cloud-worker"}, "annotations": notes}
    worker = {"kind": "Deployment", "metadata": meta, "spec": {"template": {"metadata": meta, "spec": {}}}}
    assert [c.id for c in unaddressable(world.op(), [worker])] == ["FK-7015"] * refused


def test_a_deploy_with_upstreams_worker_says_so_before_it_changes_anything(world):
    kubernetes = {"kind": "Service", "metadata": {"name": "kubernetes", "namespace": "default"}}
    world.cluster.put({**kubernetes, "spec": {"clusterIP": "fd00::1"}})
    outcome = world.deploy()
    assert ([c.id for c in outcome.causes], outcome.exit_code, world.cluster.writes) == (["FK-7015"], 10, [])


def test_the_service_of_the_api_server_is_read_once(world):
    world.cluster.put(
        {
            "kind": "Service",
            "metadata": {"name": "kubernetes", "namespace": "default"},
            "spec": {"clusterIP": "10.96.0.1"},
        }
    )
    world.deploy()
    assert [call[:3] for call in world.cluster.calls].count(("get", "Service", "kubernetes")) == 1


def test_what_the_policies_must_leave_open_is_noted_after_the_release_was_named(world):
    world.deploy()
    lines = world.reporter.lines
    (note,) = [n for n, line in enumerate(lines) if "admit keeper and worker to any host" in line]
    (header,) = [n for n, line in enumerate(lines) if "first install" in line]
    assert header < note


def test_on_simulated_nodes_no_policy_is_enforced_and_nothing_is_noted(world):
    world.cluster.put(node("two", labels={"fogflow-k8s.io/simulated": "true"}))
    world.deploy()
    assert not world.reported("admit keeper and worker to any host")
