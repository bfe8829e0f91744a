"""`make demo` with simulated nodes: every step succeeds, and nothing is left, also after Ctrl-C."""

import pytest

from tests.demos import Demo
from tests.scope import only_all

BUDGET_S = 100
pytestmark = pytest.mark.cluster


def test_the_demo_succeeds_says_what_it_shows_and_leaves_nothing(tmp_path):
    demo = Demo(tmp_path, DEMO_NODES="simulated")
    assert demo.end() == 0, demo.output
    assert demo.headings == [(number, 7, "simulated nodes, no programs") for number in range(1, 8)]
    assert "rolled back" in demo.output
    last = demo.output.splitlines()[-1]
    assert last.startswith("demo: ")
    assert "simulated nodes" in last
    assert demo.left() == []


@only_all
def test_ctrl_c_leaves_nothing(tmp_path):
    demo = Demo(tmp_path, DEMO_NODES="simulated")
    demo.until("== Step 3 ")
    demo.interrupt()
    assert demo.end() == 130, demo.output
    assert demo.left() == []
