"""Golden files of what people read, and a helm for the verbs that render."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def helm() -> str:
    """A helm: the one in HELM, else on PATH, else built as the sandbox builds it."""
    if found := os.environ.get("HELM") or shutil.which("helm"):
        return found
    from fogflow_k8s.engine.reporter import Silent
    from fogflow_k8s.sandbox.programs import ensure

    return str(ensure(["helm"], Silent())["helm"])


@pytest.fixture(scope="session")
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with the golden file of that name, or writes it with --update-golden."""
    folder = Path(__file__).parent / "golden"
    update = request.config.getoption("--update-golden")

    def compare(name: str, text: str) -> None:
        path = folder / name
        if update:
            path.write_text(text, encoding="utf-8")
            return
        assert path.exists(), f"no golden file {name}: run pytest --update-golden"
        assert text == path.read_text(encoding="utf-8"), (
            f"{name} changed: look at the difference, then pytest --update-golden"
        )

    return compare
