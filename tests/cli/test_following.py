"""Commands that read and follow: without helm, while the API server is unavailable, and when kubectl ends."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl
from fogflow_k8s.adapters.kubernetes.port_forward import ForwardFailed
from fogflow_k8s.commands import dashboard
from tests import tool
from tests.cli.apiserver import NGINX, revision, serving, stored
from tests.documents import parse

BUDGET_S = 60
NAMESPACE = "/api/v1/namespaces/fogflow"
CUT = "error: lost connection to pod"


@pytest.fixture
def server():
    with serving() as made:
        made.objects |= stored(revision(1, "superseded"), revision(2))
        yield made


@pytest.fixture
def command(tmp_path, server):
    """The argv and the environment of the tool, on a machine without helm, and with a kubectl of these lines of shell."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sleep", "cat", "sh"):
        (programs / name).symlink_to(shutil.which(name))

    def make(*words, kubectl="exit 9"):
        script = programs / "kubectl"
        script.write_text(f"#!/bin/sh\n{kubectl}\n")
        script.chmod(0o755)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("FOGFLOW_K8S_", "HELM", "KUBE", "XDG_"))}
        env = {
            **kept,
            "PATH": str(programs),
            "HOME": str(tmp_path),
            "NO_COLOR": "1",
            "FOGFLOW_K8S_STATE": str(tmp_path / "s"),
        }
        env |= {"KUBECONFIG": str(server.kubeconfig(tmp_path)), "FOGFLOW_K8S_CACHE": str(tmp_path / "cache")}
        return {"args": [sys.executable, "-m", "fogflow_k8s", *words], "env": env, "cwd": tmp_path}

    return make


def run(made):
    return tool.run(made["args"][3:], env=made["env"], cwd=made["cwd"])


@contextmanager
def following(made):
    process = subprocess.Popen(
        **made, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("words", [["status"], ["history"], ["doctor"]], ids=" ".join)
def test_verbs_that_read_need_no_helm(command, words):
    done = run(command(*words, "-o", "json"))
    assert done.returncode in {0, 30, 40}, done.stderr
    assert "helm" not in done.stderr
    assert parse(done.stdout)["kind"] == words[0].capitalize()


def test_the_status_without_helm_is_that_of_the_newest_revision_with_its_address(command, server):
    live = {**NGINX, "status": {"loadBalancer": {"ingress": [{"hostname": "lb.example.org"}]}}}
    server.objects[f"{NAMESPACE}/services/nginx"] = live
    found = parse(run(command("status", "-o", "json")).stdout)
    assert (found["release"]["revision"], found["release"]["status"], found["release"]["chart"]) == (
        2,
        "deployed",
        "fogflow-chart-1.0.0",
    )
    assert found["urls"] == ["http://lb.example.org/index.html"]
    assert "Open     http://lb.example.org/index.html" in run(command("status")).stdout


@pytest.mark.parametrize(
    "words", [["rollback", "--yes"], ["uninstall", "--yes"], ["doctor", "--fix", "--yes"]], ids=" ".join
)
def test_a_verb_that_needs_helm_says_so(command, words):
    done = run(command(*words))
    assert (done.returncode, done.stdout) == (10, "")
    assert "helm is not on PATH" in done.stderr


def test_each_line_of_jsonl_is_a_document(command):
    lines = run(command("status", "-o", "jsonl")).stdout.splitlines()
    assert [parse(line)["type"] for line in lines] == ["result"]
    assert parse(lines[0])["document"]["release"]["revision"] == 2


@pytest.mark.parametrize(
    ("words", "code"),
    [(["status", "--release", "none"], 41), (["status", "--unknown"], 2), (["status", "--watch", "-n"], 2), (["status", "--timeout", "x"], 2)],
    ids=str,
)  # fmt: skip
def test_an_error_is_a_line_of_jsonl_too(command, words, code):
    done = run(command(words[0], "-o", "jsonl", *words[1:]))
    (line,) = done.stdout.splitlines()
    assert (done.returncode, parse(line)["document"]["exitCode"]) == (code, code)


def test_a_watch_goes_on_through_errors_and_ends_with_a_refusal(command, server):
    with following(command("status", "--watch", "-o", "jsonl")) as process:
        line = lambda: parse(process.stdout.readline())  # noqa: E731
        assert line()["document"]["release"]["revision"] == 2
        server.fail = 503
        while (away := line())["type"] == "result":
            pass
        assert away["type"] == "warning"
        assert "the API server has not answered since " in away["text"]
        server.fail = 0
        back = line()
        assert (back["type"], back["text"][:32]) == ("step", "the API server answers again, af")
        assert line()["type"] == "result"
        server.fail = 403
        while (last := line()["document"])["kind"] != "Error":
            pass
        assert process.wait(60) == 11
        assert last["exitCode"] == 11
        assert process.stdout.read() == ""


def test_a_watch_in_a_table_says_on_stderr_that_nothing_answers_and_ends_with_ctrl_c(command, server):
    server.fail = 500
    with following(command("status", "--watch")) as process:
        assert "the API server has not answered since" in process.stderr.readline()
        server.fail = 0
        assert "answers again" in process.stderr.readline()
        assert process.stdout.readline().startswith("Cluster  fake")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130


@pytest.mark.parametrize("status", [0, 1, 5])
def test_logs_end_as_kubectl_does_and_its_words_go_to_stderr(command, status):
    done = run(
        command("logs", "nginx", kubectl=f"echo '[pod/nginx-1/nginx] a line'; echo no such pod >&2; exit {status}")
    )
    assert (done.returncode, done.stdout, done.stderr) == (status, "[pod/nginx-1/nginx] a line\n", "no such pod\n")


def test_logs_without_a_line_tell_a_release_that_does_not_exist(command):
    silent = "echo 'No resources found in fogflow namespace.' >&2"
    there = run(command("logs", kubectl=silent))
    assert (there.returncode, there.stdout) == (0, "")
    done = run(command("--release", "nothere", "logs", kubectl=silent))
    assert (done.returncode, done.stdout) == (41, "")
    assert "there is no release nothere in namespace fogflow" in done.stderr


@pytest.mark.parametrize("status", [1, 7])
def test_a_dashboard_that_cannot_begin_ends_as_kubectl_does(command, status):
    done = run(
        command("dashboard", "--no-browser", kubectl=f"echo 'error: services \"nginx\" not found' >&2; exit {status}")
    )
    assert (done.returncode, done.stdout) == (status, "")
    assert 'services "nginx" not found' in done.stderr


def test_a_dashboard_whose_pod_goes_is_forwarded_again_at_the_same_port(command, tmp_path):
    kubectl = f"""echo "$@" >> {tmp_path}/asked
echo 'Forwarding from 127.0.0.1:4321 -> 80'
[ -e {tmp_path}/second ] && exec sleep 600
: > {tmp_path}/second
echo '{CUT}' >&2
exit 1"""
    with following(command("dashboard", "--no-browser", "--port", "0", kubectl=kubectl)) as process:
        assert process.stdout.readline() == "http://127.0.0.1:4321/index.html\n"
        lines = [process.stderr.readline() for _ in range(4)]
        assert lines[0] == "forwarded until Ctrl-C\n"
        assert CUT in lines[1]
        assert "forwarding again" in lines[2]
        assert lines[3] == "forwarded again\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    asked = (tmp_path / "asked").read_text().splitlines()
    assert [line.partition("service/nginx ")[2].split()[0] for line in asked] == [":80", "4321:80"]


@pytest.mark.parametrize("status", [1, 7])
def test_a_dashboard_that_is_lost_again_and_again_ends_with_kubectls_status(tmp_path, monkeypatch, status):
    monkeypatch.setattr(dashboard, "PAUSES_S", (0.0, 0.0))
    script = tmp_path / "kubectl"
    script.write_text(f"#!/bin/sh\necho 'Forwarding from 127.0.0.1:4321 -> 80'; echo '{CUT}' >&2; exit {status}\n")
    script.chmod(0o755)
    started = []
    with pytest.raises(ForwardFailed, match="the connection to service/nginx is lost") as lost:
        dashboard.keep_forwarding(Kubectl(str(script), "city"), 8080, started.append)
    assert (lost.value.exit_code, started) == (status, [4321])
