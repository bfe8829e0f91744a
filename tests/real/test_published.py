"""A release from a registry: plain Helm installs the chart, the nodes pull the image that it pins, and FogFlow works with it."""

import re

import pytest

from fogflow_k8s import __version__
from fogflow_k8s.sandbox.controlplane import REGISTRY_PORT
from tests import releases
from tests.real import deployed
from tests.real.conftest import until
from tests.scope import only_all

BUDGET_S = 100
pytestmark = only_all  # tests/engine/test_publish.py stays in the gate: it runs the image that was pushed
NAMESPACE = "published"


@pytest.fixture(scope="module")
def registry(box):
    """The sandbox's registry, under the address at which its nodes and this machine reach it; an owner's part of it."""
    return f"{box.net.host}:{REGISTRY_PORT}/owner"


@pytest.fixture(scope="module")
def pushed(box, registry, tmp_path_factory):
    """Name -> digest of all that publish.sh pushed there."""
    dist = tmp_path_factory.mktemp("dist")
    releases.make(dist, registry)
    return releases.publish(dist, registry, env={**box.env, "PLAIN_HTTP": "1"})


@pytest.fixture(scope="module")
def fogflow(box, registry, pushed):
    """The release of plain Helm, from the registry, in a namespace that enforces Pod Security `restricted`."""
    box.kubectl("create", "namespace", NAMESPACE)
    box.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    chart = f"{registry}/charts/fogflow-chart"
    assert chart in pushed
    subscriber = deployed.Subscriber(box.net.host)
    try:
        box.helm(
            "install", "fogflow", f"oci://{chart}", "--version", __version__, "--plain-http", "-n", NAMESPACE, "--wait"
        )
        yield deployed.FogFlow(box, NAMESPACE, subscriber)
        box.helm("uninstall", "fogflow", "-n", NAMESPACE, "--wait")
    finally:
        subscriber.close()
        gone = [NAMESPACE, f"{NAMESPACE}-tasks"]
        box.kubectl("delete", "namespace", *gone, "--ignore-not-found", "--wait=false", check=False)


def test_a_node_has_pulled_the_image_that_was_pushed_and_the_worker_runs_from_it(fogflow, registry, pushed):
    name = f"{registry}/fogflow-k8s/worker"
    (pod,) = fogflow.pods("cloud-worker")
    image = f"{name}:{__version__}@{pushed[name]}"
    assert [each["image"] for each in pod["spec"]["containers"]] == [image]
    (status,) = pod["status"]["containerStatuses"]
    assert status["imageID"] == f"{name}@{pushed[name]}"
    assert status["ready"]
    events = fogflow.get("events", "--field-selector", f"involvedObject.uid={pod['metadata']['uid']}")["items"]
    assert any(re.search(rf'Successfully pulled image "{image}"', each["message"]) for each in events)


def test_the_function_s_tasks_are_run_by_it(fogflow):
    fogflow.populate()
    fogflow.recover()
    assert fogflow.ours, "the native worker"
    until(lambda: fogflow.report().get("state") == "working", "the keeper reports that it works")
