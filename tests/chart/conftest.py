"""Helm, the chart's renders, and the checkers."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.chart.renders import CHART, ROOT, Completed, Renders
from tests.chart.shapes import OURS, SEVERAL

__all__ = ["CHART", "EXAMPLES", "ROOT"]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))

Render = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def renders(helm: str, tmp_path_factory: pytest.TempPathFactory) -> Renders:
    """What helm prints, made once for all workers of this run."""
    folder = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        folder = folder.parent  # of the run; below it each worker has a folder
    return Renders(helm, folder / "renders")


@pytest.fixture(scope="session")
def helm_template(renders: Renders) -> Callable[..., Completed]:
    """`helm template`; files and --set arguments as given. The same arguments are rendered once."""
    return renders.template


@pytest.fixture(scope="session")
def render(renders: Renders) -> Render:
    """The manifests of a render, one dict each. The same arguments are rendered once."""
    return renders.manifests


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
