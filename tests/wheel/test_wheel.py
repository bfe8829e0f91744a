"""What people install: the built wheel, in an empty environment outside the checkout."""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml
from tests.documents import parse
from tests.scope import sampled

from fogflow_k8s import __version__

ROOT = Path(__file__).parents[2]
BUDGET_S = 150
PYTHONS = re.findall(
    r'"Programming Language :: Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8")
)
"""The versions that the package says it works with."""
THIS = f"3.{sys.version_info.minor}"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Python's version -> the command in a fresh environment of that Python that has nothing but the wheel; one for each version."""
    home = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "build", "--wheel", "--outdir", home / "dist", ROOT], cwd=home)
    (wheel,) = (home / "dist").glob("*.whl")

    @cache
    def made(version):
        run([python(version), "-m", "venv", "--without-pip", home / version])
        # not compiled: most modules of the packages are never imported
        run([*pip(home / version / "bin/python"), "install", "--quiet", "--no-compile", wheel])
        return home / version / "bin/fogflow-k8s"

    return made


@pytest.fixture(scope="module")
def tool(environment):
    """The command in the environment of the Python that runs the tests."""
    return environment(THIS)


def pip(interpreter):
    """The beginning of a command line: the pip of these tests, at work in another environment."""
    return [sys.executable, "-m", "pip", "--python", interpreter]


def python(version):
    """The program of a Python that can make environments: this one, or `python3.x` on PATH. None where there is none."""
    named = [Path(folder, f"python{version}") for folder in os.get_exec_path()]
    for path in [Path(sys.executable)] if version == THIS else named:
        if os.access(path, os.X_OK):
            # pyenv has the same program for all versions, which starts the one that this variable names
            env = {**os.environ, "PYENV_VERSION": version}
            ask = "import sys, venv; print(sys.executable, *sys.version_info[:2])"
            done = subprocess.run([path, "-c", ask], env=env, capture_output=True, text=True, timeout=60, check=False)
            program, *found = done.stdout.split() or [""]
            if ".".join(found) == version:
                return program
    return None


def run(argv, code=0, **more):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=900, check=False, **more)
    assert done.returncode == code, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.mark.parametrize("version", sampled([(version,) for version in PYTHONS], gate=[(THIS,)]))
def test_the_wheel_works_in_an_empty_environment_of_every_python(environment, version, helm, tmp_path):
    if python(version) is None:
        pytest.skip(f"no python{version} with venv is on PATH, so the wheel was not installed with {version}")
    tool = environment(version)
    env = {**os.environ, "HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "none"), "HELM": helm}
    here = {"cwd": tmp_path, "env": env}
    programs = tool.parent
    said = run([programs / "python", "-c", "import sys; print(*sys.version_info[:2], sep='.')"], **here).stdout
    assert said.strip() == version
    run([*pip(programs / "python"), "check"], **here)
    assert parse(run([tool, "version", "-o", "json"], **here).stdout)["versions"]["tool"] == __version__
    images = parse(run([tool, "images", "list", "-o", "json"], **here).stdout)["images"]
    assert any("fogflow" in each["image"] for each in images)
    run([tool, "render", "-o", "out", "--external-ip", "192.0.2.10"], **here)
    assert yaml.safe_load((tmp_path / "out/values.yaml").read_text())["externalIPs"] == ["192.0.2.10"]
    assert "allowed  string: an IP address" in run([tool, "config", "explain", "externalIPs.0"], **here).stdout
    refused = run([tool, "render", "-o", "out", "--external-ip", "192.0.2.10.5"], 2, **here)
    assert "externalIPs[0]: '192.0.2.10.5' is not an IP address" in refused.stderr


def test_the_python_that_runs_the_tests_is_one_of_them():
    assert THIS in PYTHONS
    assert python(THIS) == sys.executable
    assert python("3.99") is None


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
