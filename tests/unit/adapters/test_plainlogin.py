"""Kubeconfigs of files alone are read here; everything else is the official loader's."""

import base64
from pathlib import Path

import pytest
import yaml

from fogflow_k8s.adapters.kubeconfig import load
from fogflow_k8s.adapters.plainlogin import plain_login


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def written(folder, user, **cluster):
    """A kubeconfig with one context of that user and cluster."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "a",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1", **cluster}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}],
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(document))
    return path


def inline(text):
    return base64.b64encode(text.encode()).decode()


def test_inline_certificates_become_private_files(tmp_path):
    user = {"client-certificate-data": inline("cert"), "client-key-data": inline("key")}
    name, login = plain_login(written(tmp_path, user, **{"certificate-authority-data": inline("ca")}), "")
    assert (name, login.host, login.verify_ssl) == ("a", "https://127.0.0.1:1", True)
    files = [Path(f) for f in (login.ssl_ca_cert, login.cert_file, login.key_file)]
    assert [f.read_text() for f in files] == ["ca", "cert", "key"]
    assert {f.parent.stat().st_mode & 0o777 for f in files} == {0o700}


def test_files_are_relative_to_the_kubeconfig(tmp_path):
    (tmp_path / "ca.crt").write_text("ca")
    _, login = plain_login(written(tmp_path, {"token": "t"}, **{"certificate-authority": "ca.crt"}), "a")
    assert login.ssl_ca_cert == str(tmp_path / "ca.crt")
    assert login.api_key == {"BearerToken": "Bearer t"}


@pytest.mark.parametrize(
    "user",
    [
        {"exec": {"command": "aws", "apiVersion": "client.authentication.k8s.io/v1"}},
        {"username": "u", "password": "p"},
        {"tokenFile": "t"},
        {"client-key-data": "not base64"},
        {"client-certificate": "absent.crt"},
    ],
)
def test_what_needs_more_is_left_to_the_official_loader(tmp_path, user):
    assert plain_login(written(tmp_path, user), "") is None


def test_a_proxy_is_left_to_the_official_loader(tmp_path, monkeypatch):
    path = written(tmp_path, {"token": "t"})
    assert plain_login(path, "") is not None
    assert plain_login(written(tmp_path, {"token": "t"}, **{"proxy-url": "http://127.0.0.1:3128"}), "") is None
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    assert plain_login(written(tmp_path, {"token": "t"}), "") is None


def test_both_ways_agree(tmp_path, monkeypatch):
    """The same file, read here and (as one of two, which is not plain) by the official loader."""
    path = written(tmp_path, {"token": "t"}, **{"insecure-skip-tls-verify": True})
    plain = load(str(path))
    empty = tmp_path / "empty"
    empty.write_text("{apiVersion: v1, kind: Config, clusters: [], users: [], contexts: []}")
    monkeypatch.setenv("KUBECONFIG", f"{path}:{empty}")
    official = load()
    assert type(plain.configuration) is not type(official.configuration)
    assert (plain.context, plain.server) == (official.context, official.server)
    assert plain.configuration.verify_ssl == official.configuration.verify_ssl
