"""Image names, their use by pods, and the manifests of registries."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogflow_k8s.model.image import reference
from fogflow_k8s.model.image.reference import Image, parse
from tests.scope import examples

BUDGET_S = 15

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "host", "repository", "version"),
    [
        ("nginx", "docker.io", "library/nginx", "latest"),
        ("nginx:1", "docker.io", "library/nginx", "1"),
        ("fogflow/broker:3.2.8", "docker.io", "fogflow/broker", "3.2.8"),
        ("docker.io/library/python:3", "docker.io", "library/python", "3"),
        ("index.docker.io/nginx:1", "docker.io", "library/nginx", "1"),
        ("localhost/a:1", "localhost", "a", "1"),
        ("registry.example:5000/a/b/c:1", "registry.example:5000", "a/b/c", "1"),
        ("quay.io/a__b/c-d.e:1", "quay.io", "a__b/c-d.e", "1"),
        ("[::1]:5000/a:1", "[::1]:5000", "a", "1"),
        (f"ghcr.io/a/b:1@{DIGEST}", "ghcr.io", "a/b", DIGEST),
        (f"a@{DIGEST}", "docker.io", "library/a", DIGEST),
    ],
)
def test_a_name_is_read_as_docker_reads_it(text, host, repository, version):
    found = parse(text)
    assert (found.host, found.repository, found.version) == (host, repository, version)
    assert str(found) == text


@pytest.mark.parametrize(
    "text", ["", "a/B:1", "a:", "a@sha256:1", "a b", "/a", "a//b", "a:1:2", "-a", "a:" + "x" * 129]
)
def test_invalid_names(text):
    with pytest.raises(ValueError, match="is not an image's name"):
        parse(text)


@settings(max_examples=examples(30, 2000))  # to make one is slow
@given(st.from_regex(reference._NAME, fullmatch=True).filter(lambda text: "\n" not in text))
def test_every_name_comes_back(text):
    assert str(parse(text)) == text


def test_the_same_name_elsewhere():
    assert parse("docker.io/a/b:1").within("r:5/x") == "r:5/x/a/b:1"
    assert Image("", "a/b", "1").within("r:5", DIGEST) == f"r:5/a/b:1@{DIGEST}"
    assert parse(f"r:5/a:1@{DIGEST}").short == "r:5/a:1"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("r.example", ("r.example", "")),
        ("localhost:5000/a/b/", ("localhost:5000", "a/b")),
        ("10.0.0.1:5/x", ("10.0.0.1:5", "x")),
    ],
)
def test_a_place(text, place):
    assert reference.split_place(text) == place


@pytest.mark.parametrize(
    "text", ["", "foo/bar", "http://r.example/x", "r.example/UPPER", "r.example:x", "r.example/a b", "r.example/a//b"]
)
def test_invalid_places(text):
    with pytest.raises(ValueError, match=r"is not REGISTRY|names no registry"):
        reference.split_place(text)


@pytest.mark.parametrize(
    ("offered", "wanted", "fits"),
    [
        ("linux/amd64", "linux/amd64", True), ("linux/arm64/v8", "linux/arm64", True), ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm/v7", "linux/arm/v6", False), ("linux/amd64", "linux/arm64", False), ("windows/amd64", "linux/amd64", False),
    ],
)  # fmt: skip
def test_platforms(offered, wanted, fits):
    assert reference.fits(offered, wanted) is fits


@pytest.mark.parametrize("text", ["", "amd64", "linux/", "Linux/amd64", "linux/arm/v7/x"])
def test_invalid_platforms(text):
    with pytest.raises(ValueError, match="is not a platform"):
        reference.checked_platform(text)


def workload(name, image_name, *, kind="Deployment", inits=(), **spec):
    pod = {"containers": [{"image": image_name}], "initContainers": [{"image": i} for i in inits], **spec}
    inner = pod if kind == "Pod" else {"template": {"spec": pod}}
    return {"kind": kind, "metadata": {"name": name, "labels": {"app.kubernetes.io/component": name}}, "spec": inner}


def test_every_container_counts():
    objects = [
        workload(
            "a", "x:1", inits=["gate:1"], nodeSelector={"kubernetes.io/arch": "arm64"}, imagePullSecrets=[{"name": "s"}]
        ),
        workload("b", "gate:1", kind="Job", imagePullSecrets=[{"name": "s"}, {"name": "t"}]),
        workload("c", "x:1", kind="Pod"),
        {"kind": "Service", "metadata": {"name": "a"}},
    ]
    gate, x = reference.uses(objects)
    assert (str(gate.image), gate.components, gate.secrets, gate.platforms) == (
        "gate:1",
        ("a", "b"),
        ("s",),
        ("any", "linux/arm64"),
    )
    assert (str(x.image), x.components, x.secrets) == ("x:1", ("a", "c"), ())


def test_an_index_is_filtered_by_platform():
    entries = [
        {"digest": "1", "platform": {"os": "linux", "architecture": "amd64"}},
        {"digest": "2", "platform": {"os": "linux", "architecture": "arm", "variant": "v7"}},
        {"digest": "3", "platform": {"os": "unknown", "architecture": "unknown"}},
    ]
    index = {"manifests": entries}
    assert reference.offered(index) == ("linux/amd64", "linux/arm/v7")
    assert [e["digest"] for e in reference.children(index, ["linux/arm"])] == ["2"]
    assert reference.children(index) == entries


def test_blobs_are_named_once_and_foreign_ones_left_out():
    manifest = {
        "config": {"digest": "c"},
        "layers": [{"digest": "l"}, {"digest": "l"}, {"digest": "f", "urls": ["http://x"]}],
    }
    assert [b["digest"] for b in reference.blobs(manifest)] == ["c", "l"]
