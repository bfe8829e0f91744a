"""Clusters that cannot be reached, do not know us, or forbid it."""

import json
import subprocess

import pytest

pytestmark = pytest.mark.cluster


def kubeconfig(site, **change):
    text = subprocess.run(
        [site.kubectl_path, "config", "view", "--raw", "--minify", "-o", "json"],
        env=site.env,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    config = json.loads(text)
    config["clusters"][0]["cluster"].update(change.get("cluster", {}))
    if "user" in change:
        config["users"][0]["user"] = change["user"]
    path = site.state / "changed.kubeconfig"
    path.write_text(json.dumps(config))
    path.chmod(0o600)
    return {"KUBECONFIG": str(path)}


@pytest.mark.parametrize(
    "verb",
    [["status"], ["deploy", "--external-ip", "192.0.2.10"], ["history"], ["uninstall", "--yes"], ["rollback", "--yes"]],
)
def test_unreachable(site, verb):
    site.run(*verb, env=kubeconfig(site, cluster={"server": "https://127.0.0.1:1"}), code=11)
    assert "Next:" in site.stderr


def test_credentials_that_expired(site):
    site.run("deploy", "--external-ip", "192.0.2.10", env=kubeconfig(site, user={"token": "expired"}), code=11)
    assert "does not accept our credentials" in site.stderr


def test_a_user_without_rights(site):
    site.make_namespace()
    site.kubectl("create", "serviceaccount", "nobody")
    token = site.kubectl("create", "token", "nobody").strip()
    site.run("deploy", "--external-ip", "192.0.2.10", env=kubeconfig(site, user={"token": token}), code=11)
    assert "cannot" in site.stderr
    assert "Next:" in site.stderr


def test_no_helm(site):
    site.run("deploy", "--external-ip", "192.0.2.10", env={"HELM": "/nonexistent/helm"}, code=10)
    assert "cannot run" in site.stderr


@pytest.mark.parametrize(("text", "words"), [("exit 137", "exit code 137"), ("kill -9 $$", "killed by signal 9")])
def test_a_helm_that_dies(site, text, words):
    path = site.state / "helm"
    path.write_text(f'#!/bin/bash\n[ "$1" = version ] && echo v4.3.1 && exit\n{text}\n')
    path.chmod(0o755)
    site.run("deploy", "--external-ip", "192.0.2.10", env={"HELM": str(path)}, code=21)
    assert words in site.stderr
