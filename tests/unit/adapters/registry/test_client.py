"""Answers of registries, the unusual ones first: a message names the registry, the image, the reason and the remedy."""

import base64
import json
import urllib.parse

import pytest

from fogflow_k8s.adapters.registry import errors, http
from fogflow_k8s.adapters.registry.client import PullQuota
from fogflow_k8s.adapters.registry.credentials import Login
from fogflow_k8s.adapters.registry.http import is_loopback
from fogflow_k8s.model.image.reference import HUB, digest_of, parse
from tests.ports import free_port
from tests.unit.registry import INDEX, Stub, bearer, certificate, index, serving, slow

BROKER = "fogflow/broker:1"
PATH = "/v2/fogflow/broker/manifests/1"


@pytest.fixture
def stub():
    with serving(Stub()) as it:
        yield it


def image(stub):
    return parse(f"{stub.host}/{BROKER}")


def test_head_and_manifest_agree_on_the_digest(stub):
    stub.image()
    head, whole = stub.registry().head_manifest(image(stub)), stub.registry().manifest("fogflow/broker", "1")
    assert head.digest == whole.digest == digest_of(whole.body)
    assert stub.registry().platforms("fogflow/broker", whole) == ("linux/amd64",)


@pytest.mark.parametrize(
    ("answer", "kind", "says", "hint"),
    [
        ((404, {}, b""), "ImageNotFound", "has no fogflow/broker:1", "name and tag"),
        ((401, {}, b""), "LoginNeeded", "without a login (401)", "docker login"),
        ((403, {}, b'{"errors": [{"message": "no pull"}]}'), "LoginNeeded", "(403)", "docker login"),
        ((429, {}, b""), "RateLimited", "limits the rate", "wait, or log in"),
        ((429, {"Retry-After": "7"}, b""), "RateLimited", "limits the rate", "wait 7 s"),
        ((503, {}, b"<html>"), "RegistryError", "answered 503", "read its log"),
        (
            (200, {"Content-Type": "text/html"}, b"hello"),
            "RegistryError",
            "text/html, which is not an image",
            "check that it is a registry",
        ),
        ((200, {}, b""), "RegistryError", "content without a type", "check that it is a registry"),
        ((302, {"Location": PATH}, b""), "Unreachable", "too many redirects", "check the name"),
    ],
)
def test_a_refusal_has_its_type_and_its_remedy(stub, answer, kind, says, hint):
    stub.answers[PATH] = answer
    with pytest.raises(errors.RegistryError) as told:
        stub.registry().head_manifest(image(stub))
    assert type(told.value).__name__ == kind
    assert says in told.value.message
    assert stub.host in told.value.message
    assert hint in told.value.hint
    assert told.value.exit_code == 10


def test_the_registrys_message_is_passed_on(stub):
    stub.answers[PATH] = (500, {}, b'{"errors": [{"code": "UNKNOWN", "message": "disk is full"}]}')
    with pytest.raises(errors.RegistryError, match="disk is full"):
        stub.registry().manifest("fogflow/broker", "1")


@pytest.mark.parametrize(
    ("login", "accepts"),
    [
        (None, lambda said: said == ""),
        (Login("me", "secret"), lambda said: said == "Basic " + base64.b64encode(b"me:secret").decode()),
        (Login("", "", "identity"), lambda said: urllib.parse.parse_qs(said)["refresh_token"] == ["identity"]),
    ],
)
def test_a_token_is_fetched_once_and_used(stub, login, accepts):
    guarded, tokens = bearer(accept=accepts)
    stub.image()
    stub.answers[PATH] = guarded(stub.answers[PATH])
    stub.answers["/token"] = tokens
    registry = stub.registry(login)
    assert registry.head_manifest(image(stub)).digest == registry.manifest("fogflow/broker", "1").digest
    assert [path for _, path, _ in stub.asked].count(PATH) == 3  # refused, again with the token, and the second call
    asked_for = [path for _, path, _ in stub.asked if path.startswith("/token")]
    assert len(asked_for) == 1


@pytest.mark.parametrize(("login", "says"), [(None, "without a login"), (Login("me", "wrong"), "with this login")])
def test_a_refused_token(stub, login, says):
    guarded, tokens = bearer(accept=lambda _: False)
    stub.answers |= {PATH: guarded((200, {}, b"")), "/token": tokens}
    with pytest.raises(errors.LoginNeeded, match=says) as told:
        stub.registry(login).head_manifest(image(stub))
    assert "wrong" not in str(told.value) + told.value.hint + repr(login)


def test_a_token_server_that_returns_no_token(stub):
    guarded, _ = bearer()
    stub.answers |= {PATH: guarded((200, {}, b"")), "/token": (200, {}, b"[]")}
    with pytest.raises(errors.RegistryError, match="returned no token"):
        stub.registry().head_manifest(image(stub))


def test_a_password_is_sent_only_where_it_is_demanded(stub):
    stub.image()
    known = stub.answers[PATH]
    stub.answers[PATH] = lambda r: (
        known if r.headers.get("Authorization") else (401, {"WWW-Authenticate": 'Basic realm="x"'}, b"")
    )
    assert stub.registry(Login("me", "secret")).head_manifest(image(stub)).digest
    with serving(Stub()) as elsewhere:
        elsewhere.image()
        stub.answers[PATH] = (307, {"Location": f"http://{elsewhere.host}{PATH}"}, b"")
        registry = stub.registry(Login("me", "secret"))
        registry._client._authorizations["fogflow/broker"] = ("Basic c2VjcmV0", float("inf"))
        assert registry.head_manifest(image(stub)).digest
        assert "Authorization" in stub.asked[-1][2]
        assert "Authorization" not in elsewhere.asked[-1][2]


def test_docker_hubs_pull_quota_is_read(stub):
    stub.image(**{"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "76;w=21600"})
    assert stub.registry().head_manifest(image(stub)).pull_quota == PullQuota(76, 100, 6)


def test_content_that_does_not_match_the_digest_is_refused(stub):
    digest = digest_of(b"other")
    stub.answers[f"/v2/x/manifests/{digest}"] = (200, {"Content-Type": INDEX}, index("linux/amd64"))
    with pytest.raises(errors.RegistryError, match="does not match"):
        stub.registry().manifest("x", digest)


def test_a_registry_that_is_slow_is_waited_for_once(stub):
    stub.answers[PATH] = slow(3)
    registry = stub.registry(timeout_s=0.2)
    for _ in range(3):
        with pytest.raises(errors.Unreachable, match=r"did not answer within 0\.2 s"):
            registry.head_manifest(image(stub))
    assert len(stub.asked) == 1


def test_a_closed_port_is_unreachable():
    host = f"127.0.0.1:{free_port()}"
    with pytest.raises(errors.Unreachable, match="Connection refused") as told:
        registry_of(host).ping()
    assert f"curl -v http://{host}/v2/" in told.value.hint


def registry_of(host):
    from fogflow_k8s.adapters.registry.client import Registry

    return Registry(http.Client(host))


def test_a_certificate_of_an_unknown_authority(tmp_path, monkeypatch):
    monkeypatch.setattr(http, "is_loopback", lambda _: False)
    pem = certificate(tmp_path / "key-and-cert.pem")
    with serving(Stub(), pem) as stub:
        with pytest.raises(errors.Untrusted, match="certificate is not trusted") as told:
            stub.registry().ping()
        assert f"/etc/docker/certs.d/{stub.host}/ca.crt" in told.value.hint


def test_plain_http_is_used_only_for_allowed_registries(stub, monkeypatch):
    monkeypatch.setattr(http, "is_loopback", lambda _: False)
    stub.image()
    with pytest.raises(errors.Untrusted, match="speaks plain HTTP") as told:
        stub.registry().head_manifest(image(stub))
    assert f"--insecure-registry {stub.host}" in told.value.hint
    assert stub.registry(plain=True).head_manifest(image(stub)).digest


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("localhost:5000", True), ("127.0.0.1", True), ("127.1.2.3:80", True), ("[::1]:5000", True),
     ("127.0.0.1.example", False), ("registry.example:5000", False), (HUB, False), ("localhost.example", False)],
)  # fmt: skip
def test_which_registries_are_on_this_machine(host, loopback):
    assert is_loopback(host) is loopback


@pytest.mark.parametrize("answer", [(404, {}, b""), (200, {"Content-Type": "text/html"}, b"<html>")])
def test_a_server_that_is_not_a_registry(stub, answer):
    stub.answers["/v2/"] = answer
    with pytest.raises(errors.RegistryError, match="is not a registry"):
        stub.registry().ping()


def test_a_registry_that_refuses_the_login_fails_at_ping(stub):
    stub.answers["/v2/"] = (401, {"WWW-Authenticate": 'Basic realm="x"'}, b"")
    with pytest.raises(errors.LoginNeeded, match="does not permit access without a login"):
        stub.registry().ping()
    with pytest.raises(errors.LoginNeeded, match="does not permit access with this login"):
        stub.registry(Login("me", "wrong")).ping()


def test_the_tags_of_every_page(stub):
    def answer(request):
        first = "last=" not in request.path
        link = {"Link": '</v2/fogflow/broker/tags/list?n=1000&last=3.2>; rel="next"'} if first else {}
        tags = ["3.1", "3.2"] if first else ["3.3"]
        return 200, {"Content-Type": "application/json", **link}, json.dumps({"tags": tags}).encode()

    stub.answers["/v2/fogflow/broker/tags/list"] = answer
    assert stub.registry().tags("fogflow/broker") == ["3.1", "3.2", "3.3"]
