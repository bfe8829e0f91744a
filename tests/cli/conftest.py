"""The command line tool as a program of its own, isolated from the settings of this machine."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def tool(tmp_path):
    """Runs the tool in an empty folder: without a kubeconfig, settings or a real helm. Fails if the exit code is not `code`, when that is given."""

    def run(*words, code=None, **env):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("FOGFLOW_K8S_", "HELM", "KUBE"))}
        kept |= {"HOME": str(tmp_path / "home"), "COLUMNS": "80", "HELM": sys.executable, **env}
        done = subprocess.run(
            [sys.executable, "-m", "fogflow_k8s", *map(str, words)],
            env=kept, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert code in {None, done.returncode}, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run
