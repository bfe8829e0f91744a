"""What other tools made is not taken for ours, and what we render for kubectl starts nothing by itself; on a real API server."""

import json

import pytest
import yaml

from tests.sites import IP

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]
BUDGET_S = 60


def names(site, kinds="deployments,jobs,pods,configmaps,services,secrets,leases"):
    found = json.loads(site.kubectl("get", kinds, "-o", "json"))["items"]
    return sorted(f"{o['kind']}/{o['metadata']['name']}" for o in found)


def check_of(site):
    document = site.json("check", "--external-ip", IP, code=None)
    return next(each for each in document["checks"] if each["id"] == "ownership")


def test_an_object_of_kubectl_is_refused_before_anything_changes_and_taken_over_when_that_is_said(site):
    site.make_namespace()
    site.kubectl("create", "configmap", "nginx-config", "--from-literal=a=b")
    before = names(site)
    error = site.deploy(code=10)["error"]
    assert "nginx-config" in error["message"]
    assert "--take-ownership" in error["remedy"][0]
    assert names(site) == before
    assert check_of(site)["state"] == "failed"
    assert site.deploy("--take-ownership", "--set", "keeper.enabled=false")["result"] == "installed"
    assert "nginx.conf" in site.get("configmap", "nginx-config")["data"]


def test_a_release_of_another_chart_is_refused_as_it_is(site, tmp_path):
    chart = tmp_path / "fogflow-chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: fogflow-chart\nversion: 0.1.0\n")
    labels = {"io.kompose.service": "master"}
    pod = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "master", "image": "example.org/master:1"}]},
    }
    obj = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "master"},
           "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod}}  # fmt: skip
    (chart / "templates" / "master.yaml").write_text(yaml.safe_dump(obj))
    site.helm("install", "fogflow", str(chart), "--create-namespace")
    before = names(site)
    error = site.deploy(code=10)["error"]
    assert "fogflow" in error["message"]
    assert error["remedy"]
    assert names(site) == before
    assert site.history() == [(1, "deployed")]
    assert check_of(site)["state"] == "failed"


def test_what_is_rendered_and_applied_starts_no_hook_and_no_test(site, tmp_path):
    site.make_namespace()
    site.run("render", "--external-ip", IP, "-o", str(tmp_path / "out"))
    assert "create secret" in site.stderr
    documents = [
        d
        for f in sorted((tmp_path / "out").glob("**/*.yaml"))
        for d in yaml.safe_load_all(f.read_text())
        if d and d.get("kind")
    ]
    assert documents
    assert not [d for d in documents if "helm.sh/hook" in (d["metadata"].get("annotations") or {})]
    assert not {"Job", "Pod"} & {d["kind"] for d in documents}
    site.apply("---\n".join(map(yaml.safe_dump, documents)))
    assert site.get("deployment", "keeper")["spec"]["replicas"] == 1
    assert "Job/" not in "".join(names(site))
    site.run("status", code=41)
    assert "has objects of FogFlow that Helm did not install" in site.stderr
    assert "--take-ownership" in site.stderr
