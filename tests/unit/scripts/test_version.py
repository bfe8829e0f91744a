"""One version in every file that states it, and one command that changes it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import fogflow_k8s

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))

import version  # noqa: E402

BUDGET_S = 5


@pytest.fixture
def tree(tmp_path):
    """A copy of the files that state the version."""
    for name in [*version.PLACES, version.CHANGELOG]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def test_every_file_states_the_version_of_the_package():
    assert set(version.stated().values()) == {fogflow_k8s.__version__}


def test_no_other_file_of_the_charts_and_packaging_states_it():
    """A file that states the version and is not in the list would stay behind."""
    argv = [
        "git",
        "grep",
        "-lF",
        fogflow_k8s.__version__,
        "--",
        "charts",
        "*.toml",
        "*.cff",
        "*.md",
        "src/*.py",
        "krew",
    ]
    found = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    others = {"src/fogflow_k8s/sandbox/node.py"}  # the version of the format CNI
    assert set(found) - others <= {*version.PLACES, version.CHANGELOG}


def test_a_new_version_is_written_everywhere(tree):
    assert set(version.write("1.2.3", tree)) == {*version.PLACES, version.CHANGELOG}
    assert set(version.stated(tree).values()) == {"1.2.3"}
    for chart in ("fogflow-chart", "fogflow-edge-chart"):
        before, after = (yaml.safe_load((at / f"charts/{chart}/Chart.yaml").read_text()) for at in (ROOT, tree))
        assert after == {**before, "version": "1.2.3"}, "and nothing else of the chart changes"
    assert version.write("1.2.3", tree) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("## 1.0.0 (unreleased)\n\nOne.\n", "## 1.2.3 (unreleased)\n\nOne.\n"),
        ("## 1.0.0 (2026-01-31)\n\nOne.\n", "## 1.2.3 (unreleased)\n\n## 1.0.0 (2026-01-31)\n\nOne.\n"),
        ("## 1.0.0\n\nOne.\n", "## 1.2.3 (unreleased)\n\n## 1.0.0\n\nOne.\n"),
        (
            "## 1.1.0 (unreleased)\n\nTwo.\n\n## 1.0.0 (2026-01-31)\n\nOne.\n",
            "## 1.2.3 (unreleased)\n\nTwo.\n\n## 1.0.0 (2026-01-31)\n\nOne.\n",
        ),
    ],
)
def test_the_changelog_has_one_open_section(tree, before, after):
    changelog = tree / version.CHANGELOG
    changelog.write_text(f"# Changelog\n\n{before}")
    version.write("1.2.3", tree)
    assert changelog.read_text() == f"# Changelog\n\n{after}"


@pytest.mark.parametrize("text", ["", "1.0", "v1.0.0", "1.0.0+x", "latest"])
def test_what_is_no_version_is_refused_and_nothing_is_written(tree, text):
    with pytest.raises(ValueError, match=r"not a version such as 1\.0\.1"):
        version.write(text, tree)
    assert set(version.stated(tree).values()) == {fogflow_k8s.__version__}


def test_a_file_that_states_no_version_or_two_is_reported_by_name(tree):
    path = tree / "CITATION.cff"
    path.write_text(path.read_text() + "version: 2.0.0\n")
    with pytest.raises(LookupError, match=r"CITATION\.cff: 2 lines match"):
        version.stated(tree)
