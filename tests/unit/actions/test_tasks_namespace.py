"""The namespace of tasks: read from the installed release, or from the cluster by commands that do not read the release."""

import pytest

from fogflow_k8s.actions import tasks_namespace
from fogflow_k8s.actions.bundle import bundle
from fogflow_k8s.actions.bundle.bundle import Request
from fogflow_k8s.actions.check.probes.cluster import no_leftovers
from fogflow_k8s.actions.doctor.doctor import examine
from fogflow_k8s.actions.observe import status
from fogflow_k8s.actions.release.rollback import plan, rollback
from fogflow_k8s.actions.release.uninstall import plan as uninstall_plan
from fogflow_k8s.actions.task import listing
from fogflow_k8s.errors import ClusterError, OperationFailed
from tests.unit.actions.world import BAD, HOME, RELEASE, TASKS, World

BUDGET_S = 8
WORK = "work"
MOVED = {"config": {"worker": {"app_namespace": WORK}}}
LABELS = {"app.kubernetes.io/instance": RELEASE}


@pytest.fixture
def moved(world: World) -> World:
    """A release whose tasks run in a namespace of another name, with one task in it."""
    assert world.deploy(MOVED).result == "installed"
    meta = {"name": "task-1", "namespace": WORK, "labels": {"app.kubernetes.io/component": "task"}}
    world.cluster.put({"kind": "Pod", "metadata": meta, "spec": {}})
    world.forget()
    return world


@pytest.mark.parametrize(("values", "expected"), [({}, TASKS), (MOVED, WORK)])
def test_it_is_read_from_the_cluster_before_the_release_is(world, values, expected):
    world.deploy(values)
    world.forget()
    assert world.op().tasks_namespace == expected
    assert world.programs.started == []


@pytest.mark.parametrize("read", [status.installed, status.stored])
def test_after_the_release_is_read_no_request_is_needed(moved, read):
    op = moved.op()
    read(op)
    moved.cluster.calls.clear()
    assert (op.tasks_namespace, moved.cluster.calls) == (WORK, [])


def test_status_and_uninstall_count_the_tasks_there(moved):
    moved.cluster.put({"kind": "Pod", "metadata": {"name": "other", "namespace": TASKS, "labels": {"app.kubernetes.io/component": "task"}}, "spec": {}})  # fmt: skip
    assert status.status(moved.op()).tasks == {"Running": 1}
    assert f"1 task pods in namespace {WORK}" in uninstall_plan(moved.op()).removed
    assert moved.deploy(MOVED).report.tasks == {"Running": 1}


def test_tasks_are_listed_there(moved):
    assert listing.list_tasks(moved.op()).namespace == WORK


def test_the_archive_has_what_is_there(moved, tmp_path):
    made = bundle.make(moved.op(), Request(tmp_path / "b.tar.gz", moved.op().today(), exclude=("helm", "task-logs")))
    files = {member.file for part in made.parts if part.name == "tasks" for member in part.members}
    assert f"objects/{WORK}/pod.json" in files


def test_the_tasks_of_the_release_are_no_other_fogflow(moved):
    image = {"template": {"metadata": {"labels": {}}, "spec": {"containers": [{"name": "c", "image": "fogflow/counter:1"}]}}}  # fmt: skip
    task = {"kind": "Deployment", "metadata": {"name": "t", "namespace": WORK}, "spec": image}
    moved.cluster.put(task)
    listed = moved.cluster.list
    moved.cluster.list = lambda kind, namespace="", selector="", fields="": (
        listed(kind, namespace, selector, fields) if "!=" not in selector else [task]
    )
    assert no_leftovers(moved.op()).ok


def test_the_doctor_looks_at_it(moved):
    moved.cluster.put({"kind": "Namespace", "metadata": {"name": WORK, "deletionTimestamp": moved.cluster.now()}})
    examine(moved.op())
    assert ("get", "Namespace", WORK) in moved.cluster.calls
    assert ("get", "Namespace", TASKS) not in moved.cluster.calls


def test_a_deploy_waits_for_the_end_of_the_one_that_it_will_use(world):
    world.cluster.put({"kind": "Namespace", "metadata": {"name": WORK, "deletionTimestamp": world.cluster.now()}})
    with pytest.raises(OperationFailed, match=f"namespace {WORK} is still being deleted"):
        world.deploy(MOVED)


def test_it_moves_with_the_revision_there_and_back(moved):
    op = moved.op()
    moved.deploy({}, op=op)
    assert op.tasks_namespace == TASKS
    rollback(op, plan(op, 1), timeout_s=60)
    assert op.tasks_namespace == WORK
    failed = moved.deploy({"nginx": {"image": {"tag": BAD}}}, op=op)
    assert (failed.result, op.tasks_namespace) == ("rolled-back", WORK)


def test_what_may_not_be_read_leaves_the_charts_default(moved):
    moved.cluster.refuse("list", "ConfigMap")
    assert tasks_namespace.read(moved.cluster, RELEASE, HOME) == TASKS


def test_a_server_that_does_not_answer_is_no_reason_to_look_elsewhere(moved):
    moved.cluster.refuse("", "", 0)
    op = moved.op()
    with pytest.raises(ClusterError):
        _ = op.tasks_namespace
    assert op.mask("a line") == "a line"
    moved.cluster.hooks.clear()
    assert op.tasks_namespace == WORK


def test_an_archive_of_a_server_that_does_not_answer_is_made_all_the_same(moved, tmp_path):
    moved.cluster.refuse("", "", 0)
    made = bundle.make(moved.op(), Request(tmp_path / "b.tar.gz", moved.op().today(), exclude=("helm",)))
    assert made.path.exists()
    assert any("refused by the test" in each for each in made.warnings)


def test_the_keeper_tells_it_where_the_settings_are_a_file_of_the_node(world):
    pods = {"containers": [{"name": "keeper", "image": "x:1", "args": [f"--namespace={HOME}", f"--tasks-namespace={WORK}"]}]}  # fmt: skip
    meta = {"name": "keeper", "namespace": HOME, "labels": {**LABELS, "app.kubernetes.io/component": "keeper"}}
    spec = {"replicas": 1, "template": {"metadata": {"labels": {}}, "spec": pods}}
    world.cluster.put({"kind": "Deployment", "metadata": meta, "spec": spec})
    assert tasks_namespace.read(world.cluster, RELEASE, HOME) == WORK


def test_another_release_of_the_namespace_does_not_count(moved):
    assert tasks_namespace.read(moved.cluster, "village", HOME) == TASKS
