"""Command lines as people type them: usage errors, bad files, and JSON that is nothing but JSON."""

import os
import subprocess
import sys

import pytest

from fogflow_k8s.model.diagnosis.catalogue import ENTRIES
from tests.documents import parse

BUDGET_S = 10


def tool(*words, code=0, cwd=None, **env):
    done = subprocess.run(
        [sys.executable, "-m", "fogflow_k8s", *map(str, words)],
        env={**os.environ, "NO_COLOR": "1", **env},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.mark.parametrize(
    "verb",
    [
        "bundle",
        "deploy",
        "diff",
        "status",
        "rollback",
        "history",
        "uninstall",
        "render",
        "version",
        "config",
        "images",
        "sandbox",
        "task",
    ],
)
def test_each_verb_explains_itself(verb):
    assert "Usage: fogflow-k8s" in tool(verb, "--help").stdout


@pytest.mark.parametrize(
    "words",
    [
        ["deploy", "--nonsense"],
        ["status", "-o", "yaml"],
        ["frobnicate"],
        ["deploy", "--external-ip", "192.0.2.10", "--expose", "none"],
        ["deploy", "--expose", "telepathy"],
        ["deploy", "--config", "absent.json"],
        ["config", "explain", "expose.tipe"],
    ],
)
def test_usage_errors_exit_2_and_say_what_to_do(words, tmp_path):
    assert tool(*words, code=2, cwd=tmp_path).stderr


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("config.json", "", "empty"),
        ("config.json", '{"site_id": ', "config.json:1"),
        ("config.json", '{\n "site_idd": "001"\n}', "site_id"),
        ("config.json", '{\n "worker": {"capacity": "many"}\n}', "config.json:2"),
        ("values.yaml", "", "empty"),
        ("values.yaml", "a: [", "values.yaml:1"),
        ("values.yaml", "expose:\n  tipe: none\n", "type"),
        ("values.yaml", "- a list\n", "mapping"),
    ],
)
def test_bad_files_are_told_with_place_and_remedy(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    flag = "--config" if name.endswith("json") else "--values"
    assert words in tool("config", "validate", flag, name, code=2, cwd=tmp_path).stderr


def test_an_error_is_one_json_document_on_stdout(tmp_path):
    done = tool("status", "-o", "json", code=11, KUBECONFIG=str(tmp_path / "absent"), HELM=sys.executable)
    document = parse(done.stdout)
    assert (document["kind"], document["exitCode"]) == ("Error", 11)
    assert document["error"]["remedy"]


def test_explain_names_allowed_values_and_origin():
    out = tool("config", "explain", "expose.type", "--set", "expose.type=nodePort").stdout
    assert "none, externalIPs" in out
    assert '"nodePort"  (--set)' in out


def test_every_cause_has_a_title_and_every_real_one_advice():
    assert all(e.title for e in ENTRIES.values())
    assert all(e.advice for e in ENTRIES.values() if e.kind != "blocked")
