"""The commands of the tutorial and of the how-to guides work, in their order, as they are printed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import guides
from tests.scope import only_all
from tests.sites import IP

BUDGET_S = 240
pytestmark = pytest.mark.cluster
NAMESPACE = "fogflow"
"""The namespace in the texts; each test replaces it by its own where kubectl and helm are told one."""
GATE = ("tutorial", "upgrade")
"""The pages that most readers follow."""


@pytest.mark.parametrize(
    "page", [pytest.param(p, marks=() if p.stem in GATE else only_all, id=p.stem) for p in guides.PAGES]
)
def test_the_commands_of_a_guide_work(site, page, tmp_path):
    env = _environment(site, tmp_path)
    run = [block for block in guides.blocks(page.read_text(encoding="utf-8")) if not block.reason]
    for block in run:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", _for(site, block.script)],
            cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == block.code, f"{page.name}:{block.line}\n{block.script}{done.stdout}\n{done.stderr}"


def _for(site, script):
    """The script with this test's namespace and address in the place of those in the text."""
    script = script.replace(f"-n {NAMESPACE} ", f"-n {site.namespace} ").replace(IP, site.ip)
    return script.replace(f"create namespace {NAMESPACE}\n", f"create namespace {site.namespace}\n")


def _environment(site, folder):
    """The programs under the names in the text, and the namespace for fogflow-k8s."""
    programs = folder / "programs"
    programs.mkdir()
    (programs / "kubectl").symlink_to(site.kubectl_path)
    (programs / "helm").symlink_to(site.helm_path)
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**site.env, "PATH": path, "FOGFLOW_K8S_NAMESPACE": site.namespace}
