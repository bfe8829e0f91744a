"""What `make publish` pushes: the registry has the artefacts unchanged, and its charts name an image that the engine pulls and runs."""

import json
import re

import pytest

from fogflow_k8s import __version__
from fogflow_k8s.engine.reporter import Silent
from fogflow_k8s.sandbox.programs import ensure
from tests import releases
from tests.cluster.test_packaged import EDGE
from tests.engine.conftest import UPSTREAM

BUDGET_S = 60
OWNER = f"{UPSTREAM}/owner"
CHARTS = {"fogflow-chart": [], "fogflow-edge-chart": ["--set-string", ",".join(f"{k}={v}" for k, v in EDGE.items())]}
RUN = {"read_only": True, "network_mode": "none", "cap_drop": ["ALL"], "remove": True, "stderr": True}


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """The folder with the artefacts of a release of that owner."""
    return tmp_path_factory.mktemp("dist")


@pytest.fixture(scope="module")
def pushed(machine, dist):
    """Name -> digest of all that publish.sh pushed to the registry of that machine."""
    releases.make(dist, OWNER)
    return releases.publish(dist, OWNER, "nsenter", "-t", str(machine.pid), "-n", env=machine.env)


@pytest.fixture(scope="module")
def helm(machine):
    """Run Helm in the network of that machine; its stdout."""
    program = ensure(["helm"], Silent())["helm"]
    return lambda *words: machine.inside(program, *words, "--plain-http").stdout


def test_the_registry_has_the_image_and_the_charts_under_the_digests_that_were_printed(
    machine, pushed, dist, helm, tmp_path
):
    assert pushed.keys() == {
        f"{OWNER}/{name}" for name in ("fogflow-k8s/worker", *(f"charts/{each}" for each in CHARTS))
    }
    for name, digest in pushed.items():
        assert machine.crane("digest", f"{name}:{__version__}") == digest
    for chart in CHARTS:
        helm("pull", f"oci://{OWNER}/charts/{chart}", "--version", __version__, "--destination", tmp_path)
        name = f"{chart}-{__version__}.tgz"
        assert (tmp_path / name).read_bytes() == (dist / name).read_bytes()


def test_a_second_push_changes_nothing(machine, pushed, dist):
    """A job of the workflow may run again."""
    again = releases.publish(dist, OWNER, "nsenter", "-t", str(machine.pid), "-n", env=machine.env)
    assert again == pushed


def test_the_image_that_both_charts_in_the_registry_name_starts(machine, pushed, helm):
    names = set()
    for chart, words in CHARTS.items():
        rendered = helm("template", "fogflow", f"oci://{OWNER}/charts/{chart}", "--version", __version__, *words)
        names |= set(re.findall(rf"image: \"?({OWNER}/[^\s\"]+)", rendered))
    name, digest = f"{OWNER}/fogflow-k8s/worker", pushed[f"{OWNER}/fogflow-k8s/worker"]
    assert names == {f"{name}:{__version__}@{digest}"}
    client = machine.client()
    try:
        client.images.pull(name, tag=digest)
        image = f"{name}@{digest}"
        assert client.containers.run(image, ["--help"], **RUN).startswith(b"usage: ")
        about = "import json, os, fogflow_k8s, fogflow_k8s.worker.session; print(json.dumps([fogflow_k8s.__version__, os.getuid()]))"
        printed = client.containers.run(image, entrypoint=["python3", "-c", about], **RUN)
        assert json.loads(printed) == [__version__, 65532]
        client.images.remove(image, force=True)
    finally:
        client.close()


def test_a_folder_without_artefacts_is_refused_and_nothing_is_pushed(machine, tmp_path):
    done = machine.inside("bash", releases.PUBLISH, f"{UPSTREAM}/nobody", tmp_path, code=None)
    assert done.returncode != 0
    assert f"fogflow-k8s-worker-{__version__}.oci.tar" in done.stderr
    assert "nobody" not in machine.crane("catalog", UPSTREAM)
