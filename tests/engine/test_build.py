"""`images build` against a real engine: always the same layer, nobody's root, and an archive and a registry that have it."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import docker.errors
import pytest
from docker.context import Context
from docker.context.config import get_context_id

from fogflow_k8s import __version__
from fogflow_k8s.adapters.assets import asset
from fogflow_k8s.sandbox.images import tags_of
from tests.documents import parse
from tests.engine.conftest import MIRROR
from tests.real import images
from tests.scope import only_all

BUDGET_S = 300  # of which the Go image and its build in `make all` take four minutes
BUILD = [sys.executable, "-m", "fogflow_k8s", "images", "build"]
BASE = images.IMAGES["python"].tags[0]


@pytest.fixture(scope="module")
def base(machine):
    """The engine, with a Python of Debian's packages in it."""
    path = images.build(names=["python"])["python"]
    with contextlib.closing(machine.client(timeout=300)) as client, path.open("rb") as stream:
        client.images.load(stream)
        yield client
        for name in {tag for image in client.images.list() for tag in image.tags}:
            client.images.remove(name, force=True)
        client.images.prune({"dangling": False})


def build(machine, *words, code=0, **env):
    """`images build -o json`, in this machine's network: pip needs one, the engine is met at its socket."""
    done = subprocess.run(
        [*BUILD, *([] if "--base" in words else ["--base", BASE]), *map(str, words), "-o", "json"],
        env={**machine.env, **env}, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return parse(done.stdout)


def test_two_builds_have_the_same_layer_and_nobody_is_root(machine, base):
    first = build(machine)
    assert first["image"] == f"localhost/fogflow-k8s/worker:{__version__}"
    base.images.remove(first["image"], force=True)  # and with it the engine's cache of that build
    with pytest.raises(docker.errors.ImageNotFound):
        base.images.get(first["image"])
    again = build(machine)
    assert again["layerDigest"] == first["layerDigest"]
    assert again["layerDigest"].startswith("sha256:")
    config = base.images.get(again["image"]).attrs["Config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["python3", "-m", "fogflow_k8s.worker"]
    assert worker(base, again, "--help").startswith(b"usage: ")
    assert worker(base, again, entrypoint=["python3", "-c", "import os; print(os.getuid())"]) == b"65532\n"


@pytest.fixture
def go_image(base, tmp_path):
    """The engine has the Go image that Containerfile.bench names: this machine's Go, with the modules of vegeta, as it has no network."""
    root = Path(subprocess.check_output(["go", "env", "GOROOT"], text=True).strip())
    for part in ("bin", "pkg", "src", "go.env", "VERSION"):
        source = root / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / "go" / part)
    (module,) = re.findall(r"go install .* (\S+@\S+)", asset("Containerfile.bench").read_text(encoding="utf-8"))
    cache = tmp_path / "cache"
    env = {**os.environ, "GOMODCACHE": str(cache), "GOBIN": str(tmp_path / "unused"), "GOFLAGS": "-modcacherw"}
    subprocess.run(["go", "install", module], env=env, check=True, timeout=600)
    (cache / "cache/download").rename(tmp_path / "modules")
    shutil.rmtree(cache)
    with images.build(names=["busybox"])["busybox"].open("rb") as stream:  # the step of the build needs a shell
        base.images.load(stream)
    (tmp_path / "Dockerfile").write_text(
        f"FROM {images.IMAGES['busybox'].tags[0]}\nCOPY go /usr/local/go\nCOPY modules /modules\n"
        "ENV PATH=/usr/local/go/bin:/bin GOPROXY=file:///modules GOSUMDB=off GOTOOLCHAIN=local GOCACHE=/tmp/go\n"
    )
    base.images.build(path=str(tmp_path), tag="docker.io/library/golang:1.26", rm=True)


@only_all
@pytest.mark.usefixtures("go_image")
def test_with_the_load_generator_the_workers_layer_is_the_same(machine, base):
    without, found = build(machine), build(machine, "--with-bench", "--tag", "mine/worker:bench")
    assert found["layerDigest"] == without["layerDigest"]
    assert worker(base, found, "--help").startswith(b"usage: ")
    assert b"Version: " in worker(base, found, "-version", entrypoint=["/usr/local/bin/vegeta"])
    assert base.images.get(found["image"]).attrs["Config"]["User"] == "65532:65532"


def worker(client, built, *words, **more):
    """What a container of the image prints, with a root that nobody can write."""
    settings = {"read_only": True, "network_mode": "none", "cap_drop": ["ALL"], "remove": True, "stderr": True}
    return client.containers.run(built["image"], list(words), **settings, **more)


def test_one_for_arm64_needs_no_such_machine(machine, base, tmp_path):
    """No step of the build runs a program; a base of nothing will do."""
    path = tmp_path / "base.tar"
    images.write_archive(path, ["arm/python:1"], bytes(10240), {"Cmd": ["/python3"]}, architecture="arm64")
    with path.open("rb") as stream:
        base.images.load(stream)
    built = build(machine, "--platform", "linux/arm64", "--base", "arm/python:1", "--tag", "arm/worker:1")
    assert (built["platform"], base.images.get("arm/worker:1").attrs["Architecture"]) == ("linux/arm64", "arm64")
    container = base.containers.create("arm/worker:1", platform="linux/arm64")
    try:
        blocks, _ = container.get_archive("/app/aiohttp/_http_parser.cpython-313-aarch64-linux-gnu.so")
        assert b"".join(blocks)  # read to its end: until then the engine removes nothing
    finally:
        container.remove()


@pytest.mark.usefixtures("base")
def test_it_goes_into_an_archive_and_a_registry(machine, tmp_path):
    archive, target = tmp_path / "worker.tar", f"{MIRROR}/fogflow-k8s/worker:one"
    built = build(machine, "--tag", "mine/worker:one", "--save", archive, "--push", target)
    assert tags_of(archive) == ["mine/worker:one"]
    assert built["pushedDigest"] == machine.crane("digest", target)
    assert built["platform"] == "linux/amd64"


@pytest.mark.usefixtures("base")
@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (["--base", "docker.io/library/python:absent"], "could not build", 10),
        pytest.param(["--push", "127.0.0.1:9/worker:1"], "could not be pushed", 10, marks=only_all),
    ],
)
def test_what_the_engine_refuses_is_told_in_its_words(machine, words, says, code):
    error = build(machine, *words, code=code)["error"]
    assert says in error["message"]
    assert error["remedy"]


@pytest.mark.usefixtures("base")
def test_the_context_of_the_docker_program_is_used(machine, tmp_path):
    home = tmp_path / "contexts" / "meta" / get_context_id("mine")
    home.mkdir(parents=True)
    (home / "meta.json").write_text(json.dumps(Context("mine", host=f"unix://{machine.socket}").Metadata))
    (tmp_path / "config.json").write_text('{"currentContext": "mine"}')
    env = {"DOCKER_HOST": "", "DOCKER_CONFIG": str(tmp_path)}
    error = build(machine, "--base", "docker.io/library/python:absent", code=10, **env)["error"]
    assert "could not build" in error["message"], "the engine was reached, and refused"
