"""Without a release, every command names what there is of FogFlow: objects that Helm did not install, releases elsewhere."""

from types import SimpleNamespace

import pytest

from fogflow_k8s.actions.doctor.doctor import examine
from fogflow_k8s.actions.observe.absence import Absence, find_absence
from fogflow_k8s.actions.observe.history import history
from fogflow_k8s.actions.observe.status import status
from fogflow_k8s.actions.observe.verify import verify
from fogflow_k8s.actions.release import restart, rollback, uninstall
from fogflow_k8s.commands.session import Session
from fogflow_k8s.commands.uninstall import uninstall as command
from fogflow_k8s.errors import NotInstalled
from fogflow_k8s.model.manifests import hook_of
from tests.unit.actions.world import HOME, render

BUDGET_S = 5
VERBS = {
    "status": status,
    "history": history,
    "verify": lambda op: verify(op, None),
    "rollback": lambda op: rollback.plan(op, None),
    "restart": lambda op: restart.restart(op, (), timeout_s=1),
}


def put(world, namespace=HOME, manager="kubectl-client-side-apply", **marks):
    """Objects of FogFlow's chart, as `kubectl apply` or, with `marks`, Helm makes them."""
    for obj in render({}):
        if obj["kind"] == "Deployment" and not hook_of(obj):
            meta = {**obj["metadata"], "namespace": namespace, "annotations": marks}
            world.cluster.put({**obj, "metadata": {**meta, "managedFields": [{"manager": manager}]}})


def released(world, namespace, name="fogflow"):
    put(world, namespace, "helm", **{"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace})


@pytest.mark.parametrize("verb", VERBS)
def test_a_release_in_another_namespace_is_named(world, verb):
    released(world, "traffic")
    released(world, "water", "pumps")
    with pytest.raises(NotInstalled, match=f"there is no release fogflow in namespace {HOME}$") as error:
        VERBS[verb](world.op())
    assert "again with -n traffic or -n water --release pumps;" in error.value.hint
    assert "fogflow-k8s deploy" in error.value.hint


@pytest.mark.parametrize("verb", VERBS)
def test_objects_that_were_applied_are_named_with_the_two_ways_on(world, verb):
    put(world)
    with pytest.raises(
        NotInstalled, match=f"namespace {HOME} has objects of FogFlow that Helm did not install"
    ) as error:
        VERBS[verb](world.op())
    assert "Deployment/rabbitmq" in error.value.message
    assert "made by kubectl" in error.value.message
    assert "kubectl delete -f manifests.yaml" in error.value.hint
    assert f"fogflow-k8s deploy ... --take-ownership -n {HOME}" in error.value.hint
    assert (error.value.id, error.value.exit_code) == ("FK-7016", 41)


def test_applied_objects_of_another_namespace_do_not_count(world):
    put(world, "traffic")
    found = find_absence(world.op())
    assert (found.unmanaged, found.elsewhere) == ((), ())
    assert found.hint == f"fogflow-k8s deploy --external-ip ADDRESS -n {HOME}"


@pytest.mark.parametrize(
    ("release", "namespace", "options"),
    [("fogflow", "fogflow", ""), ("fogflow", "city", " -n city"), ("second", "fogflow", " --release second")],
)
def test_the_proposed_deploy_is_for_the_namespace_and_the_name_that_were_meant(release, namespace, options):
    elsewhere = (("traffic", "fogflow"),)
    assert Absence(release, namespace).hint == f"fogflow-k8s deploy --external-ip ADDRESS{options}"
    assert Absence(release, namespace, elsewhere=elsewhere).hint.endswith(f"--external-ip ADDRESS{options}")


def test_a_user_who_may_only_list_in_the_namespace_is_told_of_its_objects(world):
    released(world, "traffic")
    put(world)
    world.cluster.refuse("list", "Deployment", times=1)
    found = find_absence(world.op())
    assert (len(found.unmanaged) > 1, found.elsewhere) == (True, ())


def test_a_user_who_may_list_nothing_is_told_that_there_is_no_release(world):
    put(world)
    world.cluster.refuse("list", "Deployment")
    with pytest.raises(NotInstalled, match=f"there is no release fogflow in namespace {HOME}$"):
        history(world.op())


def test_uninstall_plans_nothing_and_tells_of_the_objects(world):
    put(world)
    found = uninstall.plan(world.op())
    assert not found.installed
    assert "that Helm did not install" in found.absence.message


def test_doctor_finds_applied_objects(world):
    put(world)
    found = examine(world.op())
    assert (found.installed, found.exit_code) == (False, 40)
    assert [f.cause.id for f in found.findings] == ["FK-7016"]
    assert "Deployment/nginx" in found.findings[0].cause.evidence


def test_doctor_names_a_release_in_another_namespace(world):
    released(world, "traffic")
    found = examine(world.op())
    assert (found.findings, found.exit_code) == ((), 0)
    assert world.reported("run the command again with -n traffic")


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (put, "kubectl delete -f manifests.yaml"),
        (lambda world: released(world, "traffic"), "run the command again with -n traffic"),
    ],
)
def test_the_command_uninstall_has_nothing_to_do_and_tells_where_fogflow_is(world, prepare, told):
    class Mine(Session):
        def operation(self, *_, **__):
            return world.op()

    prepare(world)
    command(
        SimpleNamespace(obj=Mine(), info_name="uninstall"), delete_data=False, dry_run=False, timeout="5m", yes=True
    )
    assert world.reported("nothing to do: there is no release fogflow")
    assert world.reported(told)
    assert (world.cluster.writes, world.programs.verbs()) == ([], [])
