"""A run of the tool as a child of the process that has imported it is what a run of the program is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import tool
from tests.waiting import until

BUDGET_S = 20


@pytest.fixture
def env(tmp_path):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FOGFLOW_K8S_", "HELM", "KUBE"))}
    return {**kept, "HOME": str(tmp_path), "HELM": "/nonexistent", "COLUMNS": "80"}


@pytest.mark.parametrize(
    "words",
    [
        ["--version"],
        [],
        ["--help"],
        ["stats"],
        ["status"],
        ["config", "validate", "--set", "replicaCount=-1"],
        ["config", "explain", "expose.type", "--set", "expose.type=nodePort"],
        ["render", "-o", "out"],
    ],
    ids=" ".join,
)
def test_it_says_and_ends_as_the_program_does(words, env, tmp_path):
    argv = [sys.executable, "-m", "fogflow_k8s", *words]
    program = subprocess.run(
        argv, env=env, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    child = tool.run(words, env=env, cwd=tmp_path)
    assert (child.returncode, child.stdout, child.stderr) == (program.returncode, program.stdout, program.stderr)


def test_each_run_has_an_environment_and_a_folder_of_its_own(env, tmp_path):
    (tmp_path / "fogflow.yaml").write_text("replicaCount: 0\n")
    words = ["config", "validate", "--values", "fogflow.yaml"]
    assert "fogflow.yaml" in tool.run(words, env={**env, "FOGFLOW_K8S_CONTEXT": "a"}, cwd=tmp_path).stderr
    elsewhere = tool.run(words, env=env, cwd="/")
    assert (elsewhere.returncode, "does not exist" in elsewhere.stderr) == (2, True), elsewhere.stderr


def test_what_takes_too_long_is_killed_with_its_children(env, tmp_path):
    helm = tmp_path / "helm"
    helm.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    helm.chmod(0o755)
    with pytest.raises(subprocess.TimeoutExpired):
        tool.run(["render", "-o", "out"], env={**env, "HELM": str(helm)}, cwd=tmp_path, timeout=8)
    assert (tmp_path / "pid").exists(), "helm has begun"
    pid = (tmp_path / "pid").read_text().split()[0]
    until(lambda: not words_of(pid), "helm was killed, and ends a moment later")


def words_of(pid):
    """The command line of a process; "" once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
