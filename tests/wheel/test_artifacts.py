"""`make artifacts`: two builds are identical, and each artefact is what a user can install."""

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from tests.scope import only_all

ROOT = Path(__file__).parents[2]
BUDGET_S = 300
REGISTRY = "registry.example/owner"
MACHINES = {"amd64": 62, "arm64": 183}
"""Architecture -> the machine type in the header of its ELF files."""
pytestmark = only_all  # tests/unit/scripts/test_artifacts.py stays in the gate


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the checkout that does not change meanwhile, with its history for the time of the last commit."""
    copy = tmp_path_factory.mktemp("tree") / "fogflow-k8s"
    subprocess.run(
        ["git", "clone", "--quiet", "--no-checkout", "--depth=1", f"file://{ROOT}", copy], check=True, timeout=60
    )
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if os.path.lexists(ROOT / name):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
    return copy


@pytest.fixture(scope="module")
def builds(tree, tmp_path_factory):
    """The folders of two builds."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tree / "scripts"), str(tree / "src")])}
    env.pop("SOURCE_DATE_EPOCH", None)
    work = tmp_path_factory.mktemp("work")
    folders = [tmp_path_factory.mktemp(name) / "dist" for name in ("first", "second")]
    for folder, umask in zip(folders, (0o022, 0o077), strict=True):
        argv = [sys.executable, "-m", "artifacts", "--out", folder, "--work", work, "--registry", REGISTRY]
        done = subprocess.run(
            [str(word) for word in argv],
            cwd=tree, env=env, capture_output=True, text=True, timeout=600, check=False, umask=umask,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    return folders


def one(folder, pattern):
    (path,) = folder.glob(pattern)
    return path


def sums(folder):
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def test_two_builds_have_the_same_bytes(builds):
    first, second = (
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()} for folder in builds
    )
    assert first == second
    assert {**sums(builds[0]), "SHA256SUMS": first["SHA256SUMS"]} == first


@pytest.mark.parametrize("chart", ["fogflow-chart", "fogflow-edge-chart"])
def test_a_packaged_chart_has_no_links_and_is_native_by_default(builds, chart, helm):
    archive = one(builds[0], f"{chart}-*.tgz")
    with tarfile.open(archive) as members:
        assert all(each.isfile() for each in members)
        values = yaml.safe_load(members.extractfile(f"{chart}/values.yaml"))
    assert values["worker"]["nativeImage"]["registry"] == REGISTRY
    if chart == "fogflow-chart":
        argv = [helm, "template", "fogflow", str(archive)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
        assert re.search(rf"image: {REGISTRY}/fogflow-k8s/worker:\S+@sha256:[0-9a-f]{{64}}\n", done.stdout)


def test_the_wheel_has_both_programs_its_types_and_the_charts_of_the_release(builds):
    with zipfile.ZipFile(one(builds[0], "*.whl")) as wheel:
        names = wheel.namelist()
        entries = wheel.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
        values = yaml.safe_load(wheel.read("fogflow_k8s/_assets/charts/fogflow-chart/values.yaml"))
    assert {"fogflow_k8s/py.typed", "fogflow_k8s/_assets/charts/fogflow-edge-chart/files/edge/amqp.py"} <= set(names)
    assert {"fogflow-k8s", "kubectl-fogflow"} <= {line.partition(" ")[0] for line in entries.splitlines()}
    assert values["worker"]["nativeImage"]["registry"] == REGISTRY


def test_the_image_has_a_native_python_and_the_worker_for_each_platform(builds):
    with tarfile.open(one(builds[0], "*.oci.tar")) as layout:
        blobs = {each.name: layout.extractfile(each).read() for each in layout if each.isfile()}
    for name, content in blobs.items():
        if name.startswith("blobs/"):
            assert name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"

    def blob(descriptor):
        content = blobs["blobs/sha256/" + descriptor["digest"].removeprefix("sha256:")]
        assert len(content) == descriptor["size"]
        return content

    (index,) = json.loads(blobs["index.json"])["manifests"]
    for descriptor in json.loads(blob(index))["manifests"]:
        manifest = json.loads(blob(descriptor))
        config = json.loads(blob(manifest["config"]))
        layers = [gzip.decompress(blob(each)) for each in manifest["layers"]]
        assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in layers]
        assert config["config"]["User"] == "65532:65532"
        architecture = descriptor["platform"]["architecture"]
        with tarfile.open(fileobj=io.BytesIO(layers[0])) as base, tarfile.open(fileobj=io.BytesIO(layers[1])) as app:
            python = base.extractfile("usr/bin/python3.13").read(20)
            assert python[:4] == b"\x7fELF"
            assert int.from_bytes(python[18:20], "little") == MACHINES[architecture] == config_machine(config)
            assert "usr/bin/dpkg" not in base.getnames()
            assert {"app/fogflow_k8s/worker/__main__.py", "app/aiohttp/__init__.py"} <= set(app.getnames())
            assert all(each.mode & 0o004 for each in app), "readable for the user of the container"


def config_machine(config):
    return MACHINES[config["architecture"]]


def test_the_sboms_list_the_parts_of_what_they_describe(builds):
    documents = {path.name: json.loads(path.read_text()) for path in builds[0].glob("*.spdx.json")}
    assert len(documents) == 1 + len(MACHINES)
    for name, document in documents.items():
        parts = {each["name"] for each in document["packages"]}
        assert ({"typer", "kubernetes"} if ".whl" in name else {"libc6", "python3-minimal", "aiohttp"}) <= parts
