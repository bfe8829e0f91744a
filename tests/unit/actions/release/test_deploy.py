"""Deploy with a cluster and a helm in memory: what it decides, in which order, and what it leaves unchanged."""

import pytest

from fogflow_k8s.errors import ClusterError, Forbidden, Refused
from fogflow_k8s.model.manifests import every
from tests.unit.actions.world import (
    BAD,
    HOME,
    OWN,
    SECRET,
    SLOW,
    decoded,
    ended,
)
from tests.unit.model.nodes import node

NEW = {"nginx": {"image": {"tag": "2"}}}
PULLS = {"global": {"imagePullSecrets": ["registry"]}}
HUGE = {"nginx": {"resources": {"requests": {"cpu": "64"}, "limits": {"cpu": "64"}}}}
LEASE = {("create", "Lease", OWN), ("replace", "Lease", OWN)}


def ids(outcome):
    return [cause.id for cause in outcome.causes]


def test_a_first_install_makes_everything_and_notes_that_it_worked(world):
    outcome = world.deploy()
    assert (outcome.result, outcome.exit_code, outcome.report.revision.number) == ("installed", 0, 1)
    labels = world.object("Namespace", HOME, "")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert list(world.record["revisions"]) == ["1"]
    assert world.record["busPassword"]["secret"] == SECRET
    assert not world.reported("Docker"), "a deploy needs none, so it does not say that there is none"
    assert world.holder == ""


def test_a_generated_password_is_in_the_secret_and_not_in_the_values(world):
    world.deploy()
    assert len(decoded(world.object("Secret", SECRET))) >= 24
    assert world.programs.revisions[0]["values"]["rabbitmq"] == {"auth": {"existingSecret": SECRET}}


def test_a_password_of_the_settings_is_in_the_secret_and_not_in_the_values(world):
    world.deploy({"rabbitmq": {"auth": {"password": "correct-horse-battery"}}})
    assert decoded(world.object("Secret", SECRET)) == "correct-horse-battery"
    assert "correct-horse" not in str(world.programs.revisions) + str(world.programs.started)


def test_an_upgrade_makes_a_revision_and_waits_for_it(deployed):
    outcome = deployed.deploy({"nginx": {"image": {"tag": SLOW}}})
    assert (outcome.result, outcome.exit_code, outcome.report.revision.number) == ("upgraded", 0, 2)
    assert outcome.seconds["wait"] == pytest.approx(30, abs=1)
    assert deployed.programs.statuses() == ["superseded", "deployed"]
    assert list(deployed.record["revisions"]) == ["1", "2"]


def test_an_upgrade_that_is_not_waited_for_is_not_noted_as_working(deployed):
    outcome = deployed.deploy({"nginx": {"image": {"tag": BAD}}}, wait=False)
    assert (outcome.result, outcome.exit_code, outcome.detail) == ("upgraded", 0, "not waited for (--no-wait)")
    assert list(deployed.record["revisions"]) == ["1"]


def test_what_was_not_waited_for_is_noted_by_the_next_deploy_that_sees_it_work(deployed):
    deployed.deploy({"nginx": {"image": {"tag": "2"}}}, wait=False)
    assert list(deployed.record["revisions"]) == ["1"]
    deployed.clock.sleep(60)
    outcome = deployed.deploy({"nginx": {"image": {"tag": BAD}}})
    assert (outcome.result, outcome.detail) == ("rolled-back", "rolled back to revision 2, which is ready again")
    assert list(deployed.record["revisions"]) == ["1", "2", "4"]


def test_a_deploy_without_a_change_notes_that_the_revision_works(deployed):
    deployed.deploy({"nginx": {"image": {"tag": "2"}}}, wait=False)
    deployed.clock.sleep(60)
    assert ended(deployed.deploy({"nginx": {"image": {"tag": "2"}}})) == "unchanged, 0"
    assert list(deployed.record["revisions"]) == ["1", "2"]


def test_what_does_not_work_is_not_noted_by_the_next_deploy(deployed):
    deployed.deploy({"nginx": {"image": {"tag": BAD}}}, wait=False)
    assert deployed.deploy({"nginx": {"image": {"tag": "2"}}}).result == "upgraded"
    assert list(deployed.record["revisions"]) == ["1", "3"]


def test_what_works_because_somebody_mended_it_is_not_noted(deployed):
    deployed.deploy({"nginx": {"image": {"tag": BAD}}}, wait=False)
    good = deployed.object("Deployment", "nginx")["spec"]["template"]["spec"]["containers"][0]["image"]
    deployed.cluster.edit(
        "Deployment",
        "nginx",
        {"spec": {"template": {"spec": {"containers": [{"name": "nginx", "image": good.replace(BAD, "2")}]}}}},
    )
    deployed.clock.sleep(60)
    deployed.deploy({"nginx": {"image": {"tag": "3"}}})
    assert list(deployed.record["revisions"]) == ["1", "3"]


def test_a_server_that_does_not_answer_then_is_no_reason_to_refuse_the_deploy(deployed):
    deployed.deploy({"nginx": {"image": {"tag": "2"}}}, wait=False)
    deployed.clock.sleep(60)
    deployed.cluster.refuse("list", "ReplicaSet", 503, times=1)
    assert deployed.deploy({"nginx": {"image": {"tag": "3"}}}).result == "upgraded"
    assert list(deployed.record["revisions"]) == ["1", "3"]


def test_the_same_again_writes_nothing_but_the_lease(deployed):
    outcome = deployed.deploy()
    assert (outcome.result, outcome.exit_code) == ("unchanged", 0)
    assert deployed.programs.verbs() == []
    assert set(deployed.cluster.writes) <= LEASE
    assert deployed.reported("nothing to do: the release already matches the settings, and is ready")


def test_the_same_again_waits_for_a_revision_that_is_not_ready_yet(deployed):
    deployed.deploy({"nginx": {"image": {"tag": SLOW}}}, wait=False)
    outcome = deployed.deploy({"nginx": {"image": {"tag": SLOW}}})
    assert (outcome.result, outcome.exit_code) == ("unchanged", 0)
    assert deployed.reported("waiting for revision 2, which is not ready yet")
    assert "2" in deployed.record["revisions"]


def test_a_failed_revision_is_made_anew_even_when_its_manifests_are_asked_for_again(deployed):
    deployed.programs.set_status(1, "failed")
    assert deployed.deploy().result == "upgraded"


def test_a_field_changed_by_hand_is_repaired_and_named(deployed):
    deployed.cluster.edit("Deployment", "nginx", {"spec": {"replicas": 3}})
    outcome = deployed.deploy()
    assert outcome.result == "upgraded"
    assert deployed.reported("~ Deployment/nginx spec.replicas: 3 -> 1")
    assert deployed.object("Deployment", "nginx")["spec"]["replicas"] == 1
    assert "--force-conflicts" in deployed.programs.flags("upgrade")


def test_an_object_deleted_by_hand_is_made_again(deployed):
    deployed.cluster.remove("ConfigMap", "fogflow-config", HOME)
    assert deployed.deploy().result == "upgraded"
    assert deployed.object("ConfigMap", "fogflow-config")


def test_a_label_that_somebody_added_stays_and_is_nothing_to_do(deployed):
    owned = {"f:metadata": {"f:labels": {"f:team": {}}}}
    deployed.cluster.edit("Service", "nginx", {"metadata": {"labels": {"team": "blue"}}}, fields=owned)
    assert ended(deployed.deploy()) == "unchanged, 0"
    assert deployed.object("Service", "nginx")["metadata"]["labels"]["team"] == "blue"


def test_what_may_not_be_compared_with_the_cluster_is_named_and_taken_as_unchanged(deployed):
    deployed.cluster.refuse("dry-run", "Service")
    assert ended(deployed.deploy()) == "unchanged, 0"
    assert deployed.reported("not checked whether Service/nginx was changed since the last deploy")


def test_an_upgrade_forces_no_conflicts_by_itself(deployed):
    deployed.deploy(NEW)
    assert "--force-conflicts" not in deployed.programs.flags("upgrade")
    deployed.deploy({"replicaCount": 2}, force_conflicts=True)
    assert "--force-conflicts" in deployed.programs.flags("upgrade")


@pytest.mark.parametrize("how", ["client", "server"])
def test_a_dry_run_tells_the_difference_and_writes_nothing(deployed, how):
    deployed.cluster.edit("Deployment", "master", {"spec": {"replicas": 2}})
    outcome = deployed.deploy(NEW, dry_run=how)
    assert (outcome.dry_run, outcome.exit_code) == (True, 0)
    assert [c.object for c in outcome.difference.changes] == ["Deployment/nginx"]
    assert [d.object for d in outcome.difference.drift] == ["Deployment/master"] * (how == "server")
    assert (deployed.cluster.writes, deployed.programs.verbs()) == ([], [])


@pytest.mark.parametrize("how", ["client", "server"])
def test_a_dry_run_of_a_first_install_says_what_is_missing_and_writes_nothing(world, how):
    outcome = world.deploy({**PULLS, **HUGE}, dry_run=how)
    assert (outcome.exit_code, ids(outcome)) == (10, ["FK-3012", "FK-1201"])
    assert (world.cluster.writes, world.programs.verbs()) == ([], [])


def test_a_no_at_the_prompt_changes_nothing(deployed):
    asked = []

    def refuse(difference):
        asked.append([change.object for change in difference.changes])
        raise Refused("no")

    with pytest.raises(Refused):
        deployed.deploy(NEW, confirm=refuse)
    assert asked == [["Deployment/nginx"]]
    assert (deployed.cluster.writes, deployed.programs.verbs()) == ([], [])


def test_a_yes_at_the_prompt_takes_over_what_was_changed_by_hand(deployed):
    assert deployed.deploy(NEW, confirm=lambda _: None).result == "upgraded"
    assert "--force-conflicts" in deployed.programs.flags("upgrade")


def test_no_question_is_asked_where_nothing_would_change_nor_at_a_first_install(world):
    def never(_):
        raise AssertionError

    assert world.deploy(confirm=never).result == "installed"
    assert ended(world.deploy(confirm=never)) == "unchanged, 0"


def test_a_missing_secret_is_told_before_anything_is_installed(world):
    outcome = world.deploy(PULLS)
    assert (outcome.result, outcome.exit_code, ids(outcome)) == ("unchanged", 10, ["FK-1201"])
    assert outcome.detail == f"nothing was changed, but namespace {HOME} was made"
    assert world.cluster.writes == [("create", "Namespace", HOME)]
    assert world.deploy(PULLS).detail == "nothing was changed"
    assert (world.cluster.writes, world.programs.verbs()) == ([], [])


def test_the_secret_that_the_deploy_itself_makes_is_not_missing_but_a_foreign_one_is(world):
    outcome = world.deploy({"rabbitmq": {"auth": {"existingSecret": "theirs"}}})
    assert [cause.object for cause in outcome.causes] == ["secret/theirs"]


def test_pods_that_fit_on_no_node_leave_nothing_behind(world):
    outcome = world.deploy(HUGE)
    assert (outcome.exit_code, ids(outcome), outcome.detail) == (10, ["FK-3012"], "nothing was changed")
    assert (world.cluster.writes, world.programs.verbs()) == ([], [])


def test_an_upgrade_whose_pods_fit_on_no_node_leaves_the_release_as_it_is(deployed):
    assert deployed.deploy(HUGE).exit_code == 10
    assert (deployed.cluster.writes, deployed.programs.verbs()) == ([], [])


def test_what_is_installed_already_is_not_asked_for_a_node_again(deployed):
    deployed.cluster.put(node("one", plane=True, cordoned=True))
    assert ended(deployed.deploy()) == "unchanged, 0"


@pytest.mark.parametrize("status", ["pending-upgrade", "pending-rollback", "failed-then-pending"])
def test_a_pending_revision_is_rolled_back_to_what_worked_and_history_is_kept(deployed, status):
    deployed.deploy(NEW)
    deployed.programs.set_status(1, "superseded" if status != "failed-then-pending" else "deployed")
    deployed.programs.set_status(2, status if status.startswith("pending") else "pending-upgrade")
    outcome = deployed.deploy({"nginx": {"image": {"tag": "3"}}})
    assert (outcome.result, outcome.report.revision.number) == ("upgraded", 4)
    assert deployed.programs.verbs() == ["rollback", "upgrade"]
    assert [r["revision"] for r in deployed.programs.revisions] == [1, 2, 3, 4]
    assert deployed.programs.revisions[2]["objects"] == deployed.programs.revisions[0]["objects"]
    assert deployed.reported("was left pending-")
    assert deployed.reported("rolling back to revision 1 to repair it")


def test_a_pending_revision_whose_rollback_loses_data_is_left_until_that_is_accepted(deployed):
    shards = {"broker": {"shards": 2, "acceptNotificationLoops": True}}
    deployed.deploy(shards, force=True)
    deployed.programs.set_status(1, "superseded")
    deployed.programs.set_status(2, "pending-upgrade")
    with pytest.raises(Refused, match="cloud-broker would become a Deployment") as error:
        deployed.deploy(shards)
    assert "--force" in error.value.hint
    assert (deployed.programs.verbs(), deployed.holder) == ([], "")
    assert deployed.deploy(shards, force=True).result == "upgraded"


@pytest.mark.parametrize("status", ["pending-install", "uninstalling"])
def test_a_first_install_or_an_uninstall_that_died_is_made_deployed_again(deployed, status):
    deployed.programs.set_status(1, status)
    outcome = deployed.deploy()
    assert (ended(outcome), outcome.report.revision.number) == ("unchanged, 0", 2)
    assert (deployed.programs.verbs(), deployed.programs.statuses()) == (["rollback"], [status, "deployed"])


def test_what_somebody_deployed_while_we_waited_for_the_lease_is_read_anew(deployed):
    def finish():
        deployed.take_lease("")
        values = {**deployed.programs.revisions[0]["values"]}
        values["nginx"] = {**values["nginx"], **NEW["nginx"]}
        deployed.op().helm.start_upgrade("chart", values, timeout_s=1).wait(1)

    deployed.take_lease()
    deployed.at(3, finish)
    outcome = deployed.deploy(NEW)
    assert (ended(outcome), outcome.report.revision.number) == ("unchanged, 0", 2)


def test_the_record_of_an_uninstall_that_was_killed_is_forgotten(world):
    world.deploy()
    world.cluster.edit("ConfigMap", OWN, {"data": {"record.json": '{"revisions": {"7": {}}}'}})
    world.programs.revisions.clear()
    world.deploy()
    assert list(world.record["revisions"]) == ["1"]


def test_rights_that_a_first_install_lacks_are_all_named_before_anything_is_written(world):
    world.cluster.denied = {"create deployments", "list events"}
    with pytest.raises(
        Forbidden, match=r"jane does not have .*\n +list events in namespace city\n +create deployments\.apps in"
    ):
        world.deploy()
    assert (world.cluster.writes, world.programs.verbs()) == ([], [])


@pytest.mark.parametrize("begun", [0, 3])
def test_a_403_in_the_middle_names_every_missing_right_with_the_role_that_gives_it(deployed, begun):
    deployed.cluster.denied = {"list pods", "delete leases"}
    deployed.at(begun, lambda: deployed.cluster.refuse("list", "Pod"))
    with pytest.raises(Forbidden, match=r"list pods in namespace city\n +delete leases\.coord") as error:
        deployed.deploy({"nginx": {"image": {"tag": SLOW}}})
    assert {doc["kind"] for doc in every(error.value.manifest)} >= {"Role", "RoleBinding"}
    assert error.value.exit_code == 11


def test_a_403_is_told_as_it_is_where_no_right_is_missing(deployed):
    deployed.cluster.refuse("replace", "Lease")
    with pytest.raises(ClusterError, match="is forbidden") as error:
        deployed.deploy(NEW)
    assert not isinstance(error.value, Forbidden)
