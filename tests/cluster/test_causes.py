"""Each fault is named as the headline, in JSON too, with the right exit code."""

import json

import pytest

from .conftest import ROOT, until

pytestmark = pytest.mark.cluster
FAULT = "sandbox.fogflow-k8s.io/fault"


def fault(component, name):
    return ["--set", f"{component}.podAnnotations.{FAULT.replace('.', chr(92) + '.')}={name}"]


MANY = [word for part in ("requests", "limits") for word in ("--set", f"rabbitmq.resources.{part}.cpu=64")]
HUGE = [word for part in ("requests", "limits") for word in ("--set", f"rabbitmq.resources.{part}.memory=900Gi")]
CONTROL_PLANE = "node-role\\.kubernetes\\.io/control-plane="


@pytest.mark.parametrize(
    ("words", "id_", "component"),
    [
        (["--set", "rabbitmq.image.tag=does-not-exist"], "FK-4001", "rabbitmq"),
        (fault("rabbitmq", "crash"), "FK-5001", "rabbitmq"),
        (fault("discovery", "oom"), "FK-5002", "discovery"),
        ([*fault("discovery", "never-ready"), "--timeout", "12s"], "FK-5003", "discovery"),
        ([*fault("discovery", "config-error"), "--timeout", "12s"], "FK-1206", "discovery"),
    ],
    ids=lambda v: v if isinstance(v, str) and v.startswith("FK") else "",
)
def test_the_headline(site, words, id_, component):
    result = site.deploy(*words, code=21)
    assert (result["result"], result["causes"][0]["id"], result["causes"][0]["component"]) == (
        "left-failed",
        id_,
        component,
    )
    assert result["causes"][0]["advice"]
    assert id_ in site.stderr
    if component == "rabbitmq":  # those that need the bus are not to blame
        assert {c["component"] for c in result["causes"] if c["class"] == "dependent"} <= {
            "master",
            "cloud-worker",
            "designer",
        }


@pytest.mark.parametrize(
    ("words", "id_"),
    [
        (MANY, "FK-3001"),
        (HUGE, "FK-3002"),
        (["--set-string", f"rabbitmq.nodeSelector.{CONTROL_PLANE}"], "FK-3004"),
        (["--set", "rabbitmq.nodeSelector.nowhere=here"], "FK-3005"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_the_scheduler_says_of_a_chart_installed_by_hand(site, words, id_):
    """`deploy` would not have begun (test_capacity.py); with Helm alone, and when nodes change later, it comes to this."""
    site.helm("install", "fogflow", str(ROOT / "charts/fogflow-chart"), "--create-namespace", *words)

    def found():
        status = site.json("status", code=None)
        return status if any(c["component"] == "rabbitmq" for c in status["causes"]) else None

    status = until(found, "the scheduler's word")
    assert (status["causes"][0]["id"], status["causes"][0]["component"]) == (id_, "rabbitmq")
    assert status["causes"][0]["advice"]


def test_a_quota_that_does_not_allow_the_pods(site):
    site.make_namespace()
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small"},
        "spec": {"hard": {"pods": "2"}},
    }
    site.kubectl("apply", "-f", "-", stdin=json.dumps(quota))
    result = site.deploy("--timeout", "12s", code=21)
    assert result["causes"][0]["id"] == "FK-3010"
    assert "exceeded quota" in result["causes"][0]["evidence"][0]


def test_admission_that_refuses_the_pods(site):
    site.make_namespace()
    site.kubectl("label", "namespace", site.namespace, "pod-security.kubernetes.io/enforce=restricted")
    result = site.deploy("--set", "configJson.hostPath.path=/etc/fogflow", "--timeout", "30s", code=21)
    assert result["causes"][0]["id"] == "FK-3011"


def test_what_is_missing_is_found_before_helm_runs(site):
    result = site.deploy("--set", "rabbitmq.auth.existingSecret=mine", code=10)
    assert (result["causes"][0]["id"], result["release"]["revision"]) == ("FK-1201", 0)
    assert [c["id"] for c in result["causes"]] == ["FK-1201"]  # one thing is missing, whoever needs it
    assert "Secret mine does not exist; needed by cloud-worker, " in result["causes"][0]["summary"]
    assert not site.kubectl("get", "lease", "-o", "name").strip()  # the namespace is all there is
    site.kubectl("create", "secret", "generic", "mine", "--from-literal=other=x")
    assert site.deploy("--set", "rabbitmq.auth.existingSecret=mine", code=10)["causes"][0]["id"] == "FK-1203"
    site.kubectl("delete", "secret", "mine")
    site.kubectl("create", "secret", "generic", "mine", "--from-literal=password=abcdefghijklmnop")
    assert site.deploy("--set", "rabbitmq.auth.existingSecret=mine")["result"] == "installed"


def test_a_class_that_does_not_exist(site):
    result = site.deploy(
        "--set", "designer.persistence.enabled=true", "--set", "designer.persistence.storageClass=fast", code=10
    )
    assert result["causes"][0]["id"] == "FK-1205"


def test_a_slow_pull_is_shown_as_pulling_and_does_not_eat_the_deadline(site):
    words = [
        *fault("discovery", "image-pull-slow"),
        "--set",
        "discovery.podAnnotations.sandbox\\.fogflow-k8s\\.io/delay-seconds=14",
    ]
    assert site.deploy(*words, "--timeout", "10s")["result"] == "installed"
    assert "discovery: pulling its image" in site.stderr


def test_time_up_while_all_goes_well_is_no_failure(site):
    words = [
        *fault("discovery", "image-pull-slow"),
        "--set",
        "discovery.podAnnotations.sandbox\\.fogflow-k8s\\.io/delay-seconds=40",
    ]
    result = site.deploy(*words, "--timeout", "3s", code=30)
    assert result["result"] == "timed-out"
    assert site.deploy(*words, "--timeout", "90s")["result"] == "unchanged"
