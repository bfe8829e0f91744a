"""Copies that fail; tests/engine makes successful ones."""

import json

import pytest

from fogflow_k8s.actions.images.listing import ImageUses, Registries, Section
from fogflow_k8s.actions.images.mirror import mirror
from fogflow_k8s.engine.reporter import Silent
from fogflow_k8s.errors import UsageError
from fogflow_k8s.model.image.reference import Use, digest_of, parse
from tests.unit.registry import INDEX, MANIFEST, Stub, serving

LAYER = b"a layer"
BLOB = digest_of(LAYER)
IMAGE = json.dumps({"mediaType": MANIFEST, "config": {"digest": BLOB, "size": len(LAYER)}, "layers": []}).encode()


@pytest.fixture
def source():
    """A registry with an image for one platform."""
    with serving(Stub()) as it:
        entry = {"digest": digest_of(IMAGE), "size": 1, "platform": {"os": "linux", "architecture": "amd64"}}
        it.image("a", "1", json.dumps({"mediaType": INDEX, "manifests": [entry]}).encode())
        it.answers[f"/v2/a/manifests/{digest_of(IMAGE)}"] = (200, {"Content-Type": MANIFEST}, IMAGE)
        it.answers[f"/v2/a/blobs/{BLOB}"] = (200, {}, LAYER)
        yield it


@pytest.fixture
def target():
    """An empty registry that takes everything."""
    with serving(Stub()) as it:
        it.answers["/v2/"] = (200, {}, b"{}")
        it.answers["POST", "/v2/x/a/blobs/uploads/"] = (202, {"Location": "/upload/1?state=s"}, b"")
        it.answers["PUT", "/upload/1"] = (201, {}, b"")
        for version in ("1", digest_of(IMAGE)):
            it.answers["PUT", f"/v2/x/a/manifests/{version}"] = (201, {}, b"")
        yield it


def copied(source, target, *platforms, names=("a",)):
    sections = [
        Section(f"s{i}", source.host if i == 0 else "other.example", parse(f"{name}:1")) for i, name in enumerate(names)
    ]
    wanted = ImageUses(tuple(Use(parse(str(s)), (s.key,), ({},), ("any",)) for s in sections), tuple(sections))
    return mirror(wanted, Registries(), None, (target.host, "x"), platforms, Silent())


def test_what_is_referred_to_comes_first(source, target):
    done = copied(source, target)
    assert [(c.sent, c.size) for c in done.copies] == [(1, len(LAYER))]
    assert [path for method, path, _ in target.asked if method == "PUT"] == [
        f"/upload/1?state=s&digest={BLOB.replace(':', '%3A')}",
        f"/v2/x/a/manifests/{digest_of(IMAGE)}",
        "/v2/x/a/manifests/1",
    ]


@pytest.mark.parametrize(
    ("path", "answer", "message"),
    [
        (("POST", "/v2/x/a/blobs/uploads/"), (403, {}, b""), "does not permit an upload to x/a"),
        (
            ("PUT", "/upload/1"),
            (400, {}, b'{"errors": [{"message": "digest invalid"}]}'),
            "answered 400 to an upload to x/a: digest invalid",
        ),
        (("PUT", "/upload/1"), (507, {}, b""), "answered 507"),
        (("PUT", "/v2/x/a/manifests/1"), (429, {}, b""), "limits the rate"),
    ],
)
def test_a_registry_that_does_not_take_it(source, target, path, answer, message):
    target.answers[path] = answer
    done = copied(source, target)
    assert done.copies == ()
    (failure,) = done.failures
    assert message in failure.why
    assert target.host in failure.why
    assert failure.remedy


def test_a_platform_that_is_not_there(source, target):
    (failure,) = copied(source, target, "linux/arm64").failures
    assert failure.why.endswith("a:1 is not for linux/arm64, only for linux/amd64")


def test_two_images_with_one_name_in_the_mirror(source, target):
    with pytest.raises(UsageError, match=r"would both become .*/x/a:1"):
        copied(source, target, names=("a", "a"))
    assert not any(method == "PUT" for method, _, _ in target.asked)
