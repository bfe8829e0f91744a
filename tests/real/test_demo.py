"""`make demo` with real nodes and fakes: FogFlow works, a function runs, RabbitMQ's loss is repaired; two at once, and Ctrl-C."""

import json
import subprocess

import pytest

from tests.demos import Demo
from tests.scope import only_all

BUDGET_S = 500
FAKES = {"DEMO_NODES": "real", "DEMO_PROGRAMS": "fakes"}


def networks():
    """The links of sandboxes on this machine; those of other tests among them."""
    listed = subprocess.run(["ip", "-json", "link"], capture_output=True, text=True, timeout=30, check=True).stdout
    return {link["ifname"] for link in json.loads(listed) if link["ifname"].startswith("fogflow")}


@only_all
@pytest.mark.long
def test_two_demos_at_once_show_everything_and_leave_nothing(tmp_path):
    """The second one is interrupted in the middle, while RabbitMQ is lost; the first one does not notice."""
    before = networks()
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    first, second = Demo(tmp_path / "first", **FAKES), Demo(tmp_path / "second", **FAKES)
    second.until("== Step 6 ")
    second.interrupt()
    assert second.end() == 130, second.output
    assert second.left() == []
    assert first.end() == 0, first.output
    assert first.headings == [(number, 8, "real nodes, fakes of FogFlow's programs") for number in range(1, 9)]
    assert "fakes of FogFlow's own programs" in first.output.splitlines()[-1]
    assert first.left() == []
    assert networks() <= before
