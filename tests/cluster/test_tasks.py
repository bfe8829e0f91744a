"""`task` on a real API server: Deployments as our worker and as upstream's makes them; simulated nodes make their pods ready."""

import json
import os

import pytest

from tests.cli.test_completion import offered
from tests.unit.model.tasks import ours, upstreams
from tests.waiting import until

from .conftest import looks

pytestmark = pytest.mark.cluster


@pytest.fixture
def tasks(site):
    """A release's two namespaces (there is no release) with a task of each kind, and one that no node takes."""
    site.make_namespace()
    namespace = f"{site.namespace}-tasks"
    site.kubectl("create", "namespace", namespace)
    stuck = ours("Task.f2.count.7", "pending", reason="starting", topology="f2")
    stuck["spec"]["template"]["spec"]["nodeSelector"] = {"nowhere": "true"}
    made = [ours(), upstreams(), stuck]
    for obj in made:
        obj["metadata"].update(namespace=namespace)
        obj["metadata"].pop("creationTimestamp")
        obj["apiVersion"] = "apps/v1"
        obj.pop("status")
    site.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": made}))
    until(lambda: sum(task["ready"] for task in site.json("task", "list")["tasks"]) == 2, "two of the tasks are ready")
    return made


@pytest.mark.usefixtures("tasks")
def test_the_list_says_what_each_worker_wrote_down_and_what_a_pod_waits_for(site):
    said = site.json("task", "list")
    assert (said["namespace"], said["notAnnotatedCount"]) == (f"{site.namespace}-tasks", 1)
    both, stuck = (
        [t for t in said["tasks"] if t["topology"] == "f1"],
        next(t for t in said["tasks"] if t["topology"] == "f2"),
    )
    assert [
        (t["id"], t["state"], t["annotated"], t["restartCount"]) for t in sorted(both, key=lambda t: t["annotated"])
    ] == [
        ("Task.f1.count.123", "running", False, 0),
        ("Task.f1.count.123", "running", True, 0),
    ]
    assert all(len(t["pods"]) == 1 and t["createdAt"] for t in both)
    assert (stuck["state"], stuck["reason"], stuck["causeId"]) == (
        "pending",
        "no node matches its selector or affinity",
        "FK-3005",
    )
    table = site.run("task", "list", "-o", "wide")
    assert "FK-3005" in table
    assert "upstream worker: 1 of 3 tasks" in table


def test_a_task_that_has_not_started_has_no_log(site, tasks):
    site.run("task", "logs", "Task.f2.count.7", code=40)
    assert "Task.f2.count.7 has no log: it is pending: no node matches its selector" in site.stderr
    assert "fogflow-k8s explain FK-3005" in site.stderr
    site.run("task", "logs", tasks[2]["metadata"]["name"], code=40)


@pytest.mark.usefixtures("tasks")
def test_what_cannot_be_meant(site):
    site.run("task", "logs", "Task.f2.count.8", code=2)
    assert "did you mean Task.f2.count.7?" in site.stderr
    site.run("task", "logs", "f1", code=2)
    assert "'f1' has 2 tasks" in site.stderr


@pytest.mark.usefixtures("tasks")
@pytest.mark.parametrize(
    "words",
    [
        ["task", "stop", "Task.f2.count.7", "--yes"],
        ["task", "run", "--image", "x:1", "--input", "T"],
        ["bench", "run", "task", "--entities", "1"],
    ],
)
def test_where_nothing_runs_nothing_is_asked(site, words):
    stops = words[1] == "stop"
    error = site.run(*words, code=40) if stops else site.json(*words, code=40)
    assert "the nodes are simulated" in (site.stderr if stops else error["error"]["message"])
    assert "sandbox up --real" in site.stderr


@pytest.mark.usefixtures("tasks")
def test_the_shell_offers_tasks(site):
    said = offered(f"fogflow-k8s task logs -n {site.namespace} Task.f2", KUBECONFIG=site.env["KUBECONFIG"])
    assert "Task.f2.count.7" in said
    assert "f1" not in said


@looks
def test_without_a_task_and_a_release(kept, site):
    site.run("task", "list", code=41)
    assert "there is no release" in site.stderr
    assert kept.json("task", "list")["tasks"] == []
    assert "no task runs in namespace" in kept.run("task", "list")


def test_without_helm_on_the_path(site, tasks):
    del tasks
    site.env = {**site.env, "HELM": "/absent/helm", "PATH": os.environ["PATH"]}
    assert len(site.json("task", "list")["tasks"]) == 3
