"""Lines of a program that still runs: whole ones, with a limit to the wait, and the program's exit status."""

import sys

import pytest

from fogflow_k8s.adapters.process import lines_of

BUDGET_S = 5


def shell(text, **how):
    return lines_of(["/bin/sh", "-c", text], **how)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("printf ''", []),
        ("printf 'a\\nb\\n'", ["a\n", "b\n"]),
        ("printf 'a\\n\\nb'", ["a\n", "\n", "b"]),
        ("printf 'a'; sleep 0.1; printf 'b\\nc'", ["ab\n", "c"]),
        ("printf 'x\\r\\n'", ["x\r\n"]),
        ("printf '\\377\\n'", ["\ufffd\n"]),
        ("printf 'out\\n'; printf 'err\\n' >&2", ["out\n", "err\n"]),
    ],
)
def test_lines_come_whole(text, lines):
    with shell(text) as found:
        assert list(found) == lines
        assert found.ended
        assert found.status() == 0


def test_a_letter_that_comes_in_two_parts_is_one():
    with lines_of(
        [sys.executable, "-c", "import os, time; os.write(1, b'\\xc3'); time.sleep(0.1); os.write(1, b'\\xa4\\n')"]
    ) as found:
        assert list(found) == ["ä\n"]


def test_more_than_a_pipe_holds():
    with shell("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done") as found:
        assert list(found) == [f"line {n}\n" for n in range(20_000)]


def test_a_wait_has_a_limit_and_ends_nothing():
    with shell("echo first; sleep 600") as found:
        assert found.within(60) == "first\n"
        assert found.within(0.01) is None
        assert not found.ended


@pytest.mark.parametrize(("text", "status"), [("exit 3", 3), ("kill -TERM $$", 143), ("kill -KILL $$", 137)])
def test_the_exit_status_is_as_a_shell_counts_it(text, status):
    with shell(text) as found:
        assert (list(found), found.status()) == ([], status)


def test_stderr_apart_goes_to_ours(capfd):
    with shell("echo out; echo err >&2", errors_apart=True) as found:
        assert list(found) == ["out\n"]
    assert capfd.readouterr() == ("", "err\n")
