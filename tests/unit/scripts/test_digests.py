"""The lock file of the images that a release is published with: digests by name, and newer patch releases."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))

import digests  # noqa: E402
from artifacts import source  # noqa: E402

BUDGET_S = 5
SHA = "sha256:" + "0" * 64


def image(name, digest=SHA):
    return {
        "image": name,
        "repository": name.partition("/")[2].partition(":")[0],
        "tag": name.rpartition(":")[2],
        "digest": digest,
    }


@pytest.mark.parametrize(
    ("tag", "tags", "newer"),
    [
        ("3.2.8", ["3.2.7", "3.2.9", "3.2.10", "3.3.0", "latest"], "3.2.10"),
        ("3.2.8", ["3.2.8"], ""),
        ("1.29.1-alpine", ["1.29.2", "1.29.3-alpine-slim", "1.29.2-alpine"], "1.29.2-alpine"),
        ("4.3", ["4.3.9", "4.4"], ""),
    ],
)
def test_a_newer_patch_has_the_same_minor_version_and_the_same_suffix(tag, tags, newer):
    assert digests.newer_patch(tag, tags) == newer


def test_the_lock_file_names_every_image_with_its_digest():
    checked = {"images": [image("docker.io/fogflow/master:3.2.8"), image("docker.io/library/rabbitmq:4.3")]}
    found = digests.lock(checked, {"fogflow/master": ["3.2.9"]})
    assert found["digests"] == dict.fromkeys(["docker.io/fogflow/master:3.2.8", "docker.io/library/rabbitmq:4.3"], SHA)
    assert found["newer"] == {"docker.io/fogflow/master:3.2.8": "3.2.9"}


def test_an_image_that_the_registry_does_not_have_is_named():
    with pytest.raises(LookupError, match=r"no digest of r\.example/a:1"):
        digests.lock({"images": [image("r.example/a:1", digest=None)]}, {})


def test_packaged_charts_have_the_digests_of_the_lock_file(tmp_path):
    known = json.loads((ROOT / "images.lock.json").read_text(encoding="utf-8"))
    assert known.keys() == {"digests", "newer"}
    staged = source.stage(tmp_path / "tree")
    for chart in source.CHARTS:
        assert json.loads(staged.read(f"charts/{chart}/files/digests.json")) == known["digests"]
        assert json.loads((ROOT / "charts" / chart / "files/digests.json").read_text(encoding="utf-8")) == {}


def test_the_image_that_is_built_with_the_charts_is_pinned_too(tmp_path):
    staged = source.stage(tmp_path / "tree")
    name = "registry.example/owner/fogflow-k8s/worker:1.0.0"
    source.pin(staged, {name: SHA})
    for chart in source.CHARTS:
        path = staged.folder / "charts" / chart / "files/digests.json"
        assert json.loads(path.read_text(encoding="utf-8"))[name] == SHA
        assert int(path.stat().st_mtime) == staged.epoch
