"""A changed RabbitMQ password: which components restart in which order, and what is recorded, also after a failure."""

import pytest

from fogflow_k8s.actions.release import rotation
from fogflow_k8s.actions.release.restart import _AT
from fogflow_k8s.model.release.password_mark import is_of
from tests.unit.actions.world import BAD, HOME, OWN, SECRET, decoded, encoded, ended, render
from tests.unit.model.nodes import node

BUDGET_S = 8

NEW = "another-password-0123456789"
GIVEN = {"rabbitmq": {"auth": {"password": NEW}}}
THEIRS = {"rabbitmq": {"auth": {"existingSecret": "theirs"}}}
ORDER = ["rabbitmq", "master", "cloud-worker", "designer"]


def change(world, password=NEW, name=SECRET):
    """Change the password in a Secret by hand, as kubectl or a secrets operator does."""
    world.cluster.edit("Secret", name, {"data": {"password": encoded(password)}})


def restarted(world):
    """The components whose pods were deleted by us, in order."""
    return [name.rpartition("-")[0] for verb, kind, name in world.cluster.calls if (verb, kind) == ("delete", "Pod")]


def in_force(world, password=NEW):
    return is_of(world.record["busPassword"], "", password)


@pytest.fixture
def foreign(world):
    """A release with a Secret of another owner."""
    meta = {"name": "theirs", "namespace": HOME}
    world.cluster.put({"kind": "Secret", "metadata": meta, "data": {"password": encoded("the-first-password")}})
    world.deploy(THEIRS)
    return world


def test_a_password_changed_by_hand_is_put_into_force_by_restarts_rabbitmq_first(deployed):
    change(deployed)
    outcome = deployed.deploy()
    assert (outcome.result, outcome.exit_code) == ("rotated", 0)
    assert restarted(deployed) == ORDER
    assert in_force(deployed)
    assert deployed.programs.verbs() == [], "no revision of Helm has to do with it"
    assert deployed.reported("restarting rabbitmq, then master, cloud-worker, designer")
    assert ended(deployed.deploy()) == "unchanged, 0"


def test_each_is_ready_before_the_next_is_restarted(deployed):
    deployed.cluster.fate["1"] = 10.0
    change(deployed)
    deployed.deploy()
    assert deployed.passed_s >= 40


def test_a_password_changed_in_the_settings_is_written_and_put_into_force(deployed):
    old = decoded(deployed.object("Secret", SECRET))
    op = deployed.op()
    outcome = deployed.deploy(GIVEN, op=op)
    assert (outcome.result, restarted(deployed)) == ("rotated", ORDER)
    assert decoded(deployed.object("Secret", SECRET)) == NEW
    assert in_force(deployed)
    assert op.mask(f"{old} {NEW}") == "******** ********", "the old one is a secret still"


def test_a_password_changed_in_a_foreign_secret_is_put_into_force(foreign):
    change(foreign, name="theirs")
    assert (foreign.deploy(THEIRS).result, restarted(foreign)) == ("rotated", ORDER)
    assert foreign.record["busPassword"]["secret"] == "theirs"


def test_a_foreign_secret_that_may_not_be_read_is_not_judged(foreign):
    change(foreign, name="theirs")
    foreign.cluster.refuse("get", "Secret", name="theirs")
    assert (ended(foreign.deploy(THEIRS)), restarted(foreign)) == ("unchanged, 0", [])
    assert foreign.reported("not checked whether the password in Secret theirs was changed: no permission to read it")


def test_a_label_on_the_secret_is_no_changed_password(deployed):
    deployed.cluster.edit("Secret", SECRET, {"metadata": {"labels": {"team": "blue"}}})
    assert (ended(deployed.deploy()), restarted(deployed)) == ("unchanged, 0", [])


def test_settings_with_the_password_in_force_override_a_change_by_hand_without_a_restart(world):
    world.deploy(GIVEN)
    change(world, "by-hand-0123456789")
    assert (ended(world.deploy(GIVEN)), restarted(world)) == ("unchanged, 0", [])
    assert decoded(world.object("Secret", SECRET)) == NEW
    assert world.reported(f"the password in Secret {SECRET} had been changed; your settings have the password in force")


def test_another_secret_replaces_the_pods_and_is_noted_without_a_restart(deployed):
    meta = {"name": "theirs", "namespace": HOME}
    deployed.cluster.put({"kind": "Secret", "metadata": meta, "data": {"password": encoded("the-first-password")}})
    assert (deployed.deploy(THEIRS).result, restarted(deployed)) == ("upgraded", [])
    assert deployed.record["busPassword"]["secret"] == "theirs"


def test_a_secret_that_is_on_no_record_is_taken_for_the_one_in_force_and_noted(deployed):
    deployed.cluster.edit("ConfigMap", OWN, {"data": {"record.json": "{}"}})
    change(deployed)
    assert (ended(deployed.deploy()), restarted(deployed)) == ("unchanged, 0", [])
    assert in_force(deployed)


def test_a_secret_of_the_charts_own_that_is_on_no_record_is_compared_with_the_manifest(world):
    own = {"replicaCount": 1, "nginx": {"topologySpreadConstraints": []}, "bootstrap": {"deadlineSeconds": 300}}
    world.op().helm.start_upgrade("chart", own, timeout_s=1).wait(1)
    change(world)
    outcome = world.deploy()
    assert (outcome.exit_code, restarted(world)) == (0, ORDER)
    assert in_force(world)


def test_a_changed_password_that_is_on_no_record_is_noted_after_the_restarts_only(world):
    world.op().helm.start_upgrade("chart", {}, timeout_s=1).wait(1)
    change(world)
    world.cluster.stays = True
    world.deploy(timeout_s=20)
    assert restarted(world) == ["rabbitmq"]
    assert "busPassword" not in world.record


def test_an_upgrade_with_a_new_password_lets_helm_work_first(deployed):
    begun = []
    deployed.cluster.hooks.append(lambda verb, kind, _: begun.append(deployed.tag("nginx")) if (verb, kind) == ("delete", "Pod") else None)  # fmt: skip
    outcome = deployed.deploy({**GIVEN, "nginx": {"image": {"tag": "2"}}})
    assert (outcome.result, outcome.exit_code, restarted(deployed)) == ("upgraded", 0, ORDER)
    assert set(begun) == {"2"}
    assert outcome.detail.startswith(rotation.NOT_PROVED)


def test_an_upgrade_whose_restarts_fail_is_rolled_back_and_the_new_password_is_not_noted(deployed):
    deployed.cluster.stays = True
    outcome = deployed.deploy({**GIVEN, "nginx": {"image": {"tag": "2"}}}, timeout_s=20)
    assert (outcome.result, outcome.exit_code, deployed.tag("nginx")) == ("rolled-back", 20, "1")
    assert "rabbitmq was restarted but is not ready" in outcome.error
    assert not in_force(deployed)


def test_a_restart_that_does_not_end_is_left_and_nothing_is_rolled_back(deployed):
    change(deployed)
    deployed.cluster.stays = True
    outcome = deployed.deploy(timeout_s=20)
    assert (outcome.result, outcome.exit_code) == ("left-failed", 21)
    assert outcome.detail == f"left in place: the password of Secret {SECRET} is the new one"
    assert outcome.error == "rabbitmq was restarted but is not ready: rabbitmq's new pod: timed out after 20 s"
    assert (restarted(deployed), deployed.programs.verbs()) == (["rabbitmq"], [])
    assert not in_force(deployed), "so that the next deploy goes on with it"
    deployed.cluster.stays = False
    for pod in deployed.pods("rabbitmq"):
        deployed.cluster.remove("Pod", pod, HOME)
    assert (deployed.deploy().result, restarted(deployed)) == ("rotated", ORDER)


def test_a_release_that_does_not_become_ready_after_the_restarts_is_left_too(deployed, tmp_path):
    deployed.deploy({"nginx": {"image": {"tag": BAD}}}, wait=False)
    change(deployed)
    outcome = deployed.deploy({"nginx": {"image": {"tag": BAD}}}, op=deployed.op(bundles=tmp_path))
    assert (outcome.result, outcome.exit_code) == ("left-failed", 21)
    assert [cause.id for cause in outcome.causes] == ["FK-4001"]
    assert outcome.bundle.exists()
    assert deployed.programs.verbs() == []
    assert in_force(deployed)


def test_a_password_that_is_changed_again_during_the_restarts_is_noticed_by_the_next_deploy(deployed):
    change(deployed)
    deployed.cluster.fate["1"] = 10.0
    deployed.at(5, lambda: change(deployed, "a-third-password-0123"))
    assert deployed.deploy().result == "rotated"
    assert in_force(deployed)
    assert deployed.deploy().result == "rotated"
    assert in_force(deployed, "a-third-password-0123")


def test_where_a_keeper_works_it_restarts_worker_and_designer_and_proves_the_logins(world):
    world.keeper()
    world.deploy({"keeper": {"enabled": True}})
    change(world)
    outcome = world.deploy({"keeper": {"enabled": True}})
    assert restarted(world) == ["rabbitmq", "master"]
    assert (outcome.result, outcome.detail) == ("rotated", rotation.PROVED)


def test_without_a_keeper_it_is_not_proved_that_they_log_in(deployed):
    change(deployed)
    assert deployed.deploy().detail.startswith(f"{rotation.NOT_PROVED}: the release has no keeper")
    deployed.cluster.put(node("two", labels={"fogflow-k8s.io/simulated": "true"}))
    change(deployed, "a-third-password-0123")
    assert deployed.deploy().detail.startswith(f"{rotation.NOT_PROVED}: the nodes are simulated")


def test_a_keeper_that_says_nothing_proves_nothing(world):
    world.deploy({"keeper": {"enabled": True}})
    change(world)
    assert (
        world.deploy({"keeper": {"enabled": True}}).detail == f"{rotation.NOT_PROVED}: the keeper has not reported yet"
    )


def test_a_prompt_tells_who_is_restarted(deployed):
    change(deployed)
    seen = []
    deployed.deploy(confirm=seen.append)
    assert [each.rotates for each in seen] == [tuple(ORDER)]


def test_edges_that_log_in_with_the_same_password_are_named(deployed):
    service = {"kind": "Service", "metadata": {"name": rotation.EDGE}}
    objects = [o for o in render({}) if o["metadata"]["name"] == "rabbitmq"] + [service]
    found = rotation.Rotation(SECRET, components=("rabbitmq",))
    rotation.carry_out(deployed.op(), found, objects, timeout_s=10, keep_on=lambda: None)
    assert deployed.reported("edge nodes log in with the same password: change it there, too")


def test_a_component_that_can_be_two_is_restarted_by_kubernetes(deployed):
    before = deployed.pods("nginx")
    rotation.restart_in_order(
        deployed.op(), ("nginx",), {"nginx": deployed.object("Deployment", "nginx")}, timeout_s=10, keep_on=lambda: None
    )
    assert restarted(deployed) == []
    assert _AT in deployed.object("Deployment", "nginx")["spec"]["template"]["metadata"]["annotations"]
    assert not before & deployed.pods("nginx")


@pytest.mark.parametrize("secret", [None, {}, {"data": None}, {"data": {"password": "a"}}, {"data": {"other": "YQ=="}}])
def test_a_secret_without_a_password_that_can_be_read_has_none(secret):
    assert rotation.password_in(secret) == ""


def test_a_password_that_is_nowhere_is_not_noted(deployed):
    before = deployed.record
    rotation.note(deployed.op(), rotation.Rotation())
    rotation.note(deployed.op(), rotation.Rotation("nowhere", NEW))
    assert deployed.record == before
    assert rotation.find(deployed.op(), [], None) == rotation.Rotation()
