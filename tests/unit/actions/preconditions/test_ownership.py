"""Without the consent of the user, a deploy changes nothing of other owners: the upstream release, objects of kubectl, Argo CD, Helm."""

import pytest

from fogflow_k8s.actions.check.check import IDS, catalogue
from fogflow_k8s.actions.check.probes.cluster import no_leftovers, nothing_of_others
from fogflow_k8s.actions.observe.status import installed
from fogflow_k8s.actions.release.prepare import prepare
from fogflow_k8s.actions.release.request import Login, Request
from fogflow_k8s.errors import Refused
from tests.unit.actions.world import CHART, EDGE_CHART, HOME, RELEASE, TASKS, ended, render

BUDGET_S = 5
LOGIN = Login("fogflow-edge", "a-password-of-the-cloud")
HELM = {"app.kubernetes.io/managed-by": "Helm"}


def mark(release, namespace=HOME):
    return {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace}


def put(world, kind, name, *, labels=None, annotations=None, **more):
    """An object that is there before, in the namespace that then is, too."""
    world.cluster.put({"kind": "Namespace", "metadata": {"name": HOME}})
    meta = {"name": name, "namespace": HOME, "labels": labels or {}, "annotations": annotations or {}}
    world.cluster.put({"kind": kind, "metadata": meta, **more})


def put_deployment(world, name="master"):
    made = next(o for o in render({}) if (o["kind"], o["metadata"]["name"]) == ("Deployment", name))
    put(world, "Deployment", name, spec=made["spec"])


def make_upstreams(world):
    """Let the first revision be one of upstream's chart, which has the name of ours and labels nothing."""
    first = world.programs.revisions[0]
    first["chart"] = "fogflow-chart-0.3.0"
    for obj in first["objects"]:
        obj["metadata"]["labels"] = {"io.kompose.service": obj["metadata"]["name"]}
    world.programs.set_status(1, first["status"])
    return world


def refused(world, **more):
    """The error of a deploy, after which nothing has changed, and of which `check` says the same."""
    with pytest.raises(Refused) as error:
        world.deploy(**more)
    assert (error.value.exit_code, error.value.id) == (10, "FK-7014")
    assert (world.cluster.writes, world.programs.verbs(), world.holder) == ([], [], "")
    found = nothing_of_others(world.op(), looked(world, **more))
    if more.get("login") is None:
        assert (found.ok, found.detail, f"nothing was changed. {found.remedy}") == (
            False,
            error.value.message,
            error.value.hint,
        )
    return error.value


def looked(world, **more):
    """What `check` has looked at."""
    op = world.op()
    return prepare(op, Request(more.pop("chart", CHART), {}, **more), installed(op))


def test_upstreams_release_is_refused_with_the_ways_out(deployed):
    error = refused(make_upstreams(deployed))
    assert (
        f"release {RELEASE} in namespace {HOME} was installed from another chart (fogflow-chart-0.3.0; "
        in error.message
    )
    assert "-n NAME" in error.hint
    assert f"helm -n {HOME} uninstall {RELEASE}" in error.hint
    assert "--take-ownership" in error.hint


@pytest.mark.parametrize("status", ["failed", "pending-upgrade", "pending-rollback"])
def test_a_deploy_that_once_went_wrong_over_upstreams_release_does_not_make_it_ours(deployed, status):
    deployed.programs.plan("upgrade", leaves=status)
    deployed.deploy({"replicaCount": 2}, rollback_on_failure=False)
    make_upstreams(deployed)
    assert deployed.programs.statuses() == ["deployed", status]
    assert "another chart (fogflow-chart-0.3.0; " in refused(deployed).message


def test_a_release_of_ours_that_failed_is_upgraded_as_before(deployed):
    deployed.programs.plan("upgrade")
    deployed.deploy({"replicaCount": 2}, rollback_on_failure=False)
    assert deployed.deploy({"replicaCount": 3}).result == "upgraded"


def test_history_kept_of_upstreams_release_that_was_uninstalled_is_no_conflict(deployed):
    make_upstreams(deployed).programs.set_status(1, "uninstalled")
    for kind, namespace, name in [
        key for key in deployed.cluster.objects if key[0] in {"Service", "ConfigMap", "Deployment"}
    ]:
        deployed.cluster.remove(kind, name, namespace)
    assert nothing_of_others(deployed.op(), looked(deployed)).ok
    put(deployed, "Service", "nginx")
    assert "Service/nginx (made by kubectl)" in nothing_of_others(deployed.op(), looked(deployed)).detail


@pytest.mark.parametrize(
    ("labels", "annotations", "maker", "removal"),
    [
        ({}, {}, "kubectl", f"kubectl -n {HOME} delete service/nginx"),
        (HELM, {}, "kubectl", f"kubectl -n {HOME} delete service/nginx"),  # what render wrote, applied
        (HELM, mark("other"), "Helm release other", f"helm -n {HOME} uninstall other"),
        (HELM, mark(RELEASE, "far"), f"Helm release {RELEASE} in namespace far", f"helm -n far uninstall {RELEASE}"),
        ({"argocd.argoproj.io/instance": "iot"}, {}, "Argo CD application iot", "argocd app delete iot"),
    ],
)
def test_objects_of_others_are_refused_whoever_made_them(world, labels, annotations, maker, removal):
    put(world, "Service", "nginx", labels=labels, annotations=annotations)
    error = refused(world)
    assert f"Service/nginx (made by {maker}" in error.message
    for way in ("-n NAME", removal, "--take-ownership"):
        assert way in error.hint


def test_a_whole_chart_that_kubectl_applied_is_named_by_its_first_objects(world):
    made = [o for o in render({}) if o["kind"] in ("Service", "ConfigMap", "Deployment")]
    for obj in made:
        put(world, obj["kind"], obj["metadata"]["name"], spec=obj.get("spec", {}))
    message = refused(world).message
    assert message.count("/") == 6
    assert f" and {len(made) - 6} more (made by kubectl)" in message


@pytest.mark.parametrize("dry_run", ["client", "server"])
def test_a_dry_run_is_refused_as_the_deploy_would_be(world, dry_run):
    put(world, "ConfigMap", "fogflow-config")
    refused(world, dry_run=dry_run)


def test_an_object_that_is_new_in_an_upgrade_is_refused_too(deployed):
    put(deployed, "Service", "other")  # of a name that the release has not
    assert ended(deployed.deploy()) == "unchanged, 0"
    first = deployed.programs.revisions[0]
    first["objects"] = [o for o in first["objects"] if o["kind"] != "ConfigMap"]
    put(deployed, "ConfigMap", "fogflow-config")
    deployed.cluster.objects["ConfigMap", HOME, "fogflow-config"]["metadata"]["annotations"] = {}
    assert "ConfigMap/fogflow-config (made by kubectl)" in refused(deployed).message


def test_what_is_taken_over_goes_to_helm_with_all_its_fields(world):
    put(world, "Service", "nginx")
    outcome = world.deploy(take_ownership=True)
    assert outcome.result == "installed"
    assert {"--take-ownership", "--force-conflicts"} <= set(world.programs.flags("upgrade"))
    assert world.reported(
        "taking over: these objects exist and do not belong to the release: Service/nginx (made by kubectl)"
    )


def test_without_the_option_helm_takes_over_nothing(world):
    world.deploy()
    assert "--take-ownership" not in world.programs.flags("upgrade")


def test_upstreams_release_is_taken_over_where_kubernetes_allows_it(deployed):
    assert make_upstreams(deployed).deploy(take_ownership=True).result == "upgraded"


@pytest.mark.parametrize("take", [False, True])
def test_what_kubernetes_does_not_let_change_is_named_before_anything_is_changed(world, take):
    put(world, "Service", "nginx")
    put_deployment(world)
    world.cluster.refuse("dry-run", "Deployment", 422)
    error = refused(world, take_ownership=take)
    assert "cannot change these into the release's objects: Deployment/master (refused by the test)" in error.message
    assert f"kubectl -n {HOME} delete deployment/master; then fogflow-k8s deploy --take-ownership" in error.hint


def test_what_the_release_left_behind_is_its_own(world):
    put(world, "Service", "nginx", labels=HELM, annotations=mark(RELEASE))
    assert world.deploy().result == "installed"


@pytest.mark.parametrize("kind", ["PersistentVolumeClaim", "Namespace"])
def test_claims_and_namespaces_of_others_are_used_as_they_are(world, kind):
    if kind == "Namespace":
        world.cluster.put({"kind": kind, "metadata": {"name": TASKS}})
    else:
        put(world, kind, "designer")
    assert world.deploy({"designer": {"persistence": {"enabled": True}}}).result == "installed"


def test_what_may_not_be_read_or_tried_is_not_judged(world):
    put(world, "Service", "nginx")
    world.cluster.refuse("dry-run", "Service", 403)
    assert "Kubernetes cannot change" not in refused(world).message
    world.cluster.refuse("get", "Service", 403)
    assert nothing_of_others(world.op(), looked(world)).ok
    assert world.reported("not checked whether Service/nginx belongs to another owner")


def test_a_first_install_into_a_new_namespace_asks_for_no_object(world):
    nothing_of_others(world.op(), looked(world))
    assert not [call for call in world.cluster.calls if call[0] == "get" and call[1] == "Deployment"]


def test_what_ends_with_its_namespace_is_no_conflict(world):
    put(world, "Service", "nginx")
    world.cluster.objects["Namespace", "", HOME]["metadata"]["deletionTimestamp"] = world.cluster.now()

    def end():
        world.cluster.remove("Service", "nginx", HOME)
        world.cluster.remove("Namespace", HOME)

    world.at(5, end)
    assert world.deploy().result == "installed"


def test_an_edge_is_not_offered_what_its_command_has_not(world):
    put_deployment(world, "master")
    put(world, "Deployment", "edge-broker", spec=world.object("Deployment", "master")["spec"])
    error = refused(world, chart=EDGE_CHART, login=LOGIN)
    assert "Deployment/edge-broker (made by kubectl)" in error.message
    assert "--take-ownership" not in error.hint


def test_the_check_is_in_the_catalogue_and_no_mere_warning(world):
    put(world, "Service", "nginx")
    (check,) = [each for each in catalogue(world.op(), looked(world), pre=True) if each.id == "ownership"]
    assert (check.probe().ok, check.warning, check.id in IDS) == (False, False, True)


@pytest.mark.parametrize(
    ("annotations", "removal"),
    [(mark("old"), f"helm -n {HOME} uninstall old"), ({}, f"kubectl -n {HOME} delete deployment/master")],
)
def test_another_fogflow_is_removed_by_the_tool_that_made_it(world, annotations, removal):
    put_deployment(world)
    world.cluster.objects["Deployment", HOME, "master"]["metadata"]["annotations"] = annotations
    world.cluster.list = lambda *_, **__: [world.object("Deployment", "master")]  # its selector has a !=
    found = no_leftovers(world.op())
    assert (found.ok, found.remedy) == (False, f"save its designer's db.json, then {removal}")
