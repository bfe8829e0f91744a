"""`render`: the files can be applied by kubectl and are reproducible, and commands are printed for everything that must exist before."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

import tests.tool
from fogflow_k8s.actions.release import render as action
from fogflow_k8s.actions.release.render import OLDEST, supported
from fogflow_k8s.adapters.helm.client import Helm, Target
from fogflow_k8s.adapters.process import SystemRunner
from fogflow_k8s.commands.render import version_for
from fogflow_k8s.commands.session import Session
from fogflow_k8s.errors import UsageError
from fogflow_k8s.model import manifests
from fogflow_k8s.model.settings.values import Values
from tests.cli import apiserver

BUDGET_S = 50
ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/fogflow-chart"
SETTINGS = {  # and the Secrets that these need, with a key each; "" for one to pull images with
    "defaults": ({}, {"fogflow-rabbitmq": "password"}),
    "a password": ({"rabbitmq": {"auth": {"password": "correct-horse-battery"}}}, {"fogflow-rabbitmq": "password"}),
    "a Secret": ({"rabbitmq": {"auth": {"existingSecret": "mine"}}}, {"mine": "password"}),
    "others' RabbitMQ": (
        {"rabbitmq": {"external": {"host": "mq.example"}, "auth": {"existingSecret": "mine"}}},
        {"mine": "password"},
    ),
    "everything": (
        {
            "worker": {"implementation": "native", "nativeImage": {"registry": "localhost"}, "replicas": 2},
            "designer": {"persistence": {"enabled": True}},
            "expose": {"basicAuth": {"existingSecret": "login"}},
            "global": {"imagePullSecrets": ["registry"]},
        },
        {"fogflow-rabbitmq": "password", "login": "htpasswd", "registry": ""},
    ),
}


@pytest.fixture
def render(tmp_path, helm):
    """Renders values to a folder."""
    ours = Helm(SystemRunner(), Target("fogflow", "fogflow"), helm)

    def run(folder, values, *, kube_version=OLDEST, **more):
        wanted = Values.model_validate(values)
        return action.render(ours, CHART, wanted, tmp_path / folder, kube_version=kube_version, **more)

    return run


@pytest.fixture
def tool(tmp_path, helm):
    """Runs the verb, without a cluster; returns its stderr."""

    def run(values, *words):
        path = tmp_path / "given.yaml"
        path.write_text(yaml.safe_dump(values))
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HELM": helm, "KUBECONFIG": str(tmp_path / "none")}
        done = tests.tool.run(["render", "-o", "out", "--values", path, *words], env=env, cwd=tmp_path)
        assert (done.returncode, len(done.stdout.splitlines())) == (0, 4), done.stderr
        return done.stderr

    return run


def objects(folder):
    return manifests.every((folder / "manifests.yaml").read_text())


def hooks(folder):
    marks = [o["metadata"].get("annotations") or {} for o in objects(folder)]
    return sorted({each["helm.sh/hook"] for each in marks if "helm.sh/hook" in each})


@pytest.mark.parametrize(("values", "secrets"), SETTINGS.values(), ids=SETTINGS)
def test_no_hook_no_password_the_same_bytes_and_a_command_for_every_secret(render, tmp_path, values, secrets):
    before = {folder: render(folder, values).before for folder in ("one", "two")}
    made = {folder: {p.name: p.read_bytes() for p in (tmp_path / folder).iterdir()} for folder in ("one", "two")}
    assert (made["one"], before["one"]) == (made["two"], before["two"])
    assert hooks(tmp_path / "one") == []
    assert not [o for o in objects(tmp_path / "one") if o["kind"] in {"Job", "Pod"}]
    assert not [o for o in objects(tmp_path / "one") if o["kind"] == "Secret" and o.get("data")]
    assert b"correct-horse" not in b"".join(made["one"].values())
    namespace, *commands = before["one"]
    assert namespace == "kubectl create namespace fogflow"
    created = {re.search(r"create secret (?:generic|docker-registry) (\S+)", each)[1]: each for each in commands}
    assert set(created) == set(secrets)
    for name, key in secrets.items():
        assert (f" generic {name} --from-file={key}=" if key else f" docker-registry {name} ") in created[name]


def test_hooks_for_another_kubernetes_are_written_when_they_are_asked_for(tool, tmp_path):
    stderr = tool({}, "--include-hooks", "--kube-version", "v1.37.0")
    assert hooks(tmp_path / "out") == ["pre-delete", "test"]
    assert "MutatingAdmissionPolicy" in {o["kind"] for o in objects(tmp_path / "out")}
    assert "rendered for" not in stderr


def test_without_a_cluster_it_is_for_the_oldest_kubernetes_and_what_is_missing_is_printed(tool, tmp_path):
    stderr = tool({})
    assert (
        f"rendered for Kubernetes {OLDEST}, the oldest that the chart supports: the cluster's version is not known"
        in stderr
    )
    assert "before kubectl apply -f out/manifests.yaml" in stderr
    (line,) = [each for each in stderr.splitlines() if "create secret" in each]
    kubectl = tmp_path / "kubectl"
    kubectl.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\" > argv\ncat > password\n")
    kubectl.chmod(0o755)
    subprocess.run(line, shell=True, check=True, cwd=tmp_path, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert re.fullmatch(r"[A-Za-z0-9+/]{32}", (tmp_path / "password").read_text()), "no line end becomes a part of it"
    assert (tmp_path / "argv").read_text().split() == shlex.split(line.partition("| kubectl ")[2])


def test_a_given_password_is_not_replaced_by_a_random_one(tool):
    stderr = tool(SETTINGS["a password"][0])
    assert "kubectl -n fogflow create secret generic fogflow-rabbitmq --from-file=password=FILE" in stderr
    assert "in none of these files" in stderr
    assert "urandom" not in stderr


def test_the_oldest_kubernetes_is_the_charts():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["kubeVersion"].startswith(f">={OLDEST.removeprefix('v')}")


@pytest.mark.parametrize(
    ("answers", "version", "reason"),
    [
        ("v1.37.2", "v1.37.2", "the version of the cluster of context fake"),
        ("v1.36.1+k3s1", "v1.36.1+k3s1", "the version of the cluster"),
        ("v1.35.4-gke.1200", "v1.35.4-gke.1200", "the version of the cluster"),
        ("v1.29.9", OLDEST, "the oldest that the chart supports: the cluster of context fake reports v1.29.9"),
        ("", OLDEST, "the oldest that the chart supports: the cluster of context fake reports no version"),
        (403, OLDEST, "the oldest that the chart supports: the cluster's version is not known"),
    ],
)
def test_with_a_cluster_it_is_for_its_version_where_the_chart_supports_it(tmp_path, answers, version, reason):
    with apiserver.serving({"/version": {"gitVersion": answers}} if isinstance(answers, str) else {}) as server:
        server.fail = answers if isinstance(answers, int) else 0
        found, why = version_for(Session(kubeconfig=str(server.kubeconfig(tmp_path))))
    assert (found, why[: len(reason)]) == (version, reason)


BROKEN = "{"
ELSEWHERE = "apiVersion: v1\ncurrent-context: other\n"


@pytest.mark.parametrize(
    ("given", "text", "message"),
    [
        ({"context": "typo"}, None, "context typo is not in"),
        ({"context": "typo"}, "", "context typo is not in"),
        ({"kubeconfig": "typo"}, "", "kubeconfig typo does not exist"),
        ({}, ELSEWHERE, "current context other is not in"),
        ({}, BROKEN, "is not a kubeconfig"),
    ],
)
def test_a_cluster_that_is_named_and_not_there_is_an_error_as_for_every_verb(
    tmp_path, monkeypatch, given, text, message
):
    path = tmp_path / "config"
    if text is not None:
        path.write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(path))
    errors = []
    for ask in (version_for, Session.operation):
        with pytest.raises(UsageError, match=message) as error:
            ask(Session(**given))
        errors.append((error.value.message, error.value.hint, error.value.exit_code))
    assert errors[0] == errors[1]


def test_nothing_is_written_for_a_context_that_is_not_there(tmp_path, helm):
    env = {**os.environ, "KUBECONFIG": str(tmp_path / "none"), "HOME": str(tmp_path), "HELM": helm}
    done = tests.tool.run(["--context", "typo", "render", "-o", "out"], env=env, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "context typo is not in" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_cluster_that_does_not_answer_leaves_the_oldest_version(tmp_path):
    with apiserver.serving() as server:
        config = server.kubeconfig(tmp_path)
    found, why = version_for(Session(kubeconfig=str(config), context="fake"))
    assert (found, "the cluster's version is not known" in why) == (OLDEST, True)


@pytest.mark.parametrize("version", ["v1.36.1+k3s1", "v1.35.4-gke.1200", "1.31", "v1.34.0-rc.1"])
def test_helm_takes_every_version_that_we_do(render, version):
    assert supported(version)
    render("out", {}, kube_version=version)


@pytest.mark.parametrize("version", ["1.29", "v1", "new", "1.30.x", "v1.37.0-", "-1.37", ""])
def test_a_version_that_cannot_be_is_refused_with_what_is_allowed(render, tmp_path, version):
    with pytest.raises(UsageError, match=f"--kube-version {version}: the chart needs Kubernetes {OLDEST} or newer"):
        render("out", {}, kube_version=version)
    assert not (tmp_path / "out").exists()
