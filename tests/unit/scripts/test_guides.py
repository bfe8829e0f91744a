"""The tutorial and the how-to guides can be run: each block has commands that a shell and the tool's parser know."""

import re
import shlex
import subprocess

import pytest
from typer.main import get_command

from fogflow_k8s.cli import app
from fogflow_k8s.commands.global_options import GLOBAL_FLAGS, GLOBAL_WITH_VALUE
from tests import guides

BUDGET_S = 5
PAGES = pytest.mark.parametrize("page", guides.PAGES, ids=lambda page: page.stem)


@PAGES
def test_every_block_is_a_script_and_most_pages_have_one_that_runs(page):
    found = guides.blocks(page.read_text(encoding="utf-8"))
    assert [block for block in found if not block.reason]
    for block in found:
        checked = subprocess.run(
            ["bash", "-n", "-c", block.script], capture_output=True, text=True, timeout=20, check=False
        )
        assert checked.returncode == 0, f"{page.name}:{block.line}: {checked.stderr}"


@PAGES
def test_every_verb_and_option_exists(page):
    lines = [line for block in guides.blocks(page.read_text(encoding="utf-8")) for line in block.commands]
    lines += re.findall(r"`(fogflow-k8s [^`\n]+)`", page.read_text(encoding="utf-8"))
    for line in lines:
        if not line.startswith("fogflow-k8s "):
            continue
        command, words = get_command(app), shlex.split(line)[1:]
        while words and hasattr(command, "commands"):
            assert words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        known = {flag for param in command.params for flag in (*param.opts, *param.secondary_opts)}
        options = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
        assert options <= known | {*GLOBAL_WITH_VALUE, *GLOBAL_FLAGS}, line


def test_a_block_has_commands_continued_lines_and_output():
    (block,) = guides.blocks(
        "1. Do\n\n    ```console\n    $ cat <<END\n    > a: 1\n    >   b\n    > END\n    a: 1\n    $ x\n    ```\n"
    )
    assert block.commands == ("cat <<END\na: 1\n  b\nEND", "x")
    assert (block.reason, block.code) == ("", 0)


@pytest.mark.parametrize(
    ("mark", "reason", "code"), [("not run: needs Docker", "needs Docker", 0), ("exit code: 20", "", 20)]
)
def test_a_comment_above_a_block_says_what_is_special(mark, reason, code):
    (block,) = guides.blocks(f"<!-- {mark} -->\n```console\n$ x\n```\n")
    assert (block.reason, block.code) == (reason, code)


@pytest.mark.parametrize(
    "text", ["<!-- sometimes -->\n```console\n$ x\n```\n", "```console\nx\n```\n", "```console\n$ x\n  ```\n"]
)
def test_what_is_written_wrongly_is_refused(text):
    with pytest.raises(ValueError, match=r"^(line \d+|a block)"):
        guides.blocks(text)
