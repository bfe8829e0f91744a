"""The results of `images check` for answers of registries and platforms of nodes."""

import base64
import json

import pytest

from fogflow_k8s.actions.images.check import PullSecrets, TargetPlatforms, check
from fogflow_k8s.actions.images.listing import ImageUses, Registries
from fogflow_k8s.adapters.registry import credentials, http
from fogflow_k8s.model.image.reference import Use, parse
from tests.unit.registry import Stub, bearer, index, serving

NO_LOGIN = credentials.pull_secret_logins(
    {"metadata": {"name": "none"}, "data": {".dockerconfigjson": base64.b64encode(b"{}").decode()}}
)


@pytest.fixture
def stub():
    with serving(Stub()) as it:
        yield it


def use(stub, tag="1", *, secrets=(), platforms=("any",), **pod):
    spec = {**pod, "imagePullSecrets": [{"name": name} for name in secrets]}
    return Use(parse(f"{stub.host}/fogflow/broker:{tag}"), ("cloud-broker",), (spec,), platforms)


def login_for(stub, name):
    auth = base64.b64encode(f"{name}:secret".encode()).decode()
    text = json.dumps({"auths": {stub.host: {"auth": auth}}})
    return credentials.pull_secret_logins(
        {"metadata": {"name": name}, "data": {".dockerconfigjson": base64.b64encode(text.encode()).decode()}}
    )


def node(name, architecture, **spec):
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/arch": architecture}},
        "spec": spec,
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {"architecture": architecture, "operatingSystem": "linux"},
        },
    }


def checked(uses, nodes=TargetPlatforms(), secrets=PullSecrets(), own=NO_LOGIN):  # noqa: B008 - frozen, and empty
    return check(ImageUses(tuple(uses), ()), Registries(), own, nodes, secrets)


def platforms(result, id_="image"):
    (found,) = [r for r in result.results if r.check.id == id_]
    return found.state, found.detail


@pytest.mark.parametrize(
    ("nodes", "state", "fact"),
    [
        ([node("a", "amd64")], "ok", "for linux/amd64"),
        (
            [node("a", "amd64"), node("b", "arm64")],
            "failed",
            "not for linux/arm64 (b), only for linux/amd64, linux/arm/v7",
        ),
        (
            [node("a", "amd64"), node("b", "arm64", taints=[{"key": "x", "effect": "NoSchedule"}])],
            "ok",
            "for linux/amd64",
        ),
        ([node(str(i), "s390x") for i in range(5)], "failed", "not for linux/s390x (0, 1, 2 and 2 more)"),
        ([node("a", "arm")], "ok", "for linux/arm"),
    ],
)
def test_every_node_that_may_run_it_counts(stub, nodes, state, fact):
    stub.image(body=index("linux/amd64", "linux/arm/v7"))
    result = checked([use(stub)], TargetPlatforms(tuple(nodes)))
    assert platforms(result)[0] == state
    assert fact in platforms(result)[1]
    assert result.ok is (state == "ok")


def test_a_platform_that_was_said_goes_before_the_nodes(stub):
    stub.image()
    assert platforms(checked([use(stub)], TargetPlatforms((node("a", "amd64"),), ("linux/riscv64",))))[0] == "failed"


def test_without_nodes_the_pods_own_word_counts(stub):
    stub.image()
    assert platforms(checked([use(stub, platforms=("linux/arm64",))]))[0] == "failed"
    assert platforms(checked([use(stub)]))[0] == "ok"


def guard(stub, accept):
    stub.image()
    guarded, tokens = bearer(accept=accept)
    for path, answer in list(stub.answers.items()):
        stub.answers[path] = guarded(answer)
    stub.answers["/token"] = tokens


def knows(name):
    return lambda platforms: platforms == "Basic " + base64.b64encode(f"{name}:secret".encode()).decode()


def test_a_pull_secret_is_tried_as_a_node_would(stub):
    guard(stub, knows("pull"))
    result = checked([use(stub, secrets=["pull"])], secrets=PullSecrets({"pull": login_for(stub, "pull")}))
    assert platforms(result)[0] == "ok"
    assert platforms(result)[1].endswith("with the login in Secret pull")
    assert platforms(result, "secret") == ("ok", "exists")


def test_our_own_login_helps_no_node(stub):
    guard(stub, knows("me"))
    result = checked([use(stub)], own=login_for(stub, "me"))
    assert platforms(result)[0] == "ok"
    assert platforms(result, "login")[0] == "warning"
    assert result.ok


def test_no_login_at_all(stub):
    guard(stub, lambda _: False)
    result = checked([use(stub)])
    assert platforms(result) == ("failed", f"{stub.host} does not permit fogflow/broker:1 without a login (401: who are you)")  # fmt: skip


def test_a_missing_pull_secret_fails(stub):
    stub.image()
    result = checked(
        [use(stub, secrets=["pull"])], secrets=PullSecrets({}, {"pull": "it does not exist in namespace fogflow"})
    )
    assert platforms(result, "secret") == ("failed", "it does not exist in namespace fogflow")
    assert not result.ok


def test_a_pull_secret_that_may_not_be_read_is_skipped(stub):
    stub.image()
    result = checked([use(stub, secrets=["pull"])], secrets=PullSecrets(unseen=("pull",)))
    assert platforms(result, "secret") == ("skipped", "no permission to read it")
    assert result.ok


@pytest.mark.parametrize(("remaining", "state"), [(5, "ok"), (1, "warning")])
def test_the_headroom_of_docker_hub(stub, monkeypatch, remaining, state):
    for tag in ("1", "2"):
        stub.image(tag=tag, **{"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": f"{remaining};w=21600"})
    monkeypatch.setattr(http, "_HUB_SERVER", stub.host)
    monkeypatch.setattr(http, "is_loopback", lambda _: True)
    hub = [Use(parse(f"docker.io/fogflow/broker:{tag}"), ("cloud-broker",), ({},), ("any",)) for tag in "12"]
    result = checked(hub)
    assert platforms(result, "rate") == (
        state,
        f"{remaining} of 100 in 6 hours are left for this machine; the release has 2 images from there",
    )
    assert result.ok


def test_the_last_pull_is_not_spent_on_a_look(stub):
    stub.image(**{"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "0;w=21600"})
    result = checked([use(stub)])
    assert platforms(result)[0] == "skipped"
    assert "were not checked" in platforms(result)[1]
    assert [method for method, _, _ in stub.asked] == ["HEAD"]


def test_one_absent_image_hides_no_other(stub):
    stub.image()
    result = checked([use(stub), use(stub, "2")])
    assert [r.state for r in result.results] == ["ok", "failed"]
    assert list(result.digests) == [f"{stub.host}/fogflow/broker:1"]


def test_an_image_that_was_built_on_a_machine_is_asked_for_nowhere():
    own = Use(parse("localhost/fogflow-k8s/worker:1"), ("cloud-worker",), ({},), ("any",))
    result = checked([own])
    assert platforms(result)[0] == "failed"
    assert "it is in no registry" in platforms(result)[1]
    assert "fogflow-k8s images build --push" in result.results[0].remedy
