"""A release read from Helm's own objects: the same as helm itself reads from them, with either driver."""

import base64
import json
import os
import subprocess

import pytest

from fogflow_k8s.adapters.helm import storage
from fogflow_k8s.adapters.kubernetes.client import KubeCluster
from fogflow_k8s.adapters.kubernetes.kubeconfig import KubeContext
from fogflow_k8s.errors import FogflowError
from tests.cli.apiserver import revision, serving, stored

BUDGET_S = 15
KINDS = {"": "Secret", "secrets": "Secret", "configmap": "ConfigMap"}


@pytest.fixture
def server():
    with serving() as made:
        yield made


@pytest.fixture
def cluster(server):
    made = KubeCluster(KubeContext("fake", f"http://127.0.0.1:{server.server_port}"))
    yield made
    made.close()


def told_by(helm, kubeconfig, driver, *words):
    env = {**os.environ, "KUBECONFIG": str(kubeconfig), "HELM_DRIVER": driver}
    return subprocess.run(
        [helm, *words, "-n", "fogflow"], env=env, capture_output=True, text=True, timeout=60, check=True
    ).stdout


@pytest.mark.parametrize("driver", KINDS)
def test_what_helm_reads_and_what_we_read_is_the_same(helm, server, cluster, tmp_path, driver):
    kind = storage.kind_of({"HELM_DRIVER": driver})
    assert kind == KINDS[driver]
    states = ["superseded", "failed", "superseded", *["superseded"] * 6, "deployed"]
    many = [revision(n, state, kind=kind) for n, state in enumerate(states, start=1)]
    server.objects |= stored(*reversed(many), kind=kind)
    config = server.kubeconfig(tmp_path)
    found = storage.read_release(cluster, "fogflow", "fogflow", kind)
    assert json.loads(told_by(helm, config, driver, "history", "fogflow", "-o", "json")) == list(found.history)
    assert told_by(helm, config, driver, "get", "manifest", "fogflow").strip() == found.manifest


def test_nothing_is_stored(cluster):
    assert storage.read_release(cluster, "fogflow", "fogflow") is None


@pytest.mark.parametrize("driver", ["sql", "memory"])
def test_a_driver_outside_the_cluster_keeps_nothing_that_we_can_read(driver):
    assert storage.kind_of({"HELM_DRIVER": driver}) is None


def plain(number):
    """As Helm stored it before it compressed."""
    made = revision(number)
    text = json.dumps(storage.decode(made)).encode()
    return {**made, "data": {"release": base64.b64encode(base64.b64encode(text)).decode()}}


def test_a_revision_that_is_not_compressed(server, cluster):
    server.objects |= stored(plain(1))
    assert [line["chart"] for line in storage.read_release(cluster, "fogflow", "fogflow").history] == [
        "fogflow-chart-1.0.0"
    ]


BROKEN = [
    {},
    {"release": ""},
    {"release": "%%%"},
    {"release": "aGVsbG8="},
    {"release": base64.b64encode(b"H4sIAAAA").decode()},
]


@pytest.mark.parametrize("data", BROKEN, ids=str)
def test_an_old_revision_that_cannot_be_read_is_left_out_and_the_newest_one_is_named(server, cluster, data):
    server.objects |= stored({**revision(1), "data": data}, revision(2))
    assert [line["revision"] for line in storage.read_release(cluster, "fogflow", "fogflow").history] == [2]
    server.objects |= stored({**revision(3), "data": data})
    with pytest.raises(FogflowError, match=r"Secret sh\.helm\.release\.v1\.fogflow\.v3 in namespace fogflow") as told:
        storage.read_release(cluster, "fogflow", "fogflow")
    assert "kubectl -n fogflow get secret" in told.value.hint
