"""The chart archives of a release, installed by plain Helm: they need nothing beside them, and name the release's image by digest."""

import json
import tarfile

import pytest

from fogflow_k8s import __version__
from tests import releases
from tests.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("packaged")]  # they share the archives
BUDGET_S = 60
REGISTRY = "registry.example/owner"
DIGEST = f"sha256:{'5e' * 32}"
EDGE = {
    "cloud.rabbitmq.host": "192.0.2.1",
    "cloud.discovery.host": "192.0.2.1",
    "cloud.broker.host": "192.0.2.1",
    "cloud.broker.name": "cloud-broker.fogflow.svc.cluster.local",
    "config.site_id": "002",
    "config.external_hostip": "192.0.2.10",  # each site replaces it by its own
    "rabbitmq.auth.username": "edge-002",
    "rabbitmq.auth.existingSecret": "fogflow-edge",
}


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """Both charts of a release for an owner's registry, by name."""
    return releases.charts(tmp_path_factory.mktemp("charts"), REGISTRY, DIGEST)


def install(site, archive, values):
    """Install an archive that lies alone in a folder, as somebody who has downloaded it does."""
    settings = [f"{key}={value}" for key, value in values.items()]
    # --set-string: a site id of digits stays text
    site.helm("install", "fogflow", archive, "--create-namespace", "--set-string", ",".join(settings))


def ready(site, count):
    """Whether the release has so many Deployments, and all their pods are ready."""
    found = site.get("deployments")["items"]
    return len(found) == count and all(
        each["status"].get("readyReplicas") == each["spec"]["replicas"] for each in found
    )


def worker_image(site, name):
    """The image of the worker's Deployment."""
    return site.get("deployment", name)["spec"]["template"]["spec"]["containers"][0]["image"]


@pytest.mark.parametrize("chart", ["fogflow-chart", "fogflow-edge-chart"])
def test_an_archive_has_files_only_and_the_version_of_the_release(archives, chart):
    with tarfile.open(archives[chart]) as members:
        assert [each.name for each in members if not each.isfile()] == []
        assert {each.name.split("/")[0] for each in members.getmembers()} == {chart}
        pins = json.loads(members.extractfile(f"{chart}/files/digests.json").read())
    assert pins[f"{REGISTRY}/fogflow-k8s/worker:{__version__}"] == DIGEST


def test_plain_helm_installs_the_archive_and_it_becomes_ready(site, archives):
    install(site, archives["fogflow-chart"], {"externalIPs[0]": "192.0.2.10"})
    until(lambda: ready(site, 8), "all ready", seconds=180)
    assert worker_image(site, "cloud-worker") == f"{REGISTRY}/fogflow-k8s/worker:{__version__}@{DIGEST}"
    site.helm("test", "fogflow")
    listed = json.loads(site.helm("list", "-o", "json"))
    assert [each["chart"] for each in listed] == [f"fogflow-chart-{__version__}"]
    assert site.json("status")["release"]["revision"] == 1, "the tool knows it"
    site.helm("uninstall", "fogflow", "--wait")


def test_plain_helm_installs_the_archive_of_the_edge_and_it_becomes_ready(site, archives):
    site.make_namespace()
    site.kubectl("create", "secret", "generic", "fogflow-edge", "--from-literal=password=of-the-edge")
    install(site, archives["fogflow-edge-chart"], EDGE)
    until(lambda: ready(site, 3), "all ready", seconds=180)
    assert worker_image(site, "edge-worker") == f"{REGISTRY}/fogflow-k8s/worker:{__version__}@{DIGEST}"
