"""What every tier knows: what a run takes, how long it takes, and that nothing of it stays behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from tests import durations, runs, scope

# Here, and not in pytest_configure: the conftest files of the tiers, which are read before it, copy the environment.
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ[runs.VARIABLE] = str(runs.RUNS / str(os.getpid()))
    # Go programs take most of a run's CPU, and a tenth of that is their garbage collectors'
    os.environ.setdefault("GOGC", "400")

# How long an example takes says what else the machine does, so there is no deadline. The gate tries the same examples each
# time: what is green there by luck would be red for the next change. It does not shrink what it finds, which can take
# minutes; `make search` does, and looks at many times more examples. What that finds is pinned with @example.
settings.register_profile(
    "gate", deadline=None, derandomize=True, print_blob=True, phases=[Phase.explicit, Phase.generate, Phase.target]
)
settings.register_profile("search", deadline=None, print_blob=True, max_examples=scope.examples(100))
settings.load_profile("search" if scope.ALL else "gate")

_RUN = pytest.StashKey[contextlib.ExitStack]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files instead of comparing")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"only_all: {scope.REASON}, not in the gate")
    if not hasattr(config, "workerinput"):
        config.stash[_RUN] = ending = contextlib.ExitStack()
        mine = ending.enter_context(runs.run())
        config.option.basetemp = config.option.basetemp or mine / "tmp"
        config.pluginmanager.register(durations.Recorder(config), "durations")


@pytest.hookimpl(wrapper=True)
def pytest_unconfigure(config: pytest.Config) -> Iterator[None]:
    """Also after Ctrl-C, and after an error of another plugin; xdist has ended its workers by then."""
    try:
        return (yield)
    finally:
        if _RUN in config.stash:
            config.stash[_RUN].close()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not scope.ALL:
        for item in items:
            if item.get_closest_marker("only_all"):
                item.add_marker(pytest.mark.skip(reason=scope.REASON))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Counts no lines for a test that is marked no_cover, and for the many examples of a property.

    In a process of pytest-xdist, pytest-cov starts twice; what it stops for a test goes on with the first of the two.
    """
    if not any(item.get_closest_marker(name) for name in ("no_cover", "hypothesis")):
        return (yield)
    counts = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(counts)


@pytest.fixture(scope="session")
def helm() -> str:
    """A helm: the one in HELM, else on PATH, else built as the sandbox builds it."""
    if found := os.environ.get("HELM") or shutil.which("helm"):
        return found
    from fogflow_k8s.engine.reporter import Silent
    from fogflow_k8s.sandbox.programs import ensure

    return str(ensure(["helm"], Silent())["helm"])


@pytest.fixture(scope="session")
def run_folder() -> Path:
    """The folder of this run: everything that outlives a test process is made below it, so that it can be found and ended."""
    return runs.folder()


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
