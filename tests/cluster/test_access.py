"""Clusters that cannot be reached, do not know us, or forbid it."""

import json
import subprocess

import pytest

from tests.scope import sampled

pytestmark = pytest.mark.cluster
BUDGET_S = 180


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
    assert "does not accept the credentials" in site.stderr


@pytest.mark.long
def test_a_user_without_rights_gets_a_role_that_is_enough(site):
    """For the whole life of a release, as a user who has that Role and nothing else."""
    site.make_namespace()
    site.kubectl("create", "serviceaccount", "nobody")
    nobody = kubeconfig(site, user={"token": site.kubectl("create", "token", "nobody").strip()})
    error = site.json("deploy", "--external-ip", "192.0.2.10", env=nobody, code=11)["error"]
    who = f"system:serviceaccount:{site.namespace}:nobody"
    assert f"{who} does not have the permissions that a deploy needs" in error["message"]
    assert f"create configmaps in namespace {site.namespace}" in error["message"]
    assert error["manifest"] in site.stderr, "to be pasted"
    site.apply(error["manifest"])

    assert site.deploy(env=nobody)["result"] == "installed"
    assert site.deploy(env=nobody)["result"] == "unchanged"
    assert site.deploy("--set", "replicaCount=3", env=nobody)["result"] == "upgraded"
    assert site.json("status", env=nobody)["state"] == "unverified"
    assert site.json("rollback", "--yes", env=nobody)["result"] == "rolled-back"
    site.run("restart", "discovery", "--yes", env=nobody)
    site.run("uninstall", "--yes", "--delete-data", env=nobody)
    assert site.kubectl("get", "deployments", "-o", "name") == ""


def test_one_right_that_is_missing_is_named(site):
    site.make_namespace()
    site.kubectl("create", "serviceaccount", "nobody")
    nobody = kubeconfig(site, user={"token": site.kubectl("create", "token", "nobody").strip()})
    manifest = site.json("deploy", "--external-ip", "192.0.2.10", env=nobody, code=11)["error"]["manifest"]
    lacking = manifest.replace("networkpolicies", "nothings")
    assert lacking != manifest
    site.apply(lacking)
    message = site.json("deploy", "--external-ip", "192.0.2.10", env=nobody, code=11)["error"]["message"]
    lines = [line.strip() for line in message.splitlines()[1:]]
    verbs = ("create", "delete", "get", "patch")
    assert lines == [
        f"{verb} networkpolicies.networking.k8s.io in namespace {namespace}"
        for namespace in (site.namespace, f"{site.namespace}-tasks") for verb in verbs
    ]  # fmt: skip
    assert site.kubectl("get", "deployments", "-o", "name") == "", "nothing was begun"


def test_no_helm(site):
    site.run("deploy", "--external-ip", "192.0.2.10", env={"HELM": "/nonexistent/helm"}, code=10)
    assert "cannot run" in site.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    sampled(
        [("exit 137", "exit code 137"), ("kill -9 $$", "killed by signal 9")],
        gate=[("kill -9 $$", "killed by signal 9")],
    ),
)
def test_a_helm_that_dies(site, text, words):
    path = site.state / "helm"
    path.write_text(f'#!/bin/bash\n[ "$1" = version ] && echo v4.3.1 && exit\n{text}\n')
    path.chmod(0o755)
    site.run("deploy", "--external-ip", "192.0.2.10", env={"HELM": str(path)}, code=21)
    assert words in site.stderr
