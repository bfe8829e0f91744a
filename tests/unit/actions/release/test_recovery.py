"""A deploy that fails, is interrupted or loses its Lease: what is rolled back, and how the result is reported."""

import tarfile
import time

import pytest

from fogflow_k8s.errors import Busy, Interrupted, OperationFailed
from tests.scope import ALL
from tests.unit.actions.world import BAD, NEVER, RIVAL, SLOW, interrupt

BUDGET_S = 14

REFUSED = "Error: UPGRADE FAILED: the server does not like it"
CONFLICT = (
    "Error: UPGRADE FAILED: conflict occurred: Apply failed with 1 conflict: conflict with kubectl: .spec.replicas"
)


SHARDS = {"broker": {"shards": 2, "acceptNotificationLoops": True}}


def nginx(tag):
    return {"nginx": {"image": {"tag": tag}}}


def ids(outcome):
    return [cause.id for cause in outcome.causes]


def test_an_upgrade_that_helm_refuses_is_rolled_back_to_what_worked(deployed):
    deployed.programs.plan("upgrade", stderr=REFUSED)
    outcome = deployed.deploy(nginx("2"))
    assert (outcome.result, outcome.exit_code, ids(outcome)) == ("rolled-back", 20, ["FK-7001"])
    assert outcome.detail == "rolled back to revision 1, which is ready again"
    assert "the server does not like it" in outcome.error
    assert deployed.programs.verbs() == ["upgrade", "rollback"]
    assert (deployed.tag("nginx"), outcome.report.revision.number) == ("1", 3)
    assert list(deployed.record["revisions"]) == ["1", "3"]
    assert deployed.holder == ""


def test_fields_that_somebody_else_owns_are_a_cause_of_their_own(deployed):
    deployed.programs.plan("upgrade", stderr=CONFLICT, leaves="failed")
    outcome = deployed.deploy(nginx("2"))
    assert (outcome.result, ids(outcome)) == ("rolled-back", ["FK-7002"])
    assert ".spec.replicas" in outcome.causes[0].evidence[0]


QUOTA = 'services "nginx" is forbidden: exceeded quota: objects, requested: services=1, used: services=8'
POLICY = (
    "deployments.apps \"nginx\" is forbidden: ValidatingAdmissionPolicy 'no-tag' with binding 'b' denied request: no"
)
LIMIT = 'persistentvolumeclaims "designer" is forbidden: maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi'
WEBHOOK = 'cannot patch "nginx" with kind Service: Internal error occurred: failed calling webhook "x.example.io": failed to call webhook: Post "https://x.y.svc:443/": EOF'


@pytest.mark.parametrize(
    ("words", "id_", "names"),
    [
        (QUOTA, "FK-3010", 'services "nginx"'),
        (POLICY, "FK-3011", 'deployments.apps "nginx"'),
        (LIMIT, "FK-3013", 'persistentvolumeclaims "designer"'),
        (WEBHOOK, "FK-3014", 'Service "nginx"'),
    ],
)
def test_an_object_that_admission_refuses_is_named_in_the_cause(deployed, words, id_, names):
    deployed.programs.plan("upgrade", stderr=f"Error: UPGRADE FAILED: {words}", leaves="failed")
    outcome = deployed.deploy(nginx("2"))
    assert (outcome.result, ids(outcome), outcome.causes[0].object) == ("rolled-back", [id_], names)
    assert names in outcome.causes[0].summary


@pytest.mark.parametrize(
    ("words", "summary", "names"),
    [
        ("pre-upgrade hooks failed: context deadline exceeded", "the pre-upgrade hook did not end in time", "release/fogflow"),
        ("failed post-install: job proof failed: BackoffLimitExceeded", "the post-install hook (Job proof) failed", "job/proof"),
        ("failed pre-delete: timed out waiting for the condition", "the pre-delete hook (Job fogflow-cleanup) did not end in time", "job/fogflow-cleanup"),
    ],
)  # fmt: skip
def test_a_hook_that_fails_is_named_in_the_cause(deployed, words, summary, names):
    deployed.programs.plan("upgrade", stderr=f"Error: UPGRADE FAILED: {words}", leaves="failed")
    outcome = deployed.deploy(nginx("2"))
    assert (outcome.result, ids(outcome)) == ("rolled-back", ["FK-7001"])
    assert (outcome.causes[0].summary, outcome.causes[0].object) == (summary, names)


@pytest.mark.parametrize(("code", "message"), [(-9, "helm was killed by signal 9"), (1, "a b c")])
def test_a_helm_that_dies_is_rolled_back_too(deployed, code, message):
    deployed.programs.plan("upgrade", code=code, stderr="" if code < 0 else "a b c", leaves="pending-upgrade")
    outcome = deployed.deploy(nginx("2"))
    assert (outcome.result, outcome.error) == ("rolled-back", message)
    assert deployed.programs.statuses() == ["superseded", "pending-upgrade", "deployed"]


def test_a_helm_that_hangs_is_ended_and_the_upgrade_is_rolled_back(deployed):
    deployed.programs.plan("upgrade", hangs=True, leaves="failed")
    assert deployed.deploy(nginx("2")).result == "rolled-back"


def test_a_first_install_that_helm_refuses_is_left_in_place(world):
    world.programs.plan("upgrade", stderr=REFUSED)
    outcome = world.deploy()
    assert (outcome.result, outcome.exit_code, ids(outcome)) == ("left-failed", 21, ["FK-7001"])
    assert outcome.detail == "left in place: a first install has no revision to roll back to"
    assert world.programs.verbs() == ["upgrade"]


def test_a_first_install_that_does_not_become_ready_is_left_in_place(world):
    outcome = world.deploy(nginx(BAD))
    assert (outcome.result, outcome.exit_code, ids(outcome)) == ("left-failed", 21, ["FK-4001"])
    assert (world.tag("nginx"), world.programs.verbs()) == (BAD, ["upgrade"])
    assert "revisions" not in world.record


def test_an_upgrade_is_left_in_place_where_the_user_wants_it_so(deployed):
    outcome = deployed.deploy(nginx(BAD), rollback_on_failure=False)
    assert (outcome.result, outcome.exit_code, ids(outcome)) == ("left-failed", 21, ["FK-4001"])
    assert outcome.detail == "left in place: --no-rollback-on-failure"
    assert (deployed.tag("nginx"), deployed.programs.verbs()) == (BAD, ["upgrade"])
    assert list(deployed.record["revisions"]) == ["1"]


def test_a_permanent_cause_ends_the_wait_after_three_seconds_of_being_seen(deployed):
    outcome = deployed.deploy(nginx(BAD), timeout_s=600)
    assert (outcome.result, outcome.exit_code, ids(outcome)) == ("rolled-back", 20, ["FK-4001"])
    assert outcome.seconds == {"total": 3, "helm": 0, "wait": 3}
    assert outcome.report.state == "unverified", "what went wrong is kept, and the state is that of now"


def test_a_permanent_cause_that_goes_away_within_three_seconds_ends_nothing(deployed):
    def heal():
        (pod,) = deployed.pods("nginx")
        deployed.cluster.born[pod] = (deployed.clock.now(), 0.0)

    deployed.at(2, heal)
    outcome = deployed.deploy({**nginx(BAD), "master": {"image": {"tag": SLOW}}})
    assert (outcome.result, outcome.seconds["wait"]) == ("upgraded", 30)


def test_a_revision_that_no_deploy_waited_for_is_passed_over_and_named(deployed):
    assert deployed.deploy(nginx(SLOW), wait=False).result == "upgraded"
    outcome = deployed.deploy(nginx(BAD))
    assert (outcome.result, outcome.detail) == ("rolled-back", "rolled back to revision 1, which is ready again")
    assert deployed.reported("revision 2 is passed over, as no deploy waited until it worked")
    assert deployed.reported("to return to it: fogflow-k8s rollback 2 -n ")


def test_an_upgrade_that_stands_still_until_the_deadline_is_rolled_back(deployed):
    outcome = deployed.deploy(nginx(NEVER), timeout_s=60)
    assert (outcome.result, outcome.exit_code, ids(outcome)) == ("rolled-back", 20, ["FK-5011"])
    assert deployed.passed_s == 60


def test_an_upgrade_that_is_still_advancing_at_the_deadline_is_left_alone(deployed):
    deployed.cluster.fate = {"2": 50.0, "3": 100.0}
    outcome = deployed.deploy({**nginx("3"), "master": {"image": {"tag": "2"}}}, timeout_s=60)
    assert (outcome.result, outcome.exit_code) == ("timed-out", 30)
    assert outcome.detail == "left as it is: still advancing after 60 s"
    assert deployed.programs.verbs() == ["upgrade"]
    assert list(deployed.record["revisions"]) == ["1"]


def test_a_rollback_that_helm_refuses_says_so(deployed):
    deployed.programs.plan("rollback", stderr="Error: no", leaves="")
    outcome = deployed.deploy(nginx(BAD))
    assert (outcome.result, outcome.exit_code) == ("rollback-failed", 22)
    assert outcome.detail == "the rollback to revision 1 failed as well: no"
    assert ids(outcome) == ["FK-4001"], "of the upgrade: it is what the user has to correct"


def test_a_rollback_that_does_not_become_ready_says_so(deployed):
    deployed.at(1, lambda: deployed.cluster.fate.update({"1": deployed.cluster.fate[BAD]}))
    outcome = deployed.deploy(nginx(BAD))
    assert (outcome.result, outcome.exit_code) == ("rollback-failed", 22)
    assert outcome.detail == "the rollback to revision 1 failed as well: it did not become ready"
    assert list(deployed.record["revisions"]) == ["1"]


def test_a_rollback_of_a_revision_that_failed_goes_past_it(deployed):
    deployed.deploy(nginx(BAD), rollback_on_failure=False)
    outcome = deployed.deploy(nginx(NEVER))
    assert outcome.detail == "rolled back to revision 1, which is ready again", (
        "2 was made by Helm and never seen ready"
    )


def test_a_release_that_was_never_seen_ready_goes_back_to_what_helm_calls_deployed(world):
    world.deploy(nginx(SLOW), wait=False)
    outcome = world.deploy(nginx(BAD))
    assert outcome.result == "rolled-back"
    assert world.reported(
        "rolling back to revision 1, the newest with Helm's status superseded; the record does not say whether it worked"
    )


def test_an_archive_is_saved_before_the_rollback_wipes_it_out(deployed, tmp_path):
    outcome = deployed.deploy(nginx(BAD), op=deployed.op(bundles=tmp_path / "bundles"))
    assert outcome.result == "rolled-back"
    with tarfile.open(outcome.bundle) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        pods = next(m for m in archive.getmembers() if m.name.endswith("objects/city/pod.json"))
        assert b"ErrImagePull" in archive.extractfile(pods).read()
    assert "assessment.json" in names
    assert not any(name.startswith("helm/") for name in names), "what Helm keeps is there afterwards, too"


def test_an_archive_of_what_is_left_has_what_helm_says(deployed, tmp_path):
    outcome = deployed.deploy(nginx(BAD), op=deployed.op(bundles=tmp_path), rollback_on_failure=False)
    with tarfile.open(outcome.bundle) as archive:
        assert any("/helm/" in name for name in archive.getnames())


def test_a_folder_that_cannot_be_written_stops_no_rollback(deployed, tmp_path):
    (tmp_path / "file").write_text("")
    outcome = deployed.deploy(nginx(BAD), op=deployed.op(bundles=tmp_path / "file" / "bundles"))
    assert (outcome.result, outcome.bundle) == ("rolled-back", None)
    assert deployed.reported("the support archive could not be saved")


def test_the_first_cause_is_told_before_the_rollback(deployed):
    deployed.deploy(nginx(BAD))
    lines = deployed.reporter.lines
    (at,) = [n for n, line in enumerate(lines) if line.startswith("FK-4001 nginx: image fogflow/nginx:bad does not")]
    assert lines[at + 1 :] == ["rolling back to revision 1"]


def test_no_password_stands_in_what_helm_said(deployed):
    password = "correct-horse-battery-staple"
    deployed.programs.plan("upgrade", stderr=f"Error: invalid value {password}")
    outcome = deployed.deploy({**nginx("2"), "rabbitmq": {"auth": {"password": password}}})
    assert outcome.error == "invalid value ********"
    assert password not in repr(outcome)
    assert not deployed.reported(password)


def test_ctrl_c_while_helm_works_says_in_which_state_the_release_is(deployed):
    deployed.programs.plan("upgrade", interrupt=True, leaves="failed")
    with pytest.raises(
        Interrupted, match="interrupted: revision 2 is failed: helm was stopped, and the cluster may have a part of it"
    ) as error:
        deployed.deploy(nginx("2"))
    assert error.value.exit_code == 130
    assert deployed.programs.verbs() == ["upgrade"], "no rollback without a request"
    assert deployed.reported("stopping helm, and waiting until it has updated the release's status")
    assert deployed.holder == ""


def test_ctrl_c_in_the_wait_says_in_which_state_the_release_is(deployed):
    deployed.at(5, interrupt)
    with pytest.raises(Interrupted, match="interrupted: revision 2 is deployed;"):
        deployed.deploy(nginx(SLOW))
    assert deployed.programs.verbs() == ["upgrade"]
    assert deployed.holder == ""


def test_ctrl_c_before_helm_began_says_that_nothing_is_installed(world):
    def at_the_lease(*call):
        if call[:2] == ("create", "Lease"):
            interrupt()

    world.cluster.hooks.append(at_the_lease)
    with pytest.raises(Interrupted, match="interrupted before helm was started: nothing is installed"):
        world.deploy()


def test_ctrl_c_before_helm_began_says_that_the_revision_before_stays_and_offers_no_rollback(deployed):
    def at_the_lease(*call):
        if call[1] == "Lease" and call[0] in {"create", "replace"}:
            deployed.cluster.hooks.remove(at_the_lease)
            interrupt()

    deployed.cluster.hooks.append(at_the_lease)
    with pytest.raises(Interrupted, match="interrupted before helm was started: revision 1 stays as it is") as error:
        deployed.deploy(nginx("2"))
    assert "rollback" not in error.value.hint
    assert "--wait" not in error.value.hint


def test_ctrl_c_before_anything_is_changed_says_so(deployed):
    deployed.cluster.hooks.append(lambda *_: interrupt())
    with pytest.raises(Interrupted, match="interrupted: nothing was changed"):
        deployed.deploy(nginx("2"))
    assert (deployed.cluster.writes, deployed.programs.verbs()) == ([], [])


def test_ctrl_c_where_helm_made_no_revision_names_the_one_that_stays(deployed):
    deployed.programs.plan("upgrade", interrupt=True, leaves="")
    with pytest.raises(Interrupted, match="helm was stopped before it made a revision, revision 1 stays") as error:
        deployed.deploy(nginx("2"))
    assert "rollback" not in error.value.hint


def test_ctrl_c_where_the_server_is_gone_says_that_the_state_is_unknown(deployed):
    def cut():
        deployed.cluster.refuse("", "", 0)
        interrupt()

    deployed.at(5, cut)
    with pytest.raises(Interrupted, match=r"its state is unknown \(refused by the test\)"):
        deployed.deploy(nginx(SLOW))


def test_a_lease_lost_in_the_middle_ends_the_deploy_and_nothing_is_rolled_back(deployed):
    deployed.at(5, deployed.lose_lease)
    with pytest.raises(Busy, match="another operation took over release fogflow"):
        deployed.deploy(nginx(SLOW))
    assert deployed.programs.verbs() == ["upgrade"]
    assert deployed.holder == RIVAL, "it is not ours to give back"


def test_a_lease_lost_while_helm_works_ends_the_deploy_and_nothing_is_rolled_back(deployed):
    deployed.programs.plan("upgrade", stderr=REFUSED, first=deployed.lose_lease)
    with pytest.raises(Busy, match="another operation took over"):
        deployed.deploy(nginx("2"))
    assert deployed.programs.verbs() == ["upgrade"]


def test_a_lease_lost_during_the_rollback_says_so(deployed):
    deployed.cluster.fate["1"] = 30.0
    deployed.at(10, deployed.lose_lease)
    outcome = deployed.deploy(nginx(BAD))
    assert (outcome.result, outcome.exit_code) == ("rollback-failed", 22)
    assert "another operation took over release fogflow" in outcome.detail
    assert deployed.holder == RIVAL


def test_a_server_that_goes_away_during_the_rollback_is_told(deployed):
    for _ in range(4):
        deployed.programs.plan("rollback", stderr="Error: Kubernetes cluster unreachable: EOF", leaves="")
    outcome = deployed.deploy(nginx(BAD))
    assert (outcome.result, outcome.exit_code) == ("rollback-failed", 22)
    assert "helm cannot reach the cluster" in outcome.detail


@pytest.fixture
def away(deployed):
    """Lets the API server be away, from a moment (seconds from now) for a while (None: for good)."""

    def plan(begin, seconds=None):
        def go():
            deployed.cluster.refuse("", "", 0)
            hook = deployed.cluster.hooks[-1]
            if seconds is not None:
                deployed.at(seconds, lambda: deployed.cluster.hooks.remove(hook))

        go() if begin == 0 else deployed.at(begin, go)

    return plan


@pytest.mark.parametrize(
    "said",
    [
        'Error: UPGRADE FAILED: Kubernetes cluster unreachable: Get "https://127.0.0.1:6443/version": dial tcp 127.0.0.1:6443: connect: connection refused',
        'Error: UPGRADE FAILED: Get "https://127.0.0.1:6443/api/v1/namespaces/fogflow/secrets": EOF',
    ],
)
@pytest.mark.parametrize("seconds", [0, 5, 50])
def test_a_server_that_goes_away_while_helm_works_is_waited_for_and_the_upgrade_is_taken_back(
    deployed, away, said, seconds, tmp_path
):
    first = (lambda: away(0, seconds)) if seconds else None
    deployed.programs.plan("upgrade", stderr=said, leaves="pending-upgrade", first=first)
    outcome = deployed.deploy(nginx("2"), op=deployed.op(bundles=tmp_path / "archives"))
    assert (outcome.result, outcome.exit_code, ids(outcome)) == ("rolled-back", 20, ["FK-7013"])
    assert outcome.bundle.exists()
    assert deployed.programs.statuses() == ["superseded", "pending-upgrade", "deployed"]
    assert (deployed.tag("nginx"), deployed.holder) == ("1", "")
    assert deployed.reported("waiting up to 60 s for it") is bool(seconds)


@pytest.mark.parametrize("after", range(0, 96, 1 if ALL else 4))
def test_a_server_that_does_not_answer_for_a_moment_anywhere_in_a_failed_upgrade_changes_nothing_about_its_end(
    deployed, after
):
    """Three requests in a row get no answer, from one of those on that come after Helm began."""
    deployed.programs.plan(
        "upgrade", code=0, stderr="", leaves="deployed",
        first=lambda: deployed.cluster.refuse("", "", 0, times=3, after=after),
    )  # fmt: skip
    outcome = deployed.deploy(nginx(BAD))
    assert (outcome.result, outcome.exit_code, deployed.tag("nginx")) == ("rolled-back", 20, "1")


def test_a_server_that_stays_away_leaves_the_upgrade_and_the_command_that_takes_it_back(deployed, away):
    deployed.programs.plan(
        "upgrade", stderr="Error: Kubernetes cluster unreachable: EOF", leaves="", first=lambda: away(0)
    )
    with pytest.raises(OperationFailed, match="did not answer again within 60 s") as error:
        deployed.deploy(nginx("2"))
    assert (error.value.exit_code, "fogflow-k8s rollback" in error.value.hint) == (22, True)
    assert deployed.programs.verbs() == ["upgrade"], "nothing can be rolled back now"


def test_a_server_that_is_away_for_a_while_during_the_wait_ends_nothing(deployed, away):
    away(5, 20)
    outcome = deployed.deploy(nginx(SLOW))
    assert (outcome.result, outcome.exit_code) == ("upgraded", 0)
    assert deployed.reported("waiting until the API server answers")
    assert deployed.reported("the API server answers again")


def test_a_server_that_goes_away_for_good_during_the_wait(deployed, away):
    away(5)
    with pytest.raises(OperationFailed, match="did not answer again") as error:
        deployed.deploy(nginx(SLOW))
    assert error.value.exit_code == 22


def test_a_helm_that_hangs_on_a_server_that_hangs_is_ended_with_the_lease(deployed, away, monkeypatch):
    """Before another operation may begin, whatever Helm would still do once the server answers."""
    passed = [0.0]
    real = time.monotonic
    monkeypatch.setattr("fogflow_k8s.actions.lock.time.monotonic", lambda: real() + passed[0])

    def hang():
        passed[0] += 60
        away(0, 10)

    deployed.programs.plan("upgrade", hangs=True, leaves="pending-upgrade", first_wait=hang)
    outcome = deployed.deploy(nginx("2"))
    assert (outcome.result, ids(outcome)) == ("rolled-back", ["FK-7013"])


def test_an_upgrade_to_another_kind_is_taken_back_after_its_pods_have_ended(deployed):
    seen = []
    deployed.programs.plan(
        "rollback", stderr="", code=0, leaves="deployed", first=lambda: seen.append(deployed.pods("cloud-broker"))
    )
    deployed.cluster.fate["2"] = deployed.cluster.fate[BAD]
    outcome = deployed.deploy({**SHARDS, **nginx("2")}, force=True)
    assert (outcome.result, seen) == ("rolled-back", [set()])
    assert deployed.reported("deleting StatefulSet cloud-broker")


def test_an_upgrade_whose_taking_back_would_lose_something_is_left(deployed):
    deployed.deploy(SHARDS, force=True)
    deployed.cluster.fate["2"] = deployed.cluster.fate[BAD]
    more = {"broker": {**SHARDS["broker"], "shards": 3}}
    outcome = deployed.deploy({**more, **nginx("2")})
    assert (outcome.result, outcome.exit_code) == ("left-failed", 21)
    assert "a rollback would lose data (cloud-broker would have 2 of its 3 shards" in outcome.detail
    assert "fogflow-k8s rollback --force" in outcome.detail


SLOW_S = 30.0
DEAD = 'Error: ROLLBACK FAILED: Internal error occurred: failed calling webhook "dead.example.org": failed to call webhook: EOF'
AWAY = "Error: Kubernetes cluster unreachable: EOF"


@pytest.mark.parametrize("words", [DEAD, AWAY])
def test_a_way_back_that_is_barred_for_a_moment_is_tried_again(deployed, words):
    deployed.programs.plan("rollback", stderr=words, leaves="failed")
    deployed.programs.plan("rollback", stderr=words, leaves="failed")
    outcome = deployed.deploy(nginx(BAD))
    assert (outcome.result, outcome.exit_code) == ("rolled-back", 20)
    assert deployed.programs.verbs() == ["upgrade", *["rollback"] * 3]
    assert deployed.reported("again in 10 s")


@pytest.mark.parametrize("barred", [0, 2])
def test_the_revision_to_go_back_to_is_read_once_however_often_it_is_tried(deployed, barred):
    deployed.programs.plan("upgrade", stderr=REFUSED)
    for _ in range(barred):
        deployed.programs.plan("rollback", stderr=f"Error: {WEBHOOK}", leaves="failed")
    assert deployed.deploy(nginx("2")).result == "rolled-back"
    assert (deployed.programs.verbs("rollback"), deployed.manifests_read(1)) == (["rollback"] * (barred + 1), 1)


def test_a_way_back_that_stays_barred_is_told_after_four_tries(deployed):
    for _ in range(9):
        deployed.programs.plan("rollback", stderr=DEAD, leaves="failed")
    outcome = deployed.deploy(nginx(BAD))
    assert (outcome.result, outcome.exit_code) == ("rollback-failed", 22)
    assert "dead.example.org" in outcome.detail
    assert deployed.programs.verbs("rollback") == ["rollback"] * 4


def test_a_helm_that_fails_before_it_made_a_revision_leaves_the_one_before(deployed):
    deployed.programs.plan("upgrade", stderr=AWAY, leaves="")
    outcome = deployed.deploy(nginx("2"))
    assert (outcome.result, outcome.exit_code, ids(outcome)) == ("rolled-back", 20, ["FK-7013"])
    assert outcome.detail == "rolled back to revision 1, which is ready again"
    assert deployed.tag("nginx") == "1"


def test_a_server_that_goes_away_after_the_rollback_leaves_what_is_known(deployed, away):
    deployed.cluster.fate["1"] = SLOW_S
    deployed.programs.plan("rollback", stderr="", code=0, leaves="deployed", first=lambda: away(5))
    with pytest.raises(OperationFailed, match="did not answer again within 60 s; the release was rolled back") as error:
        deployed.deploy(nginx(BAD))
    assert "rolled back to revision 1, and whether it became ready is unknown" in error.value.message
    assert (error.value.exit_code, error.value.hint) == (22, "when it answers: fogflow-k8s status --wait -n city")
    assert deployed.programs.verbs("rollback") == ["rollback"]


def test_a_server_that_goes_away_during_the_rollback_leaves_its_result_unknown(deployed, away):
    for n in range(4):
        first = (lambda: away(0)) if n == 0 else None
        deployed.programs.plan("rollback", stderr=AWAY, leaves="", first=first)
    with pytest.raises(OperationFailed, match="rollback to revision 1 was started, and its result is unknown") as error:
        deployed.deploy(nginx(BAD))
    assert "fogflow-k8s rollback 1 -n city" in error.value.hint
    assert "nothing was rolled back" not in error.value.message


def test_a_server_that_is_away_for_a_while_after_the_rollback_causes_no_second_one(deployed, away):
    deployed.cluster.fate["1"] = SLOW_S
    deployed.programs.plan("rollback", stderr="", code=0, leaves="deployed", first=lambda: away(5, 100))
    assert deployed.deploy(nginx(BAD)).result == "rolled-back"
    assert deployed.programs.verbs("rollback") == ["rollback"]
