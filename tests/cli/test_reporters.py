"""The reporters of progress: one scripted deploy, as each reporter prints it."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from fogflow_k8s.console import jsonl, live, plain
from fogflow_k8s.console.documents import error_document
from fogflow_k8s.errors import FogflowError
from fogflow_k8s.model.diagnosis.readiness import Verdict
from tests.cli.shapes import image_not_found, waits_for
from tests.documents import parse

READY = Verdict("ready", "", 1, 1, 1)
WAITS = Verdict("waiting", "0 of 1 replicas are available", 1, 0, 1)


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets: the only number in the list is the time."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def play(reporter, clock):
    """A deploy in which the master's image does not exist; every observation comes twice, unchanged."""
    reporter.step("release fogflow [first install]")
    reporter.log("a fact [not markup]")
    reporter.warn("externalIPs are deprecated")
    for done in (0, 3, 4, 40, 100, 120):
        reporter.progress("building", done, 100)
    reporter.step("waiting until every component is ready")
    observations = [
        ({"rabbitmq": WAITS, "master": WAITS}, ()),
        ({"rabbitmq": READY, "master": WAITS}, ()),
        ({"rabbitmq": READY, "master": WAITS}, (image_not_found(), waits_for("designer", "master"))),
    ]
    for verdicts, causes in observations:
        for _ in range(2):
            clock[0] += 2
            reporter.verdicts(verdicts, causes)
    reporter.close()


def plainly(clock, **flags):
    out = io.StringIO()
    play(plain.PlainReporter(out, **flags), clock)
    return out.getvalue()


def test_plain_lines(golden, clock):
    golden("plain.txt", plainly(clock))


def test_plain_lines_come_once_per_change_and_carry_no_control_codes(clock):
    text = plainly(clock)
    lines = [line for line in text.splitlines() if not line.startswith("    building")]
    assert len(lines) == len(set(lines))
    assert all(c == "\n" or c.isprintable() for c in text)


def test_a_quiet_reporter_only_warns(clock):
    assert plainly(clock, quiet=True) == "  ! externalIPs are deprecated\n"


def test_a_long_silence_is_broken_by_a_heartbeat_that_names_who_is_waited_for(clock):
    out = io.StringIO()
    reporter = plain.PlainReporter(out)
    reporter.verdicts({"rabbitmq": READY, "master": WAITS})
    before = out.getvalue()
    clock[0] += plain.HEARTBEAT_S - 1
    reporter.verdicts({"rabbitmq": READY, "master": WAITS})
    assert out.getvalue() == before
    clock[0] += 1
    reporter.verdicts({"rabbitmq": READY, "master": WAITS})
    assert out.getvalue().removeprefix(before) == "    still waiting for master\n"


def test_the_live_view(golden, clock):
    """On a terminal of 80 columns: what stays on the screen after each stage, and nothing twice."""
    out = io.StringIO()
    play(live.LiveReporter(Console(file=out, width=80, force_terminal=True, no_color=True, color_system=None)), clock)
    golden("live.txt", screen_after(out.getvalue()))


def test_a_quiet_live_view_draws_nothing(clock):
    out = io.StringIO()
    play(live.LiveReporter(Console(file=out, width=80, force_terminal=True, color_system=None), quiet=True), clock)
    assert out.getvalue() == "‼ externalIPs are deprecated\n"


def test_the_cursor_that_the_live_view_hides_is_given_back(clock):
    out = io.StringIO()
    play(live.LiveReporter(Console(file=out, width=80, force_terminal=True)), clock)
    assert out.getvalue().rfind("\x1b[?25h") > out.getvalue().rfind("\x1b[?25l") >= 0


def screen_after(text):
    """What a terminal shows after this output: erased lines are missing."""
    lines, row, at = [""], 0, 0
    for part in re.finditer(r"\x1b\[(\d*)([A-Z])|\x1b\[\?\d+[hl]|\x1b\[[\d;]*m|\r|(\n)", text):
        lines[row] += text[at : part.start()]
        at = part.end()
        if part[3]:
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part[2] == "A":
            row -= int(part[1] or 1)
        elif part[2] == "K":
            lines[row] = ""
    return "".join(f"{line.rstrip()}\n" for line in [*lines[:row], lines[row] + text[at:]])


def test_json_lines_one_event_each_and_a_state_only_when_it_changed(clock):
    out = io.StringIO()
    reporter = jsonl.JsonLinesReporter(out)
    play(reporter, clock)
    error = error_document(FogflowError("it failed", exit_code=21))
    reporter.result(error)
    events = [parse(line) for line in out.getvalue().splitlines()]
    assert all(event["time"].endswith("Z") for event in events)
    emitted = [(event["type"], event["step"]) for event in events if event["type"] != "progress"]
    assert emitted == [
        ("step", 1), ("log", 1), ("warning", 1), ("step", 2),
        ("component", 2), ("component", 2), ("component", 2),  # rabbitmq and master wait, rabbitmq is ready
        ("cause", 2), ("cause", 2), ("result", 2),
    ]  # fmt: skip
    assert [e["cause"]["id"] for e in events if e["type"] == "cause"] == ["FK-4001", "FK-6001"]
    assert events[-1]["document"] == error
