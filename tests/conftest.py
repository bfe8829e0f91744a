"""What every tier knows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import pytest
from hypothesis import settings

# how long an example takes says what else the machine does
settings.register_profile("machines are noisy", deadline=None)
settings.load_profile("machines are noisy")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files instead of comparing")


@pytest.fixture(scope="session")
def helm() -> str:
    """A helm: the one in HELM, else on PATH, else built as the sandbox builds it."""
    if found := os.environ.get("HELM") or shutil.which("helm"):
        return found
    from fogflow_k8s.engine.reporter import Silent
    from fogflow_k8s.sandbox.programs import ensure

    return str(ensure(["helm"], Silent())["helm"])


@pytest.fixture(scope="module")
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with the file of that name in the tier's golden folder, or writes it with --update-golden."""
    folder = request.path.parent / "golden"
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
