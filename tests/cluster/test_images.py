"""`images check` with a cluster: its nodes say which platforms are wanted, its Secrets hold the pods' logins."""

import base64
import json

import pytest

from tests.unit.registry import Stub, bearer, index, serving

LOGIN = "Basic " + base64.b64encode(b"me:secret").decode()


@pytest.fixture
def stub():
    """A registry that hands out every image of the chart to whom it knows."""
    with serving(Stub()) as it:
        yield it


def fill(site, stub, *platforms):
    guarded, tokens = bearer(accept=lambda said: said == LOGIN)
    for image in site.json("images", "list", "--set", f"global.imageRegistry={stub.host}")["images"]:
        stub.image(image["repository"], image["tag"], index(*platforms))
    for path, answer in list(stub.answers.items()):
        stub.answers[path] = guarded(answer)
    stub.answers["/token"] = tokens


def flags(stub):
    return ["--set", f"global.imageRegistry={stub.host}", "--set", "global.imagePullSecrets={pull}"]


def give_login(site, stub):
    document = {"auths": {stub.host: {"auth": base64.b64encode(b"me:secret").decode()}}}
    site.kubectl(
        "create",
        "secret",
        "docker-registry",
        "pull",
        "--from-file=.dockerconfigjson=/dev/stdin",
        stdin=json.dumps(document),
    )


def states(document):
    return {(check["id"], check["state"]) for check in document["checks"]}


def test_a_pull_secret_of_the_cluster_is_what_counts(site, stub):
    fill(site, stub, "linux/amd64")
    site.make_namespace()
    absent = site.json("images", "check", *flags(stub), code=10)
    assert states(absent) == {("image", "failed"), ("secret", "failed")}
    assert site.namespace in absent["checks"][-1]["detail"]
    assert site.namespace in absent["checks"][-1]["remedy"][0]
    give_login(site, stub)
    there = site.json("images", "check", *flags(stub))
    assert states(there) == {("image", "ok"), ("secret", "ok")}
    assert {image["loginSource"] for image in there["images"]} == {"Secret pull"}


def test_the_nodes_say_which_platforms_are_wanted(site, stub):
    fill(site, stub, "linux/s390x")
    site.make_namespace()
    give_login(site, stub)
    said = site.json("images", "check", *flags(stub), code=10)
    assert states(said) == {("image", "failed"), ("secret", "ok")}
    workers = {n["metadata"]["name"] for n in site.get("nodes")["items"] if not n["spec"].get("taints")}
    for check in said["checks"]:
        if check["id"] == "image":
            assert "only for linux/s390x" in check["detail"]
            assert all(name in check["detail"] for name in workers)
