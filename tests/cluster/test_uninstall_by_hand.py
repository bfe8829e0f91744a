"""`helm uninstall` without the tool, where the cleanup hook's pod cannot start: it ends in time, and doctor finds what is left."""

import json
import time
from pathlib import Path

import pytest

from tests.documents import parse
from tests.scope import only_all
from tests.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
BUDGET_S = 300
CHART = str(Path(__file__).parents[2] / "charts" / "fogflow-chart")
HOOK_S = 120.0
"""activeDeadlineSeconds of the hook's Job."""


def no_room(site):
    """A quota with no room for another pod in any phase."""
    spec = {"hard": {"count/pods": str(len(site.get("pods")["items"]))}}
    made = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "full", "namespace": site.namespace},
        "spec": spec,
    }
    site.apply(json.dumps(made))
    until(lambda: site.get("resourcequota", "full").get("status", {}).get("used"), "the quota counts")


def task(site):
    """What an upstream worker made for a task."""
    labels = {"app": "fogflow-task-40000"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "task", "image": "example.com/task:1"}]}}
    made = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"selector": {"matchLabels": labels}, "template": pod}},
        {"apiVersion": "v1", "kind": "Service", "spec": {"selector": labels, "ports": [{"port": 40000}]}},
    ]
    for one in made:
        one["metadata"] = {"name": "fogflow-task-40000", "namespace": f"{site.namespace}-tasks"}
    site.apply("\n---\n".join(map(json.dumps, made)))


@only_all
@pytest.mark.parametrize("why", ["quota", "image"])
def test_a_hook_that_cannot_start_ends_the_uninstall_in_time_and_doctor_finds_the_tasks(site, why):
    image = ["--set", "keeper.image.tag=does-not-exist"] if why == "image" else []
    site.helm("install", "fogflow", CHART, "--set", "externalIPs={192.0.2.10}", "--create-namespace", *image)
    until(lambda: len(site.get("pods")["items"]) >= 8, "all pods exist")
    task(site)
    if why == "quota":
        no_room(site)
    start = time.monotonic()
    site.helm("uninstall", "fogflow", check=False)
    assert time.monotonic() - start < HOOK_S + 120, "bounded by the hook's own deadline"
    site.helm("uninstall", "fogflow", "--no-hooks", check=False)
    assert site.history() == []
    found = {each["id"]: each for each in parse(site.run("doctor", "-o", "json", code=None))["findings"]}
    assert "fogflow-task-40000" in json.dumps(found), found
    site.run("doctor", "--fix", "--yes", code=None)
    assert not site.kubectl("-n", f"{site.namespace}-tasks", "get", "deployments,services", "-o", "name", check=False)


def test_in_a_namespace_that_is_being_deleted_it_ends_at_once(site):
    """Nothing can be created there, so the hook is refused; the namespace takes the release with it."""
    site.helm("install", "fogflow", CHART, "--set", "externalIPs={192.0.2.10}", "--create-namespace")
    held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "holds", "finalizers": ["example.com/guard"]}}
    site.kubectl("apply", "-f", "-", stdin=json.dumps(held))
    site.kubectl("delete", "namespace", site.namespace, "--wait=false")
    try:
        start = time.monotonic()
        site.helm("uninstall", "fogflow", check=False)
        assert time.monotonic() - start < 60.0
        found = {each["id"] for each in parse(site.run("doctor", "-o", "json", code=None))["findings"]}
        assert "FK-7007" in found
    finally:
        site.kubectl("patch", "configmap", "holds", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
