"""The console blocks of the tutorial and the how-to guides, as scripts that can be run.

A block is fenced as `console`. Lines that begin with `$ ` are commands, lines with `> ` continue the command above, and all others are
output, which is shortened in the text. A comment above a block says what is special: `<!-- not run: why -->`, or
`<!-- exit code: 20 -->` for a command that must fail.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [DOCS / "tutorial.md", *sorted((DOCS / "how-to").glob("*.md"))]
_BLOCK = re.compile(
    r"(?:^ *<!-- (?P<mark>[^\n]+) -->\n)?^(?P<indent> *)```console\n(?P<lines>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_MARK = re.compile(r"not run: (?P<reason>\S.+)|exit code: (?P<code>\d+)")


@dataclass(frozen=True)
class Block:
    """The commands of one block. `line`: its place in the page; `reason`: why it is not run, "" when it is."""

    line: int
    commands: tuple[str, ...]
    reason: str = ""
    code: int = 0

    @property
    def script(self) -> str:
        """All commands, for a shell that stops at the first one that fails."""
        return "\n".join(self.commands) + "\n"


def blocks(text: str) -> list[Block]:
    """The console blocks of a page. Raises ValueError for a block without a command, or a comment that says something else."""
    found = []
    for at in _BLOCK.finditer(text):
        line = text.count("\n", 0, at.start("lines"))
        mark = _MARK.fullmatch(at["mark"]) if at["mark"] else None
        if at["mark"] and mark is None:
            raise ValueError(f"line {line}: {at['mark']!r} is neither 'not run: WHY' nor 'exit code: NUMBER'")
        commands = _commands(textwrap.dedent(at["lines"]))
        if not commands:
            raise ValueError(f"line {line}: no command; a command begins with '$ '")
        reason, code = (mark["reason"] or "", int(mark["code"] or 0)) if mark else ("", 0)
        found.append(Block(line, tuple(commands), reason, code))
    if len(found) != text.count("```console"):
        raise ValueError("a block is not closed, or is indented differently from its end")
    return found


def _commands(lines: str) -> list[str]:
    commands: list[str] = []
    for line in lines.splitlines():
        if line.startswith("$ "):
            commands.append(line[2:])
        elif commands and (line == ">" or line.startswith("> ")):
            commands[-1] += "\n" + line[2:]
    return commands
