"""Helm, the chart's renders, and the checkers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.chart.shapes import OURS, SEVERAL

if TYPE_CHECKING:
    from fogflow_k8s.sandbox.toolchain import Toolchain

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/fogflow-chart"
TOOLS = ROOT / "tests/tools"
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))

Render = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def helm_template(helm: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `helm template`; files and --set arguments as given."""

    def run(
        *arguments: str, name: str = "fogflow", namespace: str = "fogflow", chart: Path = CHART
    ) -> subprocess.CompletedProcess[str]:
        argv = [helm, "template", name, str(chart), "--namespace", namespace, *arguments]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.fixture(scope="session")
def render(helm_template: Callable[..., subprocess.CompletedProcess[str]]) -> Render:
    """The manifests of a render, one dict each. The same arguments are rendered once."""
    cache: dict[tuple[Any, ...], str] = {}

    def make(*arguments: str, **where: str) -> list[dict[str, Any]]:
        key = (arguments, tuple(sorted(where.items())))
        if key not in cache:
            done = helm_template(*arguments, **where)
            assert done.returncode == 0, done.stderr
            cache[key] = done.stdout
        return [each for each in yaml.safe_load_all(cache[key]) if each]

    return make


@pytest.fixture(scope="session")
def every_render(render: Render) -> dict[str, list[dict[str, Any]]]:
    """The default render, every example, and all options at once, by name."""
    found = {path.stem: render("--values", str(path)) for path in EXAMPLES}
    found["default"] = render()
    found["everything"] = render(
        "--set", "dgraph.enabled=true,dgraph.persistence.enabled=true,rabbitmq.persistence.enabled=true"
    )
    edges = "networkPolicy.edges.cidrs={198.51.100.0/24},expose.edge.externalIPs={192.0.2.1}"
    found["edges"] = render("--set", f"expose.edge.type=externalIPs,{edges}")
    found["our worker"] = render("--set", OURS)
    found["several of our worker"] = render("--set", f"{OURS},{SEVERAL}")
    return found


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A folder of strict schemas for a Kubernetes version, in the form that kubeconform reads.

    kubernetes-validate brings them; their ids and absolute references would send kubeconform to the network.
    """
    import kubernetes_validate

    source = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    made: dict[str, Path] = {}

    def prepare(version: str) -> Path:
        if version not in made:
            folder = made[version] = tmp_path_factory.mktemp("schemas")
            for path in (source / f"v{version}-local-strict").glob("*.json"):
                text = path.read_text(encoding="utf-8").replace('"/api/_definitions.json', '"_definitions.json')
                text = re.sub(r',\s*"\$id": "https:[^"]*"', "", text)
                (folder / path.name).write_text(text, encoding="utf-8")
            shutil.copytree(ROOT / "tests/chart/schemas", folder, dirs_exist_ok=True)
        return made[version]

    return prepare


@pytest.fixture(scope="session")
def kubeconform(tmp_path_factory: pytest.TempPathFactory) -> str:
    """kubeconform, built from tests/tools into Go's own cache."""
    toolchain = _toolchain()
    target = tmp_path_factory.mktemp("tools") / "kubeconform"
    argv = [str(toolchain.go), "build", "-o", str(target), "github.com/yannh/kubeconform/cmd/kubeconform"]
    done = subprocess.run(
        argv, cwd=TOOLS, env={**os.environ, **toolchain.env}, capture_output=True, text=True, timeout=550, check=False
    )
    assert done.returncode == 0, done.stderr
    return str(target)


def _toolchain() -> Toolchain:
    from fogflow_k8s.adapters.process import SystemRunner
    from fogflow_k8s.sandbox.toolchain import find_toolchain

    return find_toolchain(SystemRunner(), (TOOLS / "go.mod").read_text(encoding="utf-8"))
