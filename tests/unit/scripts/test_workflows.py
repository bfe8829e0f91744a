"""The workflows: pinned actions, the least permissions, and make targets that exist. `make check` also runs actionlint on them."""

import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
BUDGET_S = 5


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_its_commit_and_names_its_version(path):
    uses = re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))
    assert uses
    assert [use for use in uses if not re.match(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_and_a_job_states_what_else_it_needs(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] in ({}, {"contents": "read"})
    assert workflow["concurrency"]["group"]
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())


def test_every_make_target_of_the_workflows_exists():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for path in WORKFLOWS:
        text = path.read_text(encoding="utf-8")
        used = set(re.findall(r"run: (?:sudo \S+ )?make (\w+)", text))
        for matrix in re.findall(r"target: \[(.+)\]", text):
            used |= set(matrix.split(", "))
        assert used, path
        assert used <= targets


def test_kind_s_nodes_are_the_versions_of_the_matrix_from_the_oldest_that_the_chart_supports():
    lines = (ROOT / "scripts/ci/kind-nodes.txt").read_text(encoding="utf-8").splitlines()
    images = dict(line.split() for line in lines if not line.startswith("#"))
    for version, image in images.items():
        assert re.fullmatch(rf"kindest/node:v{re.escape(version)}\.\d+@sha256:[0-9a-f]{{64}}", image)
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    quick, every = (json.loads(found) for found in re.findall(r"'(\[\"1\..+?\])'", workflow))
    assert every == list(images)
    assert quick == [every[0], every[-1]]
    chart = yaml.safe_load((ROOT / "charts/fogflow-chart/Chart.yaml").read_text(encoding="utf-8"))
    assert every[0] in chart["kubeVersion"]
