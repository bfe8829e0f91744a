"""The command line tool as a program of its own, isolated from the settings of this machine."""

import os
import sys

import pytest

import tests.tool


@pytest.fixture
def tool(tmp_path):
    """Runs the tool in an empty folder: without a kubeconfig, settings or a real helm. Fails if the exit code is not `code`, when that is given."""

    def run(*words, code=None, **env):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("FOGFLOW_K8S_", "HELM", "KUBE"))}
        kept |= {"HOME": str(tmp_path / "home"), "COLUMNS": "80", "HELM": sys.executable, **env}
        done = tests.tool.run(words, env=kept, cwd=tmp_path)
        assert code in {None, done.returncode}, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run
