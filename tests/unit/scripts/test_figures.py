"""The figures of README and comparison are those of the pages that the measurements wrote."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))

import figures  # noqa: E402

BUDGET_S = 5


def test_a_figure_is_replaced_by_what_was_measured(monkeypatch):
    pages = {
        "docs/diagnosis.md": "Right headline: **7 of 9**. Hopeless ones named: p50 1 s, **p95 3.5 s**. Helm names the object or\n"
        "reason that is to\nblame in 4 of the 9 that",
        "docs/reliability.md": "| workload | deleted | killed | hung |\n|---|---|---|---|\n| a | 1.0 | 2.0° | 12.4 |\n| b | 30.6° | - | 2.0 |\n\n| c | 99 |\n",
    }
    monkeypatch.setattr(figures, "_read", pages.get)
    text = "<!-- figure: faults -->1 of 1<!-- end -->, <!-- figure: named-by-helm --><!-- end -->, <!-- figure: named-after -->9 s<!-- end -->"
    plain = re.sub("<!--.*?-->", "", figures.with_figures(text + " <!-- figure: longest-recovery --><!-- end -->"))
    assert plain == "7 of 9, 4 of 9, 3.5 s 31 s"


@pytest.mark.parametrize("text", ["<!-- figure: none -->1<!-- end -->", "<!-- figure: faults -->1 of 1"])
def test_a_comment_that_is_wrong_is_named(text):
    with pytest.raises(ValueError, match=r"none|end"):
        figures.with_figures(text)


def test_the_pages_have_figures_and_they_are_the_newest():
    for path in figures.PAGES:
        text = (ROOT / path).read_text()
        assert "<!-- figure:" in text, path
        assert figures.with_figures(text) == text, path
