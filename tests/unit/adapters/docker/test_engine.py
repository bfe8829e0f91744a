"""Why the Docker engine cannot be used, with a remedy for each reason. tests/engine uses a real engine."""

import grp
import json
import os
import pwd
import socket
from types import SimpleNamespace

import docker  # noqa: F401 - loaded before the test with another user, who may not read it
import pytest
from docker.context.config import get_context_id

from fogflow_k8s.adapters.docker import engine as docker_engine


@pytest.fixture(autouse=True)
def socket_path(tmp_path, monkeypatch):
    """A machine without an engine and without docker settings; return the path of the socket."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(docker_engine, "SOCKET", str(tmp_path / "engine.sock"))
    monkeypatch.setattr(docker_engine, "TIMEOUT_S", 0.5)
    (tmp_path / "docker").mkdir()
    return tmp_path / "engine.sock"


def listener(path):
    it = socket.socket(socket.AF_UNIX)
    it.bind(str(path))
    it.listen()
    return it


def problem():
    engine = docker_engine.engine_status()
    assert not engine.usable
    return engine.detail, engine.remedy


@pytest.mark.parametrize(
    ("installed", "message", "remedy"),
    [(None, "is installed", "install"), ("/usr/sbin/dockerd", "is running", "systemctl start")],
)
def test_no_socket(socket_path, monkeypatch, installed, message, remedy):
    monkeypatch.setattr(docker_engine.shutil, "which", lambda *_, **__: installed)
    fact, advice = problem()
    assert fact == f"no Docker engine {message}: {socket_path} does not exist"
    assert remedy in advice


def test_only_a_rootless_engine(tmp_path):
    with listener(tmp_path / "docker.sock"):
        fact, remedy = problem()
    assert fact == "only a rootless Docker engine is running, but docker's context points to another engine"
    assert f"export DOCKER_HOST=unix://{tmp_path}/docker.sock" in remedy


def test_a_socket_without_a_listener(socket_path):
    listener(socket_path).close()
    assert problem() == (f"the Docker engine at {socket_path} is down", "start it: sudo systemctl start docker")


def test_a_file_that_is_not_a_socket(socket_path):
    socket_path.touch()
    assert problem()[0] == f"{socket_path} is not a socket"


def test_an_engine_that_hangs(socket_path):
    with listener(socket_path):
        fact, remedy = problem()
    assert fact.endswith("gave no answer within 0.5 s")
    assert "restart" in remedy


def as_unprivileged_user(action):
    """What `action` returns in a process of an unprivileged user, because root may use every socket."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            os.write(writer, json.dumps(action()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        said = stream.read()
    os.waitpid(child, 0)
    return json.loads(said)


@pytest.mark.parametrize(
    ("group", "members", "remedy"),
    [
        ("docker", [], "sudo usermod -aG docker alice"),
        ("docker", ["alice"], "log in again, or: newgrp docker"),
        ("root", [], "groupadd -f docker"),
    ],
)
def test_a_socket_without_permission(socket_path, monkeypatch, group, members, remedy):
    for folder in (socket_path.parent, *socket_path.parent.parents[:3]):
        folder.chmod(0o755)
    monkeypatch.setattr(grp, "getgrgid", lambda _: SimpleNamespace(gr_name=group, gr_mem=members))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name="alice"))
    with listener(socket_path):
        socket_path.chmod(0)
        fact, advice = as_unprivileged_user(problem)
    assert fact == f"this user has no permission for {socket_path}"
    assert remedy in advice


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("tcp://127.0.0.1:9", "is down"),
        ("telepathy://x", "is not the address of a Docker engine"),
        ("unix:///absent", "does not exist (DOCKER_HOST)"),
    ],
)
def test_docker_host(monkeypatch, host, message):
    monkeypatch.setenv("DOCKER_HOST", host)
    fact, remedy = problem()
    assert message in fact
    assert remedy


def context(tmp_path, name, host):
    home = tmp_path / "docker" / "contexts" / "meta" / get_context_id(name)
    home.mkdir(parents=True)
    endpoints = {"docker": {"Host": host, "SkipTLSVerify": True}}
    (home / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": endpoints}))
    return home


@pytest.mark.parametrize("by", ["DOCKER_CONTEXT", "docker's config.json"])
def test_the_engine_of_the_current_context_is_used(tmp_path, monkeypatch, by):
    context(tmp_path, "mine", f"unix://{tmp_path}/mine.sock")
    (tmp_path / "docker" / "config.json").write_text('{"currentContext": "mine"}' if "config" in by else "{}")
    if by == "DOCKER_CONTEXT":
        monkeypatch.setenv("DOCKER_CONTEXT", "mine")
    fact, remedy = problem()
    assert fact == f"no Docker engine: {tmp_path}/mine.sock does not exist (docker context mine)"
    assert "docker context use default" in remedy


def test_an_absent_context(tmp_path):
    (tmp_path / "docker" / "config.json").write_text('{"currentContext": "gone"}')
    assert problem() == (
        "there is no docker context gone, which docker's config.json names",
        "docker context use default",
    )


def test_an_unreadable_context(tmp_path, monkeypatch):
    (context(tmp_path, "mine", "unix:///x") / "meta.json").write_text("{")
    (tmp_path / "docker" / "config.json").write_text("{}")
    monkeypatch.setenv("DOCKER_CONTEXT", "mine")
    assert problem()[0].startswith("the docker context mine (DOCKER_CONTEXT) cannot be read")


def test_absent_certificates(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:2376")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path / "absent"))
    assert problem()[0].startswith("DOCKER_TLS_VERIFY and DOCKER_CERT_PATH")
