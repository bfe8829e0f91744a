"""Command lines: global options anywhere, durations, and nothing heavy before it is needed."""

import subprocess
import sys

import pytest

from fogflow_k8s.cli import hoist
from fogflow_k8s.commands.session import seconds
from fogflow_k8s.errors import UsageError

HEAVY = ("kubernetes", "docker", "jinja2", "pydantic", "rich", "yaml", "cryptography", "urllib3")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["deploy", "-n", "city", "--external-ip", "1.2.3.4"], ["-n", "city", "deploy", "--external-ip", "1.2.3.4"]),
        (["status", "--context=a", "-q"], ["--context=a", "-q", "status"]),
        (["render", "-o", "out", "--", "-n", "x"], ["render", "-o", "out", "--", "-n", "x"]),
        (["status", "-ncity"], ["-n", "city", "status"]),
        (["status", "-n=city", "-o=json"], ["-n", "city", "status", "-o=json"]),
        (["status", "-n", "-o"], ["-n", "-o", "status"]),  # as kubectl does: whatever follows is the value
        ([], []),
    ],
)
def test_global_options_may_stand_anywhere(given, expected):
    assert hoist(given) == expected


@pytest.mark.parametrize("given", [["status", "-n"], ["-n"], ["deploy", "--external-ip", "1.2.3.4", "--context"]])
def test_a_global_option_without_its_value_swallows_nothing(given):
    with pytest.raises(UsageError, match=f"option {given[-1]} requires a value"):
        hoist(given)


@pytest.mark.parametrize(
    ("text", "expected"), [("90s", 90), ("5m", 300), ("1h30m", 5400), ("7", 7), ("500ms", 0.5), ("1.5m", 90)]
)
def test_durations(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "5 m", "m", "-3s"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(UsageError, match="not a duration"):
        seconds(text)


def test_help_loads_nothing_heavy():
    code = f"import sys, fogflow_k8s.cli; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
