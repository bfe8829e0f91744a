"""What people install: the built wheel, in an empty environment outside the checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.documents import parse

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool(tmp_path_factory):
    """The command of a fresh environment that has nothing but the wheel."""
    home = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "build", "--wheel", "--outdir", home / "dist", ROOT], cwd=home)
    (wheel,) = (home / "dist").glob("*.whl")
    run([sys.executable, "-m", "venv", home / "env"])
    run([home / "env/bin/pip", "install", "--quiet", wheel])
    return home / "env/bin/fogflow-k8s"


def run(argv, code=0, **more):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=900, check=False, **more)
    assert done.returncode == code, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def test_the_wheel_deploys_on_a_sandbox_of_its_own(tool, tmp_path):
    env = {
        **os.environ,
        "FOGFLOW_K8S_STATE": str(tmp_path / "state"),
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "HOME": str(tmp_path),
    }
    env.setdefault(
        "FOGFLOW_K8S_CACHE", str(Path.home() / ".cache/fogflow-k8s")
    )  # the programs were built for the other tiers
    here = {"cwd": tmp_path, "env": env}
    try:
        run([tool, "sandbox", "up", "--name", "wheel", "--nodes", "2"], **here)
        run([tool, "deploy", "--external-ip", "192.0.2.10"], **here)
        state = parse(run([tool, "status", "-o", "json"], **here).stdout)
        assert (state["state"], state["cluster"]["simulated"]) == ("unverified", True)
        run([tool, "render", "-o", tmp_path / "out", "--external-ip", "192.0.2.10"], **here)
        assert (tmp_path / "out/values.yaml").read_text().startswith("# yaml-language-server: $schema=")
        run([tool, "uninstall", "--yes"], **here)
    finally:
        run([tool, "sandbox", "down", "--name", "wheel"], **here)


def test_the_edges_chart_in_the_wheel_holds_files_and_no_links(tool):
    (chart,) = tool.parents[1].glob("lib/python*/site-packages/fogflow_k8s/_assets/charts/fogflow-edge-chart")
    for name in (
        "templates/worker/deployment.yaml",
        "templates/keeper/role.yaml",
        "files/keeper/bootstrap.py",
        "files/edge/amqp.py",
    ):
        assert (chart / name).read_bytes() == (ROOT / "charts/fogflow-edge-chart" / name).read_bytes()
    assert not [path for path in chart.rglob("*") if path.is_symlink()]


def test_the_wheel_brings_a_plug_in_of_kubectl_whose_help_says_so(tool):
    shown = run(
        [tool.with_name("kubectl-fogflow"), "--help"], env={**os.environ, "NO_COLOR": "1", "TERM": "dumb"}
    ).stdout
    assert "Usage: kubectl fogflow [OPTIONS]" in shown
    assert (
        "Usage: fogflow-k8s [OPTIONS]"
        in run([tool, "--help"], env={**os.environ, "NO_COLOR": "1", "TERM": "dumb"}).stdout
    )
