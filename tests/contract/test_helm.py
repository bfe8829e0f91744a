"""The Helm adapter against a script that records, fails, hangs and dies."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from fogflow_k8s.adapters.helm.client import Helm, Target, check_version
from fogflow_k8s.adapters.helm.errors import HelmConflict, ReleaseLocked, ReleaseNotFound
from fogflow_k8s.adapters.process import ChildTimeout, SystemRunner
from fogflow_k8s.errors import ClusterError, FogflowError, OperationFailed, ToolMissing

VERSION = 'if [ "$1" = version ]; then echo %s; exit; fi\n'


def helm(script, version="v4.3.1", **target):
    return lambda text: Helm(SystemRunner(), Target("fogflow", "city", **target), str(script(VERSION % version + text)))


def argv_of(tmp_path):
    words = (tmp_path / "argv").read_text().split("\n")[:-1]
    return words[3:] if words[0] == "version" else words


@pytest.mark.parametrize(
    ("version", "call", "expected"),
    [
        ("v4.3.1", lambda h, c: h.start_upgrade(c, {}, timeout_s=300, description="d"),
         "upgrade fogflow CHART --install --values - --output json --namespace city --kubeconfig k --kube-context x"
         " --reset-values --timeout 300s --description d --wait=hookOnly"),
        ("v4.3.1", lambda h, c: h.start_upgrade(c, {}, timeout_s=1, force_conflicts=True),
         "upgrade fogflow CHART --install --values - --output json --namespace city --kubeconfig k --kube-context x"
         " --reset-values --timeout 1s --wait=hookOnly --force-conflicts"),
        ("v4.3.1", lambda h, c: h.start_dry_run(c, {}),
         "upgrade fogflow CHART --install --values - --output json --namespace city --kubeconfig k --kube-context x"
         " --reset-values --dry-run=server --take-ownership"),
        ("v4.3.1", lambda h, c: h.start_upgrade(c, {}, timeout_s=1, take_ownership=True),
         "upgrade fogflow CHART --install --values - --output json --namespace city --kubeconfig k --kube-context x"
         " --reset-values --timeout 1s --take-ownership --wait=hookOnly --force-conflicts"),
        ("v3.19.0", lambda h, c: h.start_upgrade(c, {}, timeout_s=1, take_ownership=True),
         "upgrade fogflow CHART --install --values - --output json --namespace city --kubeconfig k --kube-context x"
         " --reset-values --timeout 1s --take-ownership"),
        ("v3.19.0", lambda h, c: h.start_upgrade(c, {}, timeout_s=300, force_conflicts=True),
         "upgrade fogflow CHART --install --values - --output json --namespace city --kubeconfig k --kube-context x --reset-values --timeout 300s"),
        ("v4.3.1", lambda h, _: h.start_rollback(2, timeout_s=60),
         "rollback fogflow 2 --timeout 60s --namespace city --kubeconfig k --kube-context x --wait=hookOnly"),
        ("v3.19.0", lambda h, _: h.start_rollback(2, timeout_s=60), "rollback fogflow 2 --timeout 60s --namespace city --kubeconfig k --kube-context x"),
        ("v4.3.1", lambda h, _: h.start_history(), "history fogflow --output json --max 1000000 --namespace city --kubeconfig k --kube-context x"),
        ("v4.3.1", lambda h, _: h.start_manifest(3), "get manifest fogflow --revision 3 --namespace city --kubeconfig k --kube-context x"),
        ("v4.3.1", lambda h, _: h.start_uninstall(timeout_s=60, hooks=False),
         "uninstall fogflow --timeout 60s --ignore-not-found --namespace city --kubeconfig k --kube-context x --no-hooks"),
        ("v4.3.1", lambda h, c: h.start_template(c, {}, upgrade=True, kube_version="v1.37.0"),
         "template fogflow CHART --namespace city --values - --is-upgrade --kube-version v1.37.0"),
        ("v4.3.1", lambda h, c: h.start_template(c, {}, hooks=False), "template fogflow CHART --namespace city --values - --no-hooks"),
    ],
)  # fmt: skip
def test_argv_of_every_verb_by_version(tmp_path, helm_script, version, call, expected):
    child = call(helm(helm_script, version, kubeconfig="k", context="x")("exit 0"), tmp_path / "CHART")
    child.wait(20)
    assert " ".join(argv_of(tmp_path)).replace(str(tmp_path / "CHART"), "CHART") == expected


def test_a_command_to_type_has_the_path_of_a_helm_that_is_not_in_the_path(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    helm = Helm(SystemRunner(), Target("fogflow", "city"), "/cache/helm")
    assert helm.typed == "/cache/helm"
    (tmp_path / "helm").write_text("#!/bin/sh\n")
    (tmp_path / "helm").chmod(0o755)
    assert helm.typed == "helm"


def test_values_travel_on_stdin_and_never_in_argv(tmp_path, helm_script):
    values = {"a": {"y": "yes", "n": "1e3", "secret": "hunter22"}}
    helm(helm_script)("exit 0").start_upgrade(tmp_path, values, timeout_s=9).wait(20)
    assert json.loads((tmp_path / "stdin").read_text()) == values
    assert "hunter22" not in (tmp_path / "argv").read_text()


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Error: release: not found", ReleaseNotFound),
        ("Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress", ReleaseLocked),
        ("Error: Kubernetes cluster unreachable: dial tcp: connection refused", ClusterError),
        ("Error: secrets is forbidden: User x cannot list resource secrets", ClusterError),
        ("Error: Apply failed with 1 conflict: conflict with kubectl using apps/v1: .spec.replicas", HelmConflict),
        ("Error: values don't meet the specifications of the schema(s)", FogflowError),
        ("Error: something new", OperationFailed),
    ],
)
def test_helms_words_become_typed_errors(helm_script, words, kind):
    with pytest.raises(kind) as caught:
        helm(helm_script)(f'echo "{words}" >&2; exit 1').manifest()
    assert type(caught.value) is kind


def test_no_release_is_an_empty_history(helm_script):
    assert helm(helm_script)('echo "Error: release: not found" >&2; exit 1').history() == []


def test_a_helm_that_dies_is_told_so(helm_script):
    with pytest.raises(OperationFailed, match="killed by signal 9"):
        helm(helm_script)("kill -9 $$").manifest()


def test_no_helm_at_all(tmp_path):
    with pytest.raises(ToolMissing, match="cannot run"):
        Helm(SystemRunner(), Target("a", "b"), str(tmp_path / "nothing")).history()


def test_a_helm_that_hangs_is_ended(helm_script):
    script = helm_script("sleep 60")
    with pytest.raises(ChildTimeout, match=r"did not finish within 0\.2 s"):
        SystemRunner().run([str(script), "get"], timeout_s=0.2)


@pytest.mark.parametrize("text", ["v3.18.4", "v4.2.1", "", "devel"])
def test_versions_that_cannot_be_used(text):
    with pytest.raises(ToolMissing):
        check_version(text)


def test_what_helm_says_instead_of_its_version_is_shown():
    with pytest.raises(ToolMissing, match="printed no version, only 'open /home/x: not a directory'"):
        check_version("", "level=WARN\nopen /home/x: not a directory\n")


@pytest.mark.parametrize(
    ("text", "expected"), [("v4.3.1", (4, 3, 1)), ("v4.3", (4, 3, 0)), ("v3.19.0+g3d8990f", (3, 19, 0))]
)
def test_versions_that_can(text, expected):
    assert check_version(text) == expected


def test_an_interrupted_child_is_told_once_and_waited_for(tmp_path, helm_script):
    script = helm_script(f"trap 'echo int >> {tmp_path}/got; sleep 0.3; exit 3' INT; while :; do sleep 0.05; done")
    child = SystemRunner().start([str(script), "upgrade"])
    _until((tmp_path / "argv").exists)
    time.sleep(0.3)
    assert child.stop().code == 3
    assert (tmp_path / "got").read_text() == "int\n"


def test_a_child_dies_with_its_parent(tmp_path, helm_script):
    script = helm_script(f"echo $$ > {tmp_path}/pid; while :; do sleep 0.05; done")
    code = textwrap.dedent(f"""
        import time
        from fogflow_k8s.adapters.process import SystemRunner
        SystemRunner().start([{str(script)!r}, "upgrade"])
        time.sleep(60)
    """)
    parent = subprocess.Popen([sys.executable, "-c", code])
    _until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
    pid = int((tmp_path / "pid").read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    _until(lambda: not _alive(pid))


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
        return stat.read().rsplit(")", 1)[1].split()[0] != "Z"


def _until(check, seconds=20):
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def test_what_was_begun_is_handed_out_once(tmp_path, helm_script):
    known = Helm(
        SystemRunner(),
        Target("a", "b"),
        str(helm_script('[ "$1" = history ] && echo "[]" || echo text')),
        version="v4.3.1",
    )
    known.prefetch()
    assert (known.version, known.history(), known.manifest()) == ((4, 3, 1), [], "text\n")
    assert known.manifest() == "text\n"
    verbs = [w for w in (tmp_path / "argv").read_text().split("\n") if w in {"history", "manifest", "version"}]
    assert sorted(verbs) == ["history", "manifest", "manifest"]


def test_what_was_begun_and_not_wanted_is_ended(helm_script):
    begun = Helm(SystemRunner(), Target("a", "b"), str(helm_script("sleep 600")), version="v4.3.1")
    begun.prefetch()
    children = list(begun._prefetched.values())
    begun.discard_prefetched()
    assert [child.poll().code for child in children] == [-signal.SIGKILL] * 2
