"""What a deploy refuses without the consent of the user: another cluster, another kind of release, a loss of data."""

import json
from pathlib import Path

import pytest

from fogflow_k8s.actions.preconditions import target_check
from fogflow_k8s.actions.release.request import Login
from fogflow_k8s.errors import OperationFailed, Refused
from tests.unit.actions.world import EDGE_CHART, HOME, ended

OTHER = "uid-of-another"
LOGIN = Login("fogflow-edge", "a-password-of-the-cloud")
SHARDS = {"broker": {"shards": 2, "acceptNotificationLoops": True}}


@pytest.fixture
def known(tmp_path):
    """Reads the file of known clusters; {} when there is none."""
    path = tmp_path / "state" / "clusters.json"
    return lambda: json.loads(path.read_text()) if path.exists() else {}


def nothing_changed(world):
    return (world.cluster.writes, world.programs.verbs()) == ([], [])


def test_a_deploy_notes_the_cluster_of_its_configuration_for_this_user_alone(world, known, tmp_path):
    config = tmp_path / "config.json"
    world.deploy(config=config)
    here = {"uid": world.cluster.uid, "context": "test", "server": "https://test"}
    assert known() == {f"{config}|{HOME}|fogflow": here}
    assert (tmp_path / "state" / "clusters.json").stat().st_mode & 0o777 == 0o600


def test_the_other_cluster_is_refused_before_anything_is_asked_of_helm(deployed):
    deployed.cluster.uid = OTHER
    with pytest.raises(
        Refused, match=rf"last deployed to cluster uid-of-kube-system .*context test is {OTHER}"
    ) as error:
        deployed.deploy()
    assert error.value.exit_code == 10
    assert "--allow-other-cluster" in error.value.hint
    assert nothing_changed(deployed)


@pytest.mark.parametrize(
    ("last", "context", "refused"),
    [
        ("fogflow-sandbox", "fogflow-sandbox-edge", False),
        ("fogflow-sandbox-cloud", "fogflow-sandbox", False),
        ("fogflow-sandbox", "fogflow-sandbox", True),  # made anew behind our back
        ("production", "fogflow-sandbox", True),
        ("fogflow-sandbox", "production", True),
        ("fogflow-sandboxes", "fogflow-sandbox", True),
    ],
)
def test_a_second_sandbox_of_this_machine_is_not_refused(world, last, context, refused, tmp_path):
    config = tmp_path / "config.json"
    world.cluster.context = last
    world.deploy(config=config)
    world.cluster.uid, world.cluster.context = OTHER, context
    if refused:
        with pytest.raises(Refused, match=f"context {last}.* context {context} is {OTHER}"):
            world.deploy(config=config)
    else:
        world.deploy(config=config)


def test_without_a_configuration_two_contexts_do_not_refuse_each_other(world, known):
    clusters = {"staging": "uid-1", "production": "uid-2"}
    for replicas, context in enumerate(("staging", "production") * 2, 1):
        world.cluster.context, world.cluster.uid = context, clusters[context]
        world.deploy({"replicaCount": replicas})
    assert sorted(each["uid"] for each in known().values()) == ["uid-1", "uid-2"]
    world.cluster.uid = "uid-3"  # what production leads to is another one now
    with pytest.raises(Refused, match=r"last deployed to cluster uid-2 \(context production\)"):
        world.deploy()


@pytest.mark.parametrize("home", [None, "", "file", "readonly"])
def test_a_machine_that_can_remember_nothing_says_so_and_works(world, home, tmp_path, monkeypatch):
    monkeypatch.delenv("FOGFLOW_K8S_STATE")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    (tmp_path / "file").write_text("")
    if home is None:
        monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    elif home == "readonly":
        monkeypatch.setenv("HOME", "/proc/self")  # root may write everywhere but here
    else:
        monkeypatch.setenv("HOME", str(tmp_path / home) if home else "")
    assert world.deploy().result == "installed"
    (said,) = [line for line in world.reporter.lines if "will not be refused" in line]
    assert "cannot write" in said
    assert "clusters.json (" in said
    assert "set FOGFLOW_K8S_STATE" in said
    assert world.deploy().result == "unchanged"
    target_check.forget(world.op())


def test_the_other_cluster_is_taken_and_noted_when_the_user_says_so(deployed, known):
    deployed.cluster.uid = OTHER
    assert deployed.deploy({"replicaCount": 2}, allow_other_cluster=True).result == "upgraded"
    assert [each["uid"] for each in known().values()] == [OTHER]
    assert ended(deployed.deploy({"replicaCount": 2})) == "unchanged, 0"


def test_another_configuration_or_namespace_or_release_is_none_of_its_business(deployed, tmp_path):
    deployed.cluster.uid = OTHER
    op = deployed.op()
    target_check.require_same_cluster(op, config=tmp_path / "other.json")
    for field, name in (("release", "second"), ("namespace", "village")):
        second = deployed.op()
        second.helm.target = type(op.target)(**{"release": "fogflow", "namespace": HOME, field: name})
        target_check.require_same_cluster(second, config=None)
    with pytest.raises(Refused):
        target_check.require_same_cluster(op, config=None)


@pytest.mark.parametrize(
    ("uid", "message"), [("uid-1", "is cluster uid-1, not uid-2"), ("", "is cluster of unknown identity")]
)
def test_another_cluster_than_the_expected_one_is_refused_even_at_the_first_deploy(world, uid, message):
    world.cluster.uid = uid
    with pytest.raises(Refused, match=message):
        world.deploy(expect_cluster="uid-2", allow_other_cluster=True)
    assert nothing_changed(world)


def test_the_expected_cluster_is_no_leave_to_go_to_another_than_last_time(deployed):
    deployed.cluster.uid = OTHER
    with pytest.raises(Refused, match="last deployed to"):
        deployed.deploy(expect_cluster=OTHER)
    assert deployed.deploy(expect_cluster=OTHER, allow_other_cluster=True).exit_code == 0


def test_a_cluster_whose_identity_may_not_be_read_is_neither_refused_nor_noted(deployed, known):
    before = known()
    deployed.cluster.uid = ""
    assert deployed.deploy({"replicaCount": 2}).result == "upgraded"
    assert known() == before


def test_a_damaged_file_of_known_clusters_is_written_anew(world, known, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "clusters.json").write_text("{")
    assert world.deploy().result == "installed"
    assert [each["uid"] for each in known().values()] == [world.cluster.uid]


def test_a_dry_run_and_a_deploy_with_nothing_to_do_note_nothing(deployed, known, tmp_path):
    (tmp_path / "state" / "clusters.json").unlink()
    deployed.deploy({"replicaCount": 2}, dry_run="client")
    assert known() == {}


def test_forgetting_a_release_forgets_all_its_configurations_on_this_cluster_only(deployed, known, tmp_path):
    op, second = deployed.op(), deployed.op()
    target_check.remember(op, config=tmp_path / "a.json")
    second.helm.target = type(op.target)("second", HOME)
    target_check.remember(second, config=None)
    deployed.cluster.uid = OTHER
    target_check.remember(op, config=tmp_path / "b.json")
    deployed.cluster.uid = "uid-of-kube-system"
    target_check.forget(op)
    assert set(known()) == {f"context test|{HOME}|second", f"{tmp_path / 'b.json'}|{HOME}|fogflow"}


def test_an_edge_does_not_become_a_cloud(world):
    assert world.deploy(chart=EDGE_CHART, login=LOGIN).result == "installed"
    with pytest.raises(Refused, match="this release is an edge, and would become a cloud"):
        world.deploy()
    assert nothing_changed(world)


def test_a_cloud_does_not_become_an_edge(deployed):
    with pytest.raises(Refused, match="this release is a cloud, and would become an edge"):
        deployed.deploy(chart=EDGE_CHART, login=LOGIN)
    assert nothing_changed(deployed)


def test_another_kind_of_workload_is_refused_without_force_and_what_is_lost_is_named(deployed):
    with pytest.raises(Refused, match="cloud-broker would become a StatefulSet, and is a Deployment") as error:
        deployed.deploy(SHARDS)
    assert "--force" in error.value.hint
    assert nothing_changed(deployed)


def test_fewer_shards_are_refused_without_force(world):
    world.deploy({"broker": {**SHARDS["broker"], "shards": 3}})
    with pytest.raises(Refused, match="would have 2 of its 3 shards"):
        world.deploy(SHARDS)
    assert world.deploy(SHARDS, force=True).result == "upgraded"


def test_with_force_the_old_pods_end_before_the_new_ones_are_made(deployed):
    old = deployed.pods("cloud-broker")
    deployed.programs.plan("upgrade", first=lambda: seen.append(deployed.pods("cloud-broker")), stderr="Error: stop")
    seen = []
    deployed.deploy(SHARDS, force=True, rollback_on_failure=False)
    assert (bool(old), seen) == (True, [set()])
    assert deployed.reported("deleting Deployment cloud-broker")


def test_with_force_old_pods_that_do_not_end_stop_everything(deployed):
    deployed.cluster.stays = True
    with pytest.raises(
        OperationFailed, match="the pods of Deployment cloud-broker are not gone after 20 s; nothing else was changed"
    ):
        deployed.deploy(SHARDS, force=True, timeout_s=20)
    assert (deployed.programs.verbs(), deployed.passed_s, deployed.holder) == ([], 20, "")
