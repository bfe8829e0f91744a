"""`config` with the files of real installations: they are accepted with a note for each key, and `config explain` knows each key."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fogflow_k8s.actions.settings.explain import explain
from fogflow_k8s.errors import UsageError
from fogflow_k8s.model.settings.config import ALIASES, FogflowConfig
from fogflow_k8s.model.settings.config_keys import MOVED, RENAMED, REPLACED, UNUSED, UPSTREAM_VALUES
from fogflow_k8s.model.settings.values import Values
from tests import tool
from tests.config_files import REAL

BUDGET_S = 30


def run(*words, **more):
    """Runs the tool without the settings of this machine."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FOGFLOW_K8S_", "HELM", "KUBE"))}
    if not more:
        return tool.run(words, env=kept, cwd=Path.cwd())
    argv = [sys.executable, "-m", "fogflow_k8s", *map(str, words)]
    return subprocess.run(argv, env=kept, stdin=subprocess.DEVNULL, text=True, timeout=120, check=False, **more)


@pytest.mark.parametrize(("config", "lines"), REAL.values(), ids=REAL)
def test_a_real_file_is_accepted_with_a_line_for_what_became_of_each_key(tmp_path, config, lines):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    done = run("config", "validate", "-c", path)
    assert done.returncode == 0, done.stderr
    for line in lines:
        assert line in done.stderr
    assert done.stderr.count("no effect on Kubernetes") <= 1, "one line for all that is ignored"
    for secret in ("S3cret", "mypass"):
        assert secret not in done.stderr + done.stdout


NAMED = sorted(
    {
        *(".".join(path) for table in (UNUSED, RENAMED, MOVED, REPLACED, UPSTREAM_VALUES) for path in table),
        *ALIASES,
        *(field.alias or name for name, field in FogflowConfig.model_fields.items()),
        "message_bus", "worker.registry", "worker.capacity", "designer.webSrvPort", "config.broker.host_ip",
        "externalIPs[0]", "global.tolerations[1]", "broker.resources.limits.cpu", "rabbitmq.auth.password",
    }
)  # fmt: skip


@pytest.mark.parametrize("key", NAMED)
def test_each_key_that_validate_names_is_explained_without_a_regular_expression(key):
    lines = explain(key, Values(), "")
    assert lines[0] == key
    assert len(lines) > 2
    assert not re.search(r"[\^$]|\[A-Za-z]", "\n".join(lines).removeprefix(key)), lines


@pytest.mark.parametrize(
    "key", ["worker.capacit", "config.worker.capacit", "nonsense", "externalIPs.first", "", "replicaCount.x"]
)
def test_a_key_that_does_not_exist_is_an_error(key):
    with pytest.raises(UsageError):
        explain(key, Values(), "")


def test_explain_names_the_line_of_a_key_in_its_own_words(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{\n "rabbitmq": {\n  "username": "bob"\n },\n "broker": {\n  "port": 8071}\n}')
    for key, value, line in (("rabbitmq.username", '"bob"', 3), ("broker.port", "8071", 6)):
        assert f"value    {value}  ({path}:{line})" in run("config", "explain", key, "-c", path).stdout


@pytest.mark.parametrize(
    "words", [("config", "explain", "expose.type"), ("explain", "FK-1203"), ("version",), ("--help",)]
)
def test_a_closed_stdout_is_no_failure_and_no_word(words):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run(*words, stdout=writer, stderr=subprocess.PIPE)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
