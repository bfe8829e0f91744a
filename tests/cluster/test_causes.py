"""What is missing is told before anything is installed, and what only takes long is no failure. (Every fault: test_diagnosis.py.)"""

import pytest

from tests.scope import only_all

pytestmark = pytest.mark.cluster
BUDGET_S = 90
FAULT = "sandbox.fogflow-k8s.io/fault"


def fault(component, name):
    return ["--set", f"{component}.podAnnotations.{FAULT.replace('.', chr(92) + '.')}={name}"]


def test_what_is_missing_is_found_before_helm_runs(site):
    result = site.deploy("--set", "rabbitmq.auth.existingSecret=mine", code=10)
    assert (result["causes"][0]["id"], result["release"]["revision"]) == ("FK-1201", None)
    assert [c["id"] for c in result["causes"]] == ["FK-1201"]  # one thing is missing, whoever needs it
    assert "Secret mine does not exist; needed by cloud-worker, " in result["causes"][0]["summary"]
    assert not site.kubectl("get", "lease", "-o", "name").strip()  # the namespace is all there is
    site.kubectl("create", "secret", "generic", "mine", "--from-literal=other=x")
    assert site.deploy("--set", "rabbitmq.auth.existingSecret=mine", code=10)["causes"][0]["id"] == "FK-1203"
    site.kubectl("delete", "secret", "mine")
    site.kubectl("create", "secret", "generic", "mine", "--from-literal=password=abcdefghijklmnop")
    assert site.deploy("--set", "rabbitmq.auth.existingSecret=mine")["result"] == "installed"


def test_a_slow_pull_is_shown_as_pulling_and_does_not_eat_the_deadline(site):
    words = [
        *fault("discovery", "image-pull-slow"),
        "--set",
        "discovery.podAnnotations.sandbox\\.fogflow-k8s\\.io/delay-seconds=14",
    ]
    assert site.deploy(*words, "--timeout", "10s")["result"] == "installed"
    assert "discovery: pulling its image" in site.stderr


@only_all
def test_time_up_while_all_goes_well_is_no_failure(site):
    words = [
        *fault("discovery", "image-pull-slow"),
        "--set",
        "discovery.podAnnotations.sandbox\\.fogflow-k8s\\.io/delay-seconds=40",
    ]
    result = site.deploy(*words, "--timeout", "3s", code=30)
    assert result["result"] == "timed-out"
    assert site.deploy(*words, "--timeout", "90s")["result"] == "unchanged"
