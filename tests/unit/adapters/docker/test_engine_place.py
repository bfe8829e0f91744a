"""Why the Docker engine cannot be used: each reason with its own mend. The engine itself is met in tests/engine."""

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
def place(tmp_path, monkeypatch):
    """A machine with no engine, no rootless one and no docker program's settings."""
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


def told():
    engine = docker_engine.engine()
    assert not engine.usable
    return engine.fact, engine.mend


@pytest.mark.parametrize(
    ("installed", "says", "mend"), [(None, "is there", "install"), ("/usr/sbin/dockerd", "runs", "systemctl start")]
)
def test_no_socket(place, monkeypatch, installed, says, mend):
    monkeypatch.setattr(docker_engine.shutil, "which", lambda *_, **__: installed)
    fact, advice = told()
    assert fact == f"no Docker engine {says}: {place} does not exist"
    assert mend in advice


def test_only_a_rootless_engine(tmp_path):
    with listener(tmp_path / "docker.sock"):
        fact, mend = told()
    assert fact == "only a rootless Docker runs, and docker's context is another"
    assert f"export DOCKER_HOST=unix://{tmp_path}/docker.sock" in mend


def test_a_socket_nobody_listens_on(place):
    listener(place).close()
    assert told() == (f"the Docker engine at {place} is down", "start it: sudo systemctl start docker")


def test_a_file_that_is_no_socket(place):
    place.touch()
    assert told()[0] == f"{place} is no socket"


def test_an_engine_that_hangs(place):
    with listener(place):
        fact, mend = told()
    assert fact.endswith("gave no answer within 0.5 s")
    assert "restart" in mend


def as_nobody(action):
    """What `action` returns in a process of user nobody: root may use every socket."""
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
    ("group", "members", "mend"),
    [
        ("docker", [], "sudo usermod -aG docker nobody"),
        ("docker", ["nobody"], "log in again, or: newgrp docker"),
        ("root", [], "groupadd -f docker"),
    ],
)
def test_a_socket_that_this_user_may_not_use(place, monkeypatch, group, members, mend):
    for folder in (place.parent, *place.parent.parents[:3]):
        folder.chmod(0o755)
    monkeypatch.setattr(grp, "getgrgid", lambda _: SimpleNamespace(gr_name=group, gr_mem=members))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name="nobody"))
    with listener(place):
        place.chmod(0)
        fact, advice = as_nobody(told)
    assert fact == f"this user may not use {place}"
    assert mend in advice


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("tcp://127.0.0.1:9", "is down"),
        ("telepathy://x", "is no address of a Docker engine"),
        ("unix:///absent", "does not exist (DOCKER_HOST)"),
    ],
)
def test_docker_host(monkeypatch, host, says):
    monkeypatch.setenv("DOCKER_HOST", host)
    fact, mend = told()
    assert says in fact
    assert mend


def context(tmp_path, name, host):
    home = tmp_path / "docker" / "contexts" / "meta" / get_context_id(name)
    home.mkdir(parents=True)
    endpoints = {"docker": {"Host": host, "SkipTLSVerify": True}}
    (home / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": endpoints}))
    return home


@pytest.mark.parametrize("by", ["DOCKER_CONTEXT", "docker's config.json"])
def test_the_current_context_is_where_the_engine_is(tmp_path, monkeypatch, by):
    context(tmp_path, "mine", f"unix://{tmp_path}/mine.sock")
    (tmp_path / "docker" / "config.json").write_text('{"currentContext": "mine"}' if "config" in by else "{}")
    if by == "DOCKER_CONTEXT":
        monkeypatch.setenv("DOCKER_CONTEXT", "mine")
    fact, mend = told()
    assert fact == f"no Docker engine: {tmp_path}/mine.sock does not exist (docker context mine)"
    assert "docker context use default" in mend


def test_a_context_that_is_not_there(tmp_path):
    (tmp_path / "docker" / "config.json").write_text('{"currentContext": "gone"}')
    assert told() == ("there is no docker context gone, which docker's config.json names", "docker context use default")


def test_a_context_that_cannot_be_read(tmp_path, monkeypatch):
    (context(tmp_path, "mine", "unix:///x") / "meta.json").write_text("{")
    (tmp_path / "docker" / "config.json").write_text("{}")
    monkeypatch.setenv("DOCKER_CONTEXT", "mine")
    assert told()[0].startswith("the docker context mine (DOCKER_CONTEXT) cannot be read")


def test_certificates_that_are_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:2376")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path / "absent"))
    assert told()[0].startswith("DOCKER_TLS_VERIFY and DOCKER_CERT_PATH")
