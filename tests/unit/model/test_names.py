"""Names of releases and namespaces: those that Helm or Kubernetes does not allow are refused with the reason."""

import pytest

from fogflow_k8s.errors import UsageError
from fogflow_k8s.model.names import require, require_tasks, tasks_namespace

BUDGET_S = 5


@pytest.mark.parametrize("release", ["fogflow", "a", "a.b-c", "9", "r" * 53])
@pytest.mark.parametrize("namespace", ["fogflow", "1", "n" * 63])
def test_names_that_are_allowed(release, namespace):
    require(release, namespace)


@pytest.mark.parametrize(
    ("release", "says"),
    [
        ("r" * 54, "54 characters, and at most 53 are allowed"),
        *((name, "allowed are lower-case letters, digits, - and .") for name in ("", "Fog", "a_b", "-a", "a-", "a b", "a..b", ".a", "ä", "a\n")),
    ],
)  # fmt: skip
def test_a_release_that_helm_would_refuse(release, says):
    with pytest.raises(UsageError, match="--release") as caught:
        require(release, "fogflow")
    assert says in caught.value.message
    assert "--release NAME" in caught.value.hint


@pytest.mark.parametrize(
    ("namespace", "says"),
    [
        ("n" * 64, "64 characters, and at most 63 are allowed"),
        *((name, "allowed are lower-case letters, digits and -") for name in ("", "Fog", "a_b", "-a", "a-", "a.b", "a/b", "a\n")),
    ],
)  # fmt: skip
def test_a_namespace_that_kubernetes_would_refuse(namespace, says):
    with pytest.raises(UsageError, match="--namespace") as caught:
        require("fogflow", namespace)
    assert says in caught.value.message


def test_a_namespace_must_leave_room_for_the_name_of_its_tasks_namespace():
    require_tasks("n" * 57, {})
    require_tasks("n" * 60, {"config": {"worker": {"app_namespace": "tasks"}}})
    with pytest.raises(UsageError, match=r"has 58 characters, and tasks run in NAMESPACE-tasks.*at most 57") as caught:
        require_tasks("n" * 58, {"config": {"worker": {}}})
    assert "config.worker.app_namespace=NAME" in caught.value.hint


def config_map(text):
    return {"kind": "ConfigMap", "metadata": {"name": "cloud-worker-config"}, "data": {"config.json": text}}


def keeper(*args):
    pods = {"spec": {"containers": [{"name": "proxy"}, {"name": "keeper", "args": list(args)}]}}
    return {"kind": "Deployment", "metadata": {"name": "keeper"}, "spec": {"template": pods}}


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([], "city-tasks"),
        ([config_map('{"worker": {"app_namespace": "work"}}')], "work"),
        ([config_map('{"worker": {"heartbeat_interval": 3}}'), config_map('{"worker": {"app_namespace": "work"}}')], "work"),
        ([config_map('{"worker": {"app_namespace": ""}}')], "city-tasks"),
        ([config_map('{"worker": null}')], "city-tasks"),
        ([config_map("[1]")], "city-tasks"),
        ([config_map("{")], "city-tasks"),
        ([{"kind": "ConfigMap", "metadata": {"name": "x"}}], "city-tasks"),
        ([keeper("--namespace=city", "--tasks-namespace=work")], "work"),
        ([keeper("--tasks-namespace=other"), config_map('{"worker": {"app_namespace": "work"}}')], "work"),
        ([keeper()], "city-tasks"),
    ],
)  # fmt: skip
def test_the_manifests_of_a_release_tell_where_its_tasks_run(objects, expected):
    assert tasks_namespace(objects, "city") == expected
