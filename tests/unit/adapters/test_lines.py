"""The lines of a running program: complete lines, the time limit, and the program's exit status."""

import sys

import pytest

from fogflow_k8s.adapters.process import stream_lines

BUDGET_S = 5


def shell(text, **how):
    return stream_lines(["/bin/sh", "-c", text], **how)


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
def test_only_complete_lines_are_returned(text, lines):
    with shell(text) as found:
        assert list(found) == lines
        assert found.ended
        assert found.status() == 0


def test_a_character_split_across_two_reads_is_decoded():
    with stream_lines(
        [sys.executable, "-c", "import os, time; os.write(1, b'\\xc3'); time.sleep(0.1); os.write(1, b'\\xa4\\n')"]
    ) as found:
        assert list(found) == ["ä\n"]


def test_more_output_than_a_pipe_holds():
    with shell("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done") as found:
        assert list(found) == [f"line {n}\n" for n in range(20_000)]


def test_a_wait_has_a_time_limit_and_does_not_end_the_program():
    with shell("echo first; sleep 600") as found:
        assert found.read_line(60) == "first\n"
        assert found.read_line(0.01) is None
        assert not found.ended


@pytest.mark.parametrize(("text", "status"), [("exit 3", 3), ("kill -TERM $$", 143), ("kill -KILL $$", 137)])
def test_the_exit_status_is_like_in_a_shell(text, status):
    with shell(text) as found:
        assert (list(found), found.status()) == ([], status)


def test_separate_stderr_goes_to_the_parents_stderr(capfd):
    with shell("echo out; echo err >&2", separate_stderr=True) as found:
        assert list(found) == ["out\n"]
    assert capfd.readouterr() == ("", "err\n")
