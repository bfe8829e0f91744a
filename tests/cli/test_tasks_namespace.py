"""The namespace of the tasks: the tool reads from a release what the charts, rendered by a real Helm, wrote into it."""

from pathlib import Path

import pytest

from fogflow_k8s.actions.release.render import OLDEST
from fogflow_k8s.actions.tasks_namespace import read
from fogflow_k8s.adapters.helm.client import Helm, Target
from fogflow_k8s.adapters.kubernetes.client import KubeCluster
from fogflow_k8s.adapters.process import SystemRunner
from fogflow_k8s.commands import complete
from fogflow_k8s.model import manifests
from fogflow_k8s.model.names import tasks_namespace
from fogflow_k8s.model.settings.base import merge
from fogflow_k8s.model.task.observed import observe_tasks
from tests.cli import apiserver
from tests.unit.model.tasks import ours

BUDGET_S = 15
CHARTS = Path(__file__).resolve().parents[2] / "charts"
CLOUD = {"host": "192.0.2.1"}
EDGE = {
    "cloud": {"rabbitmq": CLOUD, "discovery": CLOUD, "broker": {**CLOUD, "name": "cloud-broker.fogflow.svc.cluster.local"}},
    "config": {"site_id": "002", "external_hostip": "198.51.100.7"},
    "rabbitmq": {"auth": {"username": "edge-002", "existingSecret": "fogflow-edge"}},
}  # fmt: skip
WORKING = {"config": {"worker": {"app_namespace": "work"}}}
OF_THE_NODE = {"configJson": {"hostPath": {"path": "/etc/fogflow/config.json"}}}


def path_of(obj):
    """Where the API server has an object."""
    version, plural, _ = manifests.RESOURCES[obj["kind"]]
    root = "/api/v1" if version == "v1" else f"/apis/{version}"
    return f"{root}/namespaces/{obj['metadata']['namespace']}/{plural}/{obj['metadata']['name']}"


@pytest.mark.parametrize(
    ("chart", "values", "expected"),
    [
        ("fogflow-chart", {}, "city-tasks"),
        ("fogflow-chart", WORKING, "work"),
        ("fogflow-chart", {**WORKING, **OF_THE_NODE}, "work"),
        ("fogflow-chart", {**WORKING, "tasks": {"createNamespace": False}}, "work"),
        ("fogflow-chart", {"config": {"worker": {"app_namespace": "city"}}}, "city"),
        ("fogflow-edge-chart", EDGE, "city-tasks"),
        ("fogflow-edge-chart", merge(EDGE, WORKING), "work"),
    ],
)
def test_the_tasks_namespace_is_read_as_the_chart_writes_it(helm, tmp_path, chart, values, expected):
    """From all manifests, and from the few objects that a command requests from the cluster."""
    ours = Helm(SystemRunner(), Target("fogflow", "city"), helm)
    made = ours.read_text(ours.start_template(CHARTS / chart, values, kube_version=OLDEST, hooks=False))
    objects = manifests.split(made)
    assert tasks_namespace(objects, "city") == expected
    here = [o for o in objects if o["metadata"].get("namespace") == "city"]
    with apiserver.serving({path_of(o): o for o in here}) as server:
        cluster = KubeCluster.connect(str(server.kubeconfig(tmp_path)), "", timeout_s=20)
        assert read(cluster, "fogflow", "city") == expected


def test_the_shell_offers_the_tasks_that_are_there(monkeypatch, tmp_path):
    labels = {"app.kubernetes.io/instance": "fogflow", "app.kubernetes.io/component": "cloud-worker"}
    config = {
        "metadata": {"name": "w", "labels": labels},
        "data": {"config.json": '{"worker": {"app_namespace": "work"}}'},
    }
    objects = {
        "/api/v1/namespaces/fogflow/configmaps/w": config,
        "/apis/apps/v1/namespaces/work/deployments/t": ours(),
    }
    with apiserver.serving(objects) as server:
        monkeypatch.setenv("COMP_WORDS", f"fogflow-k8s --kubeconfig {server.kubeconfig(tmp_path)} task stop ")
        assert [name for name, _ in complete.tasks()] == [observe_tasks([ours()], ())[0].name]
