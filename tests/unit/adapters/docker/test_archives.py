"""Archives of images, and files that are none."""

import io
import json
import tarfile

import pytest

from fogflow_k8s.adapters.docker import archives
from fogflow_k8s.errors import UsageError
from tests.unit.registry import MANIFEST


def amd64():
    return "linux/amd64"


def tar(path, files, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def oci(name="docker.io/a/b:1"):
    annotations = {"org.opencontainers.image.ref.name": name} if name else {}
    return {
        "./oci-layout": b"{}",
        "./index.json": {"manifests": [{"mediaType": MANIFEST, "digest": "sha256:m", "annotations": annotations}]},
        "./blobs/sha256/m": {"config": {"digest": "sha256:c"}, "layers": [{"digest": "sha256:l"}]},
    }


def test_docker_save_is_passed_on_as_it_is(tmp_path):
    path = tar(tmp_path / "x.tar", {"manifest.json": [{"RepoTags": ["a:1", "b:2"]}, {"RepoTags": None}]})
    found = archives.read(path, amd64)
    assert found.names == ("a:1", "b:2")
    assert b"".join(found.blocks()) == path.read_bytes()


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_an_oci_layout_gets_the_list_that_engines_ask_for(tmp_path, mode):
    found = archives.read(tar(tmp_path / "x.tar", oci(), mode), amd64)
    assert found.names == ("docker.io/a/b:1",)
    with tarfile.open(fileobj=io.BytesIO(b"".join(found.blocks()))) as sent:
        assert {"manifest.json", *oci()} == set(sent.getnames())
        listed = json.load(sent.extractfile("manifest.json"))
    assert listed == [{"Config": "blobs/sha256/c", "RepoTags": ["docker.io/a/b:1"], "Layers": ["blobs/sha256/l"]}]


@pytest.mark.parametrize("name", ["", "1.0"])
def test_a_tag_alone_is_no_name(tmp_path, name):
    assert archives.read(tar(tmp_path / "x.tar", oci(name)), amd64).names == ()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"not a tar", "is not an image archive: it is no tar"),
        (b"\x1f\x8bnot gzip", "is not an image archive"),
        ({"readme": b"hello"}, "is a tar, but holds no image"),
        ({"manifest.json": b"{"}, "is not an image archive"),
        ({"manifest.json": [1]}, "is not an image archive"),
        (
            {"index.json": {"manifests": [{"mediaType": MANIFEST, "digest": "sha256:absent"}]}},
            "is not an image archive",
        ),
    ],
)
def test_what_is_no_archive(tmp_path, content, says):
    path = tmp_path / "x.tar"
    path.write_bytes(content) if isinstance(content, bytes) else tar(path, content)
    with pytest.raises(UsageError, match=says) as told:
        archives.read(path, amd64)
    assert told.value.hint == "write one with: docker save IMAGE -o IMAGE.tar"
    assert str(path) in told.value.message


def test_a_folder_is_no_archive(tmp_path):
    with pytest.raises(UsageError, match="Is a directory"):
        archives.read(tmp_path, amd64)


def test_an_archive_cut_short(tmp_path):
    path = tar(tmp_path / "x.tar", {"layer.tar": b"x" * 100_000, "manifest.json": [{"RepoTags": ["a:1"]}]})
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(UsageError, match=r"is not an image archive|holds no image"):
        archives.read(path, amd64)
