"""The hook before an uninstall: bounded in time by itself, and gone afterwards however it ended."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from tests.chart.renders import CHART
from tests.chart.shapes import OURS, SEVERAL, of_kind

BUDGET_S = 60
HELM_S = 300  # how long Helm waits for a hook, unless it is told otherwise


def script():
    """The script's module."""
    folder = str(CHART / "files/keeper")
    sys.path.insert(0, folder)
    try:
        spec = importlib.util.spec_from_file_location("cleanup_script", f"{folder}/cleanup.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    return module


@pytest.mark.parametrize("values", ["replicaCount=2", OURS, SEVERAL], ids=["default", "our worker", "several"])
def test_the_job_ends_by_itself_when_its_pod_cannot_start_and_after_its_script_when_it_can(render, values):
    spec = of_kind(render("--set", values), "Job")["fogflow-cleanup"]["spec"]
    assert spec["activeDeadlineSeconds"] + 30 < HELM_S, (
        "a full quota or an absent image must not use up Helm's patience"
    )
    assert spec["activeDeadlineSeconds"] > script()._WHOLE_S + 30, "time for scheduling and a pull"
    assert spec["backoffLimit"] == 0
    pod = spec["template"]["spec"]
    assert (pod["restartPolicy"], pod["terminationGracePeriodSeconds"]) == ("Never", 1)
    assert not pod.get("initContainers"), "it waits for nothing"


def test_all_of_the_hook_goes_with_it_and_makes_room_for_the_next_attempt(render):
    hooks = [o for o in render() if o["metadata"].get("annotations", {}).get("helm.sh/hook") == "pre-delete"]
    assert {o["kind"] for o in hooks} == {"Job", "Role", "RoleBinding", "ServiceAccount"}
    for each in hooks:
        policies = set(each["metadata"]["annotations"]["helm.sh/hook-delete-policy"].split(","))
        assert policies == {"before-hook-creation", "hook-succeeded", "hook-failed"}
