"""Logins come from docker login and from image pull secrets."""

import base64
import json
import os

import pytest

from fogflow_k8s.adapters.registry import credentials
from fogflow_k8s.adapters.registry.credentials import Login
from fogflow_k8s.errors import PreflightFailed

AUTH = base64.b64encode(b"me:secret").decode()


def docker_config(tmp_path, monkeypatch, document):
    (tmp_path / "config.json").write_text(document if isinstance(document, str) else json.dumps(document))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return credentials.docker_logins()


@pytest.mark.parametrize(
    ("auths", "host", "login"),
    [
        ({"r.example:5000": {"auth": AUTH}}, "r.example:5000", Login("me", "secret")),
        ({"https://index.docker.io/v1/": {"auth": AUTH}}, "docker.io", Login("me", "secret")),
        ({"r.example": {"identitytoken": "t"}}, "r.example", Login("", "", "t")),
        ({"r.example": {}}, "r.example", None),
        ({"other.example": {"auth": AUTH}}, "r.example", None),
    ],
)
def test_config_json(tmp_path, monkeypatch, auths, host, login):
    assert docker_config(tmp_path, monkeypatch, {"auths": auths}).of(host) == login


@pytest.mark.parametrize("text", ["", "{", "{}"])
def test_a_file_without_logins_has_none(tmp_path, monkeypatch, text):
    assert docker_config(tmp_path, monkeypatch, text).of("r.example") is None


@pytest.mark.parametrize("document", [{"auths": {"r.example": {"auth": "@"}}}, "[1]", {"auths": {"r.example": 1}}])
def test_an_unreadable_login(tmp_path, monkeypatch, document):
    with pytest.raises(PreflightFailed, match=r"config\.json has a login that cannot be read"):
        docker_config(tmp_path, monkeypatch, document)


def helper(tmp_path, monkeypatch, script):
    program = tmp_path / "docker-credential-stub"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return docker_config(tmp_path, monkeypatch, {"credHelpers": {"r.example": "stub"}})


def test_a_credential_helper_is_used(tmp_path, monkeypatch):
    found = helper(tmp_path, monkeypatch, """echo '{"Username": "me", "Secret": "from-helper"}'""")
    assert found.of("r.example") == Login("me", "from-helper")
    assert found.of("other.example") is None


@pytest.mark.parametrize("script", ["echo no keyring; exit 1", None])
def test_a_credential_helper_that_fails(tmp_path, monkeypatch, script):
    found = helper(tmp_path, monkeypatch, script or "")
    if script is None:
        (tmp_path / "docker-credential-stub").unlink()
    with pytest.raises(PreflightFailed, match=r"the login for r\.example cannot be read") as told:
        found.of("r.example")
    assert "credential helper" in told.value.hint


def secret(data):
    return {"metadata": {"name": "pull"}, "data": data}


def test_a_pull_secret():
    text = json.dumps({"auths": {"r.example": {"auth": AUTH}}})
    found = credentials.pull_secret_logins(secret({".dockerconfigjson": base64.b64encode(text.encode()).decode()}))
    assert (found.of("r.example"), found.where) == (Login("me", "secret"), "Secret pull")


def test_an_empty_pull_secret_does_not_fall_back_to_this_machines_file(tmp_path, monkeypatch):
    docker_config(tmp_path, monkeypatch, {"auths": {"r.example": {"auth": AUTH}}})
    empty = credentials.pull_secret_logins(secret({".dockerconfigjson": base64.b64encode(b"{}").decode()}))
    assert empty.of("r.example") is None


@pytest.mark.parametrize(
    ("data", "says"),
    [(None, "no key .dockerconfigjson"), ({"password": "x"}, "no key .dockerconfigjson"), ({".dockerconfigjson": "x"}, "cannot be read"),
     ({".dockerconfigjson": base64.b64encode(b"[1]").decode()}, "cannot be read")],
)  # fmt: skip
def test_a_secret_that_is_not_a_pull_secret(data, says):
    with pytest.raises(ValueError, match=says):
        credentials.pull_secret_logins(secret(data))


def test_no_password_is_shown():
    assert repr(Login("me", "secret", "token")) == "Login(username='me')"
