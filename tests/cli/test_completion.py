"""Shell completion, called as bash, zsh and fish call it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fogflow_k8s.commands import complete

BUDGET_S = 20


def offered(line, shell="bash", **env):
    """The completions of an incomplete line."""
    words = shlex.split(line)
    count = len(words) - (0 if line.endswith(" ") else 1)
    asked = {
        "bash": {"COMP_WORDS": line, "COMP_CWORD": str(count)},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    done = subprocess.run(
        [sys.executable, "-c", "from fogflow_k8s.cli import main; main()"],
        env={**os.environ, "_FOGFLOW_K8S_COMPLETE": f"complete_{shell}", **asked, **env},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == "", "it would be printed into the line that the user is typing"
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("fogflow-k8s stat", "status"),
        ("fogflow-k8s logs mas", "master"),
        ("fogflow-k8s restart rabb", "rabbitmq"),
        ("fogflow-k8s explain FK-70", "FK-7003"),
        ("fogflow-k8s deploy --preset single", "single-node"),
        ("fogflow-k8s config explain expose.ing", "expose.ingress.host"),
    ],
)
def test_verbs_components_ids_words_and_keys(shell, line, expected):
    assert expected in offered(line, shell)


def test_contexts_of_the_kubeconfig(tmp_path):
    path = tmp_path / "config"
    path.write_text(json.dumps({"contexts": [{"name": "kind-city"}, {"name": "prod"}]}))
    assert offered("fogflow-k8s --context ki", KUBECONFIG=str(path)).split() == ["kind-city"]


@pytest.mark.parametrize(
    "line", ["fogflow-k8s --context x", "fogflow-k8s -n x", "fogflow-k8s rollback 1", "fogflow-k8s task stop r"]
)
def test_what_cannot_be_asked_is_not_offered_and_nothing_is_said(line, tmp_path):
    assert offered(line, KUBECONFIG=str(tmp_path / "absent"), HOME=str(tmp_path)).strip() == ""


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("fogflow-k8s rollback -n city ", "city"),
        ("fogflow-k8s -n city rollback ", "city"),
        ("fogflow-k8s --namespace=city rollback ", "city"),
        ("fogflow-k8s rollback ", ""),
        ("fogflow-k8s rollback 'open", ""),
    ],
)
def test_global_options_are_found_wherever_they_stand(monkeypatch, line, value):
    monkeypatch.setenv("COMP_WORDS", line)
    assert complete.option_value("-n", "--namespace") == value


PROGRAM = Path(sys.executable).with_name("fogflow-k8s")


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_the_script_for_bash_works_in_bash():
    """As with `fogflow-k8s --show-completion bash` in a start-up file of the shell."""
    text = """
      eval "$("$1" --show-completion bash)"
      COMP_WORDS=(fogflow-k8s hist); COMP_CWORD=1
      _fogflow_k8s_completion "$1"
      printf '%s\\n' "${COMPREPLY[@]}"
    """
    argv = ["bash", "-c", text, "bash", PROGRAM]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["history"], done.stderr
