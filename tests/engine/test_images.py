"""`images` against a real engine and real registries."""

import gc
import gzip
import io
import json
import shutil
import tarfile
import warnings

import docker.errors
import pytest
from docker.context import Context
from docker.context.config import get_context_id

from tests.engine.conftest import MIRROR, UPSTREAM, archive

FROM_UPSTREAM = ("--set", f"global.imageRegistry={UPSTREAM}")


def pulled(client, name):
    """What /content holds in an image that the engine pulls by this name."""
    repository, _, version = name.partition("@") if "@" in name else name.rpartition(":")
    client.images.pull(repository, tag=version)
    return content(client, name)


def content(client, name):
    """What /content holds in an image that the engine has."""
    container = client.containers.create(name)
    try:
        blocks, _ = container.get_archive("/content")
        with tarfile.open(fileobj=io.BytesIO(b"".join(blocks))) as files:
            return files.extractfile("content").read()
    finally:
        container.remove()


@pytest.fixture
def client(machine):
    """The engine, with no image in it at the end."""
    it = machine.client()
    yield it
    for image in it.images.list(all=True):
        it.images.remove(image.id, force=True)
    it.close()
    with warnings.catch_warnings():  # the SDK leaves the sockets of streams to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        del it
        gc.collect()


def test_every_image_can_be_pulled(machine, chart_images):
    said = machine.json("check", *FROM_UPSTREAM, "--platform", "linux/arm64")
    assert said["ok"]
    assert [i["image"] for i in said["images"]] == [i["image"] for i in chart_images]
    assert all(i["offeredPlatforms"] == ["linux/amd64", "linux/arm64"] and i["digest"] for i in said["images"])


@pytest.mark.usefixtures("chart_images")
@pytest.mark.parametrize(
    ("words", "fact"),
    [
        (["--set", "nginx.image.tag=never"], "has no nginxinc/nginx-unprivileged:never"),
        (["--platform", "linux/s390x"], "not for linux/s390x, only for linux/amd64, linux/arm64"),
        (["--set", "global.imageRegistry=127.0.0.1:9"], "Connection refused"),
    ],
)
def test_what_cannot_be_pulled_is_said(machine, words, fact):
    said = machine.json("check", *FROM_UPSTREAM, *words, code=10)
    failed = [c for c in said["checks"] if c["state"] == "failed"]
    assert failed
    assert all(fact in c["detail"] and c["remedy"] for c in failed)


def test_a_digest_file_pins_every_image(machine, chart_images, tmp_path):
    pins = tmp_path / "digests.yaml"
    machine.tool("check", *FROM_UPSTREAM, "--pin", pins)
    listed = machine.json("list", *FROM_UPSTREAM, "-f", pins)["images"]
    digests = {i["repository"]: machine.crane("digest", i["image"]) for i in chart_images}
    assert {i["repository"]: i["pinnedDigest"] for i in listed} == digests
    machine.json("check", *FROM_UPSTREAM, "-f", pins)


@pytest.mark.usefixtures("chart_images")
def test_a_pin_file_is_not_written_by_halves(machine, tmp_path):
    done = machine.tool("check", *FROM_UPSTREAM, "--set", "nginx.image.tag=never", "--pin", tmp_path / "pins", code=10)
    assert "not every digest is known" in done.stderr
    assert not (tmp_path / "pins").exists()


def test_the_copies_are_the_originals(machine, chart_images, client, tmp_path):
    values = tmp_path / "mirror.yaml"
    first = machine.json("mirror", *FROM_UPSTREAM, "--to", f"{MIRROR}/all", "--values-out", values)
    assert first["ok"]
    assert {c["source"]: c["digest"] for c in first["copies"]} == {
        i["image"]: machine.crane("digest", i["image"]) for i in chart_images
    }
    wanted = {i["image"] for i in machine.json("list", "-f", values)["images"]}
    assert wanted == {c["target"].partition("@")[0] for c in first["copies"]}
    for name in wanted:
        assert pulled(client, name).decode() == name.replace(f"{MIRROR}/all", UPSTREAM)
    assert machine.json("check", "-f", values, "--platform", "linux/arm64")["ok"]


@pytest.mark.usefixtures("chart_images")
def test_what_is_there_is_not_sent_again(machine):
    first = machine.json("mirror", *FROM_UPSTREAM, "--to", f"{MIRROR}/twice")["copies"]
    again = machine.json("mirror", *FROM_UPSTREAM, "--to", f"{MIRROR}/twice")["copies"]
    assert all(c["changed"] for c in first)
    assert not any(c["changed"] or c["blobsSent"] for c in again)
    other = machine.json("mirror", *FROM_UPSTREAM, "--to", f"{MIRROR}/other")["copies"]
    assert all(c["changed"] for c in other)
    assert sum(c["bytesSent"] for c in other) == 0  # the registry has these blobs in another repository


def test_one_platform_alone(machine, chart_images, tmp_path):
    pins, values = tmp_path / "pins.yaml", tmp_path / "mirror.yaml"
    machine.tool("check", *FROM_UPSTREAM, "--pin", pins)
    words = ["--to", f"{MIRROR}/arm", "--platform", "linux/arm64", "--values-out", values]
    machine.tool("mirror", *FROM_UPSTREAM, "-f", pins, *words)
    # the pins of before name indexes with both platforms; the new file has its own
    said = machine.json("check", "-f", pins, "-f", values, "--platform", "linux/arm64")
    assert [i["offeredPlatforms"] for i in said["images"]] == [["linux/arm64"]] * len(chart_images)


def test_an_image_that_is_not_there_keeps_no_other(machine, chart_images, tmp_path):
    values = tmp_path / "values.yaml"
    words = ["--set", "nginx.image.tag=never", "--to", f"{MIRROR}/half"]
    said = machine.json("mirror", *FROM_UPSTREAM, *words, "--values-out", values, code=10)
    assert (len(said["copies"]), len(said["failures"])) == (len(chart_images) - 1, 1)
    assert not values.exists()


def test_an_archive_is_loaded_and_the_rest_is_named(machine, client, tmp_path):
    said = machine.json("load", archive(tmp_path, "docker.io/fogflow/master:3.2.8", content=b"of a file"))
    assert said["loaded"] == ["fogflow/master:3.2.8"]
    assert content(client, "fogflow/master:3.2.8") == b"of a file"
    missing = {i["image"] for i in said["missingImages"]}
    everything = {i["image"] for i in machine.json("list")["images"]}
    assert missing == everything - {"docker.io/fogflow/master:3.2.8"}


def test_what_the_engine_saves_it_loads(machine, client, tmp_path):
    both = machine.json("load", archive(tmp_path, "docker.io/fogflow/broker:3.2.8", "docker.io/library/rabbitmq:4.3"))
    assert both["loaded"] == ["fogflow/broker:3.2.8", "rabbitmq:4.3"]
    saved = tmp_path / "saved.tar.gz"
    with gzip.open(saved, "wb") as stream:
        stream.writelines(client.images.get("fogflow/broker:3.2.8").save(named=True))
    for name in ("fogflow/broker:3.2.8", "rabbitmq:4.3"):
        client.images.remove(name)
    assert machine.json("load", saved)["loaded"] == ["fogflow/broker:3.2.8"]
    assert client.images.get("fogflow/broker:3.2.8")


@pytest.mark.parametrize("packed", [False, True])
def test_an_oci_layout_is_loaded_for_the_engines_platform(machine, chart_images, client, tmp_path, packed):
    image = chart_images[0]["image"]
    machine.crane("pull", image, tmp_path / "layout", "--format", "oci")
    index = tmp_path / "layout" / "index.json"
    content_of = json.loads(index.read_text())
    content_of["manifests"][0]["annotations"] = {"io.containerd.image.name": "docker.io/test/oci:1"}
    index.write_text(json.dumps(content_of))
    path = shutil.make_archive(str(tmp_path / "oci"), "gztar" if packed else "tar", tmp_path / "layout")
    assert machine.json("load", path)["loaded"] == ["test/oci:1"]
    assert content(client, "test/oci:1") == image.encode()
    assert client.images.get("test/oci:1").attrs["Architecture"] == "amd64"


def test_a_broken_archive_is_the_engines_word(machine, client, tmp_path):
    path = tmp_path / "broken.tar"
    with tarfile.open(path, "w") as files:
        listed = json.dumps([{"Config": "absent.json", "RepoTags": ["a:1"], "Layers": []}]).encode()
        entry = tarfile.TarInfo("manifest.json")
        entry.size = len(listed)
        files.addfile(entry, io.BytesIO(listed))
    told = machine.tool("load", path, code=10).stderr
    assert "the Docker engine does not take the archive" in told
    assert "absent.json" in told
    with pytest.raises(docker.errors.ImageNotFound):
        client.images.get("a:1")


@pytest.mark.usefixtures("client")
def test_the_context_of_the_docker_program_is_used(machine, tmp_path):
    home = tmp_path / "contexts" / "meta" / get_context_id("mine")
    home.mkdir(parents=True)
    (home / "meta.json").write_text(json.dumps(Context("mine", host=f"unix://{machine.socket}").Metadata))
    (tmp_path / "config.json").write_text('{"currentContext": "mine"}')
    env = {"DOCKER_HOST": "", "DOCKER_CONFIG": str(tmp_path)}
    assert "a:1" in machine.tool("load", archive(tmp_path, "a:1"), **env).stdout
