"""`images` against a real engine and real registries."""

import gc
import io
import tarfile
import warnings

import pytest

from tests.engine.conftest import MIRROR, UPSTREAM

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
