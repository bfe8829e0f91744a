"""Rollback: its target, what it changes, and how its result is reported."""

import json
import tarfile
from types import SimpleNamespace

import pytest
import typer

from fogflow_k8s.actions.release.rollback import plan, rollback
from fogflow_k8s.commands.rollback import rollback as command
from fogflow_k8s.commands.session import Session
from fogflow_k8s.errors import Busy, ClusterError, Interrupted, NotInstalled, OperationFailed, Refused, UsageError
from tests.documents import valid
from tests.unit.actions.world import BAD, HOME, NEVER, interrupt


def nginx(tag):
    return {"nginx": {"image": {"tag": tag}}}


@pytest.fixture
def twice(deployed):
    """Revision 1 has nginx 1, revision 2 has nginx 2; both worked."""
    deployed.deploy(nginx("2"))
    deployed.forget()
    return deployed


def back(world, revision=None, **more):
    op = world.op(command="fogflow-k8s rollback", **{k: more.pop(k) for k in ("bundles",) if k in more})
    return rollback(op, plan(op, revision), **{"timeout_s": 60, **more})


def test_without_a_number_it_goes_to_the_last_revision_that_worked(twice):
    twice.deploy(nginx(BAD), rollback_on_failure=False)
    twice.deploy(nginx(NEVER), rollback_on_failure=False)
    found = plan(twice.op(), None)
    assert (found.current.number, found.target.number) == (4, 2), "3 was made by Helm, and never seen ready"
    assert [str(change) for change in found.changes] == [
        "~ Deployment/nginx spec.template.spec.containers[nginx].image: fogflow/nginx:never -> fogflow/nginx:2"
    ]
    assert twice.cluster.writes[-1][1] == "Lease", "a plan changes nothing"


def test_a_number_chooses_the_revision(twice):
    twice.deploy(nginx("3"))
    assert plan(twice.op(), 1).target.number == 1


def test_a_number_that_is_not_kept_is_refused_with_those_that_are(twice):
    with pytest.raises(UsageError, match="revision 7 is not in the history") as error:
        plan(twice.op(), 7)
    assert error.value.hint.startswith("revisions kept: 1, 2")
    assert error.value.exit_code == 2


def test_a_first_revision_has_no_earlier_one(deployed):
    with pytest.raises(UsageError, match="no earlier revision that worked"):
        plan(deployed.op(), None)


def test_revisions_that_failed_are_no_earlier_ones_that_worked(deployed):
    deployed.programs.set_status(1, "failed")
    deployed.deploy(nginx("2"))
    with pytest.raises(UsageError, match="no earlier revision that worked"):
        plan(deployed.op(), None)


def test_a_deploy_that_was_rolled_back_leaves_nothing_to_roll_back_to(deployed):
    deployed.deploy(nginx(BAD))
    with pytest.raises(UsageError) as error:
        plan(deployed.op(), None)
    assert "revision 3 has the objects of revision 1 again" in error.value.message


def test_without_a_release_it_says_so(world):
    with pytest.raises(NotInstalled, match=f"no release fogflow in namespace {HOME}"):
        plan(world.op(), None)


def test_it_goes_back_waits_and_notes_that_the_new_revision_worked(twice):
    twice.cluster.fate["1"] = 20.0
    outcome = back(twice)
    assert (outcome.result, outcome.exit_code, outcome.before) == ("rolled-back", 0, 2)
    assert outcome.detail == "rolled back to revision 1, which is now revision 3"
    assert (twice.tag("nginx"), outcome.report.revision.number) == ("1", 3)
    assert outcome.seconds["wait"] == 20
    assert list(twice.record["revisions"]) == ["1", "2", "3"]
    assert "--force-conflicts" in twice.programs.flags("rollback")
    assert twice.holder == ""


def test_the_revision_is_read_once(twice):
    back(twice)
    assert twice.manifests_read(1) == 1


def test_what_is_not_waited_for_is_not_noted_as_working(twice):
    twice.cluster.fate["1"] = 20.0
    outcome = back(twice, wait=False)
    assert (outcome.result, outcome.exit_code, outcome.report.revision.number) == ("rolled-back", 0, 3)
    assert twice.passed_s == 0
    assert list(twice.record["revisions"]) == ["1", "2"]


def test_going_to_the_newest_revision_changes_nothing(twice):
    outcome = back(twice, 2)
    assert (outcome.result, outcome.exit_code) == ("unchanged", 0)
    assert (twice.cluster.writes, twice.programs.verbs()) == ([], [])


def test_going_to_the_newest_revision_repairs_it_when_it_is_pending(twice):
    twice.programs.set_status(2, "pending-upgrade")
    outcome = back(twice, 2)
    assert (outcome.result, twice.programs.statuses()[-2:]) == ("rolled-back", ["pending-upgrade", "deployed"])


def test_a_revision_that_does_not_become_ready_either_is_told_with_its_causes(twice, tmp_path):
    twice.cluster.fate["1"] = twice.cluster.fate[BAD]
    outcome = back(twice, bundles=tmp_path)
    assert (outcome.result, outcome.exit_code) == ("rollback-failed", 22)
    assert outcome.detail == "revision 1 did not become ready after the rollback"
    assert [cause.id for cause in outcome.causes] == ["FK-4001"]
    assert list(twice.record["revisions"]) == ["1", "2"]
    with tarfile.open(outcome.bundle) as archive:
        assert any(name.endswith("/assessment.json") for name in archive.getnames())


def test_a_revision_that_is_still_advancing_at_the_deadline_is_left_alone(deployed):
    deployed.deploy({**nginx("2"), "master": {"image": {"tag": "2"}}})
    deployed.cluster.fate["1"] = 100.0
    deployed.at(50, lambda: deployed.cluster.remove("Pod", *deployed.pods("designer"), HOME))
    outcome = back(deployed, timeout_s=60)
    assert (outcome.result, outcome.exit_code) == ("timed-out", 30)
    assert outcome.detail == "still advancing after 60 s"


def test_a_helm_that_refuses_is_an_error_and_the_lease_is_given_back(twice):
    twice.programs.plan("rollback", stderr="Error: no", leaves="")
    with pytest.raises(OperationFailed, match="no"):
        back(twice)
    assert twice.holder == ""


def test_a_server_out_of_reach_is_its_own_error(twice):
    twice.programs.plan("rollback", stderr="Error: Kubernetes cluster unreachable: EOF", leaves="")
    with pytest.raises(ClusterError) as error:
        back(twice)
    assert error.value.exit_code == 11


def test_it_waits_for_its_turn(twice):
    twice.take_lease()
    twice.always = [twice.take_lease]
    with pytest.raises(Busy):
        back(twice)
    assert twice.programs.verbs() == []


def test_a_lease_that_is_lost_ends_the_wait(twice):
    twice.cluster.fate["1"] = 20.0
    twice.at(5, twice.lose_lease)
    with pytest.raises(Busy):
        back(twice)


@pytest.mark.parametrize(
    ("leaves", "state", "hint"),
    [
        ("failed", "revision 3 is failed: helm was stopped", "fogflow-k8s rollback 1 -n city"),
        ("", "helm was stopped before it made a revision, revision 2 stays", "fogflow-k8s rollback 1 -n city"),
    ],
)
def test_ctrl_c_while_helm_works_says_what_helm_has_made(twice, leaves, state, hint):
    twice.programs.plan("rollback", interrupt=True, leaves=leaves)
    with pytest.raises(Interrupted, match=state) as error:
        back(twice)
    assert (error.value.exit_code, hint in error.value.hint, twice.holder) == (130, True, "")


def test_ctrl_c_in_the_wait_says_that_the_rollout_goes_on(twice):
    twice.cluster.fate["1"] = 20.0
    twice.at(5, interrupt)
    with pytest.raises(Interrupted, match="revision 3 is deployed; the rollout continues in the cluster") as error:
        back(twice)
    assert "fogflow-k8s status --wait -n city" in error.value.hint
    assert (error.value.exit_code, twice.holder) == (130, "")


def test_ctrl_c_before_helm_began_says_that_the_revision_before_stays(twice):
    twice.take_lease()
    twice.always = [twice.take_lease]
    twice.at(5, interrupt)
    with pytest.raises(Interrupted, match="interrupted before helm was started: revision 2 stays as it is") as error:
        back(twice)
    assert "to complete it: fogflow-k8s rollback 1 -n city" in error.value.hint
    assert "--wait" not in error.value.hint
    assert twice.programs.verbs() == []


def test_ctrl_c_after_a_workload_was_deleted_for_it_names_that_workload(deployed):
    deployed.deploy({"broker": {"shards": 2, "acceptNotificationLoops": True}}, force=True)
    deployed.cluster.stays = True
    deployed.at(5, interrupt)
    with pytest.raises(Interrupted, match="stays as it is, but StatefulSet cloud-broker was deleted for the change"):
        back(deployed)
    assert deployed.programs.verbs("rollback") == []


@pytest.fixture
def run(twice):
    """The command itself, with its session's operation on our cluster."""

    class Mine(Session):
        def operation(self, *_, **__):
            return twice.op()

    def call(**more):
        """The exit code; None when it just returns."""
        try:
            command(SimpleNamespace(obj=Mine(), info_name="rollback"), **{"revision": None, "bundle": False, **more})
        except typer.Exit as end:
            return end.exit_code

    return call


def test_the_command_asks_before_it_changes_anything(twice, run):
    with pytest.raises(Refused, match=f"Roll back fogflow in namespace {HOME} on test.* This is not a terminal"):
        run()
    assert (twice.cluster.writes, twice.programs.verbs()) == ([], [])


def test_the_command_goes_back_when_it_is_told_yes_beforehand(twice, run, capsys):
    assert run(yes=True) == 0
    assert twice.tag("nginx") == "1"
    assert "fogflow/nginx:2 -> fogflow/nginx:1" in "".join(capsys.readouterr().err.split("\n"))


def test_the_command_shows_and_changes_nothing_in_a_dry_run(twice, run):
    assert run(dry_run=True) is None
    assert (twice.cluster.writes, twice.programs.verbs()) == ([], [])


def test_a_dry_run_as_json_is_the_document_of_an_operation(twice, run, capsys):
    run(dry_run=True, output="json")
    document = valid(json.loads(capsys.readouterr().out))
    assert (document["result"], document["exitCode"], document["release"]["revision"]) == ("unchanged", 0, 2)
    changed = {each["path"] for each in document["difference"]["changes"] if each["object"] == "Deployment/nginx"}
    assert "spec.template.spec.containers[nginx].image" in changed
    assert (twice.cluster.writes, twice.programs.verbs()) == ([], [])


SHARDS = {"broker": {"shards": 2, "acceptNotificationLoops": True}}


def test_what_going_back_would_lose_is_asked_for_as_a_deploy_asks(deployed):
    deployed.deploy(SHARDS, force=True)
    found = plan(deployed.op(), 1)
    with pytest.raises(Refused, match="cloud-broker would become a Deployment, and is a StatefulSet") as error:
        found.require_no_loss(force=False)
    assert "--force" in error.value.hint
    found.require_no_loss(force=True)


def test_no_two_processes_of_one_identity_run_when_a_workload_becomes_another_kind(deployed):
    deployed.deploy(SHARDS, force=True)
    seen = []
    deployed.programs.plan(
        "rollback", stderr="", code=0, leaves="deployed", first=lambda: seen.append(deployed.pods("cloud-broker"))
    )
    assert back(deployed, 1).result == "rolled-back"
    assert seen == [set()]
    assert deployed.reported("deleting StatefulSet cloud-broker")


def test_old_pods_that_do_not_end_stop_a_rollback_before_helm(deployed):
    deployed.deploy(SHARDS, force=True)
    deployed.forget()
    deployed.cluster.stays = True
    with pytest.raises(OperationFailed, match="the pods of StatefulSet cloud-broker are not gone"):
        back(deployed, 1, timeout_s=20)
    assert deployed.programs.verbs() == []


def test_a_record_that_somebody_changes_all_the_time_is_not_dropped_silently(twice):
    twice.cluster.refuse("replace", "ConfigMap", 409, name="fogflow-fogflow-k8s")
    assert back(twice).result == "rolled-back"
    assert twice.reported("cannot record this in ConfigMap fogflow-fogflow-k8s")
