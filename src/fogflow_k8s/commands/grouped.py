"""How a group's help lists its commands: under headings by purpose, as kubectl does, with every sentence in full.

The headings are the `rich_help_panel` of the commands. Typer itself shows them only with rich, which takes 0.1 s to import; its plain
help has one list, and cuts off what does not fit into a line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.core import TyperGroup

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter

USE = "Deploy and use FogFlow"
INSPECT = "Inspect and find problems"
OPERATE = "Operate"
EDGES = "Edges"
LOCAL = "Local clusters"
DEFAULT = "Commands"
_WHOLE = 10_000  # characters; a limit that no first sentence reaches


class Grouped(TyperGroup):
    """A group whose help shows its commands below their headings, in the order of registration. No sentence is cut off."""

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write one section per heading; commands without a heading are below `Commands`."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.commands[name]
            if not command.hidden:
                row = (name, command.get_short_help_str(_WHOLE))
                sections.setdefault(heading(command), []).append(row)
        width = max((len(name) for rows in sections.values() for name, _ in rows), default=0)
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows])


def heading(command: object) -> str:
    """The heading below which a command is listed."""
    return getattr(command, "rich_help_panel", None) or DEFAULT
