"""The findings of doctor, the order of its fixes, and when it changes nothing."""

import pytest

from fogflow_k8s.actions.doctor.doctor import examine, fix_findings
from fogflow_k8s.errors import ClusterError
from tests.unit.actions.world import BAD, HOME, OWN, RIVAL, SECRET, TASKS, encoded

BUDGET_S = 8

KEEPER = {"keeper": {"enabled": True}}
LABELS = {"app.kubernetes.io/part-of": "fogflow"}


def ids(diagnosis):
    return [finding.cause.id for finding in diagnosis.findings]


def fix(world, agree=lambda _: True, timeout_s=60):
    """The diagnosis, and the fixes that the user was asked about, in order."""
    asked = []
    return fix_findings(world.op(), lambda one: asked.append(one.fix) or agree(one), timeout_s=timeout_s), asked


def task(world, kind="Service", name="fogflow-task-1"):
    spec = {"replicas": 0, "template": {"metadata": {"labels": {}}, "spec": {"containers": [{"image": "x:1"}]}}}
    world.cluster.put({"kind": kind, "metadata": {"name": name, "namespace": TASKS}, "spec": spec})


def silence(world):
    """Let the keeper stop reporting."""
    world.always.clear()
    world.clock.sleep(31)


def restarted(world):
    return [name.rpartition("-")[0] for verb, kind, name in world.cluster.calls if (verb, kind) == ("delete", "Pod")]


def test_a_release_that_works_has_nothing_wrong_and_nothing_is_written(kept):
    found = examine(kept.op())
    assert (ids(found), found.exit_code, found.installed, found.unchecked) == ([], 0, True, ())
    assert (kept.cluster.writes, kept.programs.verbs()) == ([], [])
    assert fix(kept) == (found, [])


def test_without_a_release_and_without_leftovers_there_is_nothing_wrong(world):
    found = examine(world.op())
    assert (ids(found), found.exit_code, found.installed) == ([], 0, False)


def test_a_release_without_a_keeper_cannot_be_seen_to_work(deployed):
    found = examine(deployed.op())
    assert (ids(found), found.exit_code) == (["FK-7012"], 40)


def test_a_revision_that_never_worked_can_be_left_for_one_that_did(deployed):
    deployed.deploy({"nginx": {"image": {"tag": BAD}}}, wait=False)
    deployed.clock.sleep(10)
    back = f"to return to revision 1, which worked: fogflow-k8s rollback -n {HOME}"
    found = {f.cause.id: f.cause.advice for f in examine(deployed.op()).findings}
    assert found["FK-4001"][-1] == back
    deployed.take_lease()
    deployed.always.append(deployed.take_lease)
    found = {f.cause.id: f.cause.advice for f in examine(deployed.op()).findings}
    assert back not in found["FK-4001"], "the other operation goes back by itself"


def test_examining_finds_what_a_fix_would_repair_and_changes_nothing(kept):
    kept.programs.set_status(1, "pending-upgrade")
    found = examine(kept.op())
    assert (ids(found), found.exit_code, found.findings[0].fix) == (["FK-7004"], 40, "roll-back")
    assert kept.programs.verbs() == []


def test_a_pending_release_is_rolled_back_with_its_history_kept(kept):
    kept.programs.set_status(1, "pending-upgrade")
    found, asked = fix(kept)
    assert (asked, kept.programs.statuses()) == (["roll-back"], ["pending-upgrade", "deployed"])
    assert [(f.cause.id, f.fixed) for f in found.findings] == [("FK-7004", True)]
    assert (found.exit_code, kept.holder) == (0, "")
    assert kept.reported("FK-7004 release/fogflow: roll back to revision 1; the history is kept")


def test_a_rollback_that_would_lose_data_is_left_to_the_user(kept):
    kept.deploy({"broker": {"shards": 2, "acceptNotificationLoops": True}}, force=True)
    kept.programs.set_status(1, "superseded")
    kept.programs.set_status(2, "pending-upgrade")
    kept.forget()
    found, asked = fix(kept)
    assert (asked, kept.programs.verbs(), found.exit_code) == (["roll-back"], [], 40)
    assert kept.reported("the fix failed: cloud-broker would become a Deployment")
    assert kept.holder == ""


def test_nothing_is_rolled_back_by_a_helm_at_another_cluster(kept):
    kept.programs.set_status(1, "pending-upgrade")
    kept.programs.plan("identity", stderr="uid-of-another")
    found, _ = fix(kept)
    assert (kept.programs.verbs(), found.exit_code) == ([], 40)
    assert kept.reported("the fix failed: helm uses another cluster")


def test_a_no_leaves_it_as_it_is(kept):
    kept.programs.set_status(1, "pending-upgrade")
    found, asked = fix(kept, agree=lambda _: False)
    assert (asked, found.exit_code, kept.programs.verbs()) == (["roll-back"], 40, [])


def test_a_release_that_was_repaired_after_the_question_is_not_rolled_back(kept):
    kept.programs.set_status(1, "pending-upgrade")
    found, _ = fix(kept, agree=lambda _: kept.programs.set_status(1, "deployed") or True)
    assert (found.exit_code, kept.programs.verbs()) == (0, [])


def test_nothing_is_touched_while_another_operation_is_in_progress(kept):
    kept.programs.set_status(1, "pending-upgrade")
    kept.take_lease()
    kept.always.append(kept.take_lease)
    found, asked = fix(kept)
    assert (ids(found), asked, found.exit_code) == (["FK-7005"], [], 40)
    assert RIVAL in found.findings[0].cause.summary
    assert (kept.cluster.writes, kept.programs.verbs()) == ([], [])


def test_an_operation_that_begins_after_the_first_fix_ends_the_fixing(kept):
    def come(*_):
        kept.always.append(kept.take_lease)
        kept.take_lease()

    kept.programs.set_status(1, "pending-upgrade")
    silence(kept)
    kept.programs.plan("rollback", first=come, stderr="Error: no", leaves="")
    found, asked = fix(kept)
    assert asked == ["roll-back"], "the keeper would be next"
    assert "FK-7005" in ids(found)


def test_the_lease_of_a_dead_holder_does_not_stop_the_fixes(kept):
    kept.programs.set_status(1, "pending-upgrade")
    kept.take_lease()
    found, asked = fix(kept)
    assert (asked, found.exit_code) == (["roll-back"], 0)


def test_every_kind_of_step_is_made_once_and_in_its_order(kept):
    kept.programs.set_status(1, "pending-upgrade")
    silence(kept)
    (old,) = kept.pods("keeper")

    def report(*_):  # the new keeper sees a master that is disconnected, and goes on seeing it
        if not kept.always and old not in kept.pods("keeper"):
            kept.keeper("degraded", master="disconnected")

    kept.cluster.hooks.append(report)
    found, asked = fix(kept)
    assert asked == ["roll-back", "restart-keeper", "restart"]
    assert restarted(kept) == ["keeper", "rabbitmq", "discovery", "cloud-broker", "master", "keeper"]
    left = [(f.cause.id, f.cause.component, f.fixed) for f in found.findings]
    assert left == [("FK-7004", "release", True), ("FK-6008", "keeper", True), ("FK-6003", "master", False)]
    assert found.exit_code == 40


def test_a_step_that_fails_is_told_and_the_next_is_made_all_the_same(kept):
    kept.programs.set_status(1, "pending-upgrade")
    silence(kept)
    kept.programs.plan("rollback", stderr="Error: no such thing", leaves="")
    found, asked = fix(kept)
    assert asked == ["roll-back", "restart-keeper"]
    assert kept.reported("the fix failed: no such thing")
    assert restarted(kept) == ["keeper"]
    assert "FK-7004" in [f.cause.id for f in found.left]


def test_a_keeper_that_never_reported_is_restarted(world):
    world.deploy(KEEPER)
    world.clock.sleep(60)
    assert fix(world)[1] == ["restart-keeper"]
    assert restarted(world) == ["keeper"]


def test_a_keeper_that_has_just_come_has_a_minute_to_report(world):
    world.deploy(KEEPER)
    world.cluster.remove("Pod", *world.pods("keeper"), HOME)
    world.clock.sleep(59)
    assert ids(examine(world.op())) == []


def test_what_the_keeper_repairs_within_a_minute_is_not_restarted(kept):
    kept.keeper("degraded", master="disconnected")
    kept.clock.sleep(1)
    kept.at(50, kept.keeper)
    found, asked = fix(kept)
    assert (asked, restarted(kept), found.exit_code) == (["restart"], [], 0)


def test_what_the_keeper_is_at_work_on_is_left_to_it(kept):
    kept.keeper("repairing", master="disconnected")
    kept.clock.sleep(1)
    found, asked = fix(kept)
    assert (ids(found), asked) == (["FK-6003"], [])


def test_tasks_that_an_uninstall_left_are_deleted_and_nothing_else(world):
    for kind in ("Deployment", "Service", "ConfigMap"):
        task(world, kind)
        task(world, kind, "of-somebody-else")
    found, asked = fix(world)
    assert (asked, found.exit_code) == (["delete-tasks"], 0)
    assert sorted(call[1:] for call in world.cluster.writes) == [
        (kind, "fogflow-task-1") for kind in ("ConfigMap", "Deployment", "Service")
    ]


@pytest.mark.parametrize("who", ["worker", "pod", "another"])
def test_tasks_with_a_worker_are_no_leftovers(world, who):
    task(world)
    labels = {"app.kubernetes.io/component": "cloud-worker"}
    if who == "worker":
        world.cluster.put({"kind": "StatefulSet", "metadata": {"name": "cloud-worker", "namespace": HOME}, "spec": {"replicas": 1, "template": {"metadata": {"labels": {}}, "spec": {"containers": [{"name": "c", "image": "x:1"}]}}}})  # fmt: skip
    if who == "pod":
        world.cluster.put({"kind": "Pod", "metadata": {"name": "w", "namespace": HOME, "labels": labels}})
    if who == "another":
        meta = {"name": "fogflow-worker", "namespace": TASKS}
        world.cluster.put({"kind": "RoleBinding", "metadata": meta, "subjects": [{"namespace": "village"}]})
    assert ids(examine(world.op())) == []


def test_a_worker_that_comes_after_the_question_keeps_its_tasks(deployed):
    worker = deployed.object("Deployment", "cloud-worker")
    deployed.cluster.remove("Deployment", "cloud-worker", HOME)
    task(deployed)
    _, asked = fix(deployed, agree=lambda _: deployed.cluster.put(worker) and True)
    assert asked == ["delete-tasks"]
    assert deployed.object("Service", "fogflow-task-1", TASKS)


def test_tasks_that_do_not_go_are_told(world):
    task(world)
    world.always = [lambda: task(world)]
    world.cluster.hooks.append(lambda verb, kind, _: verb == "list" and kind == "Service" and task(world))
    found, _ = fix(world, timeout_s=5)
    assert world.reported("the fix failed: the removal of the tasks: timed out after 5 s")
    assert found.exit_code == 40


def test_pods_that_fail_are_found_and_those_who_wait_for_them_are_not(kept):
    kept.deploy({**KEEPER, "nginx": {"image": {"tag": BAD}}}, wait=False)
    assert ids(examine(kept.op())) == ["FK-4001"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [(None, ["FK-1201"]), ({"password": ""}, ["FK-7010"]), ({"password": encoded("by-hand-012345678")}, ["FK-7009"])],
)
def test_the_password_is_missing_empty_or_changed(kept, data, expected):
    if data is None:
        kept.cluster.remove("Secret", SECRET, HOME)
    else:
        kept.cluster.edit("Secret", SECRET, {"data": data})
    assert ids(examine(kept.op())) == expected


def test_changes_by_hand_are_found_and_left(kept):
    kept.cluster.edit("Deployment", "nginx", {"spec": {"replicas": 2}})
    found, asked = fix(kept)
    assert (ids(found), asked) == (["FK-7011"], [])
    assert found.findings[0].cause.evidence == ("~ Deployment/nginx spec.replicas: 2 -> 1",)


def test_volumes_that_nothing_uses_are_found_and_left(kept):
    meta = {"name": "designer-old", "namespace": HOME, "labels": LABELS}
    kept.cluster.put({"kind": "PersistentVolumeClaim", "metadata": meta, "spec": {}})
    found, asked = fix(kept)
    assert (ids(found), asked) == (["FK-7008"], [])
    assert kept.object("PersistentVolumeClaim", "designer-old")


def test_a_namespace_that_does_not_end_is_found_with_what_holds_it(kept):
    kept.cluster.edit("Namespace", HOME, {"metadata": {"deletionTimestamp": kept.cluster.now()}})
    kept.cluster.edit("Service", "nginx", {"metadata": {"finalizers": ["example.org/lb"]}})
    kept.cluster.refuse("list", "HTTPRoute", 404)
    kept.cluster.edit("Deployment", "nginx", {"spec": {"replicas": 2}})
    found = examine(kept.op())
    assert ids(found) == ["FK-7007"], "a release that ends is not compared with its manifests"
    assert found.findings[0].cause.evidence == ("Service/nginx is held by finalizer example.org/lb",)


@pytest.mark.parametrize(
    ("verb", "kind", "part"),
    [
        ("get", "Namespace", "namespaces that are being deleted"),
        ("get", "Lease", "other operations on the release"),
        ("list", "ReplicaSet", "the release's pods"),
        ("get", "RoleBinding", "tasks without a worker"),
        ("list", "PersistentVolumeClaim", "unused volumes"),
    ],
)
def test_what_may_not_be_looked_at_is_named_and_the_rest_is_looked_at(kept, verb, kind, part):
    kept.cluster.refuse(verb, kind)
    kept.cluster.edit("Deployment", "nginx", {"spec": {"replicas": 2}})
    found = examine(kept.op())
    assert found.unchecked[0].startswith(f"{part}: {kind} ")
    assert ids(found) == ["FK-7011"]


def test_objects_that_may_not_be_compared_are_named(kept):
    kept.cluster.refuse("dry-run", "Service")
    assert examine(kept.op()).unchecked == ("whether Service/nginx was changed manually: no permission to patch it",)


def test_a_server_that_does_not_answer_is_an_error(kept):
    kept.cluster.refuse("get", "RoleBinding", 500)
    with pytest.raises(ClusterError):
        examine(kept.op())
    assert kept.object("Lease", OWN)


def test_subscriptions_that_lead_nowhere_are_found_with_their_addresses_and_left(kept):
    away = {"cloud-broker": ["http://ann:secret@app.example:1"]}
    kept.keeper(references={"dead": {"cloud-broker": ["http://fogflow-task-ab.t.svc:8080"]}, "unreachable": away})
    kept.clock.sleep(1)
    found, asked = fix(kept)
    assert (ids(found), asked, found.exit_code) == (["FK-6014", "FK-6015"], [], 40)
    dead, unreachable = (f.cause.evidence for f in found.findings)
    assert dead == ("http://fogflow-task-ab.t.svc:8080",)
    assert "app.example" in unreachable[0]
    assert "secret" not in unreachable[0]
