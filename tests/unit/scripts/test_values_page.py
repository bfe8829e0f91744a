"""docs/values.md lists every key of both charts, and the READMEs of the charts every section."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))

import values_page  # noqa: E402

from fogflow_k8s.model.settings.edge import EdgeValues  # noqa: E402
from fogflow_k8s.model.settings.parts import Component  # noqa: E402
from fogflow_k8s.model.settings.values import Values  # noqa: E402

BUDGET_S = 10


def test_every_key_of_the_cloud_s_chart_is_listed_with_its_default():
    page = values_page.page()
    shared = {key.path for key in values_page.keys_of(Component)}
    for key in values_page.keys_of(Values):
        assert key.path[1:] in shared or f"| `{'.'.join(key.path)}` | {key.default} |" in page, key
    assert '| `master.image.repository` | `"fogflow/master"` |' in page  # a default that not every component has


def test_the_edge_s_section_has_what_the_cloud_does_not_have():
    _, _, edge = values_page.page().partition("## FogFlow edge chart")
    assert "| `cloud.discovery.host` |" in edge
    assert "`serviceAccount.create`" not in edge
    assert [key.path for key in values_page.keys_of(EdgeValues)]


def test_a_cell_is_one_line_and_has_no_bar_of_its_own():
    rows = [line for line in values_page.page().splitlines() if line.startswith("| ")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {5}


def test_a_readme_keeps_what_is_written_by_hand():
    text = f"# Chart\n\n{values_page.BEGIN}\nold\n{values_page.END}\n\nThe end\n"
    made = values_page.readme(text, Values)
    assert made.startswith("# Chart\n") and made.endswith("\n\nThe end\n") and "old" not in made  # noqa: PT018
    assert "| `rabbitmq` | RabbitMQ, the message bus. |" in made
    with pytest.raises(ValueError, match="needs the lines"):
        values_page.readme("# Chart\n", Values)
