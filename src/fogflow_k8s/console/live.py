"""Progress on a terminal: stages stay as lines, the components below them are one table that is redrawn."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from fogflow_k8s.model.diagnosis.catalogue import Cause
from fogflow_k8s.model.diagnosis.readiness import Verdict

_MARKS = {"ready": ("✔", "green"), "waiting": ("…", "yellow"), "failed": ("✗", "red")}


class LiveReporter:
    """A Reporter for a person at a terminal."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._live: Live | None = None
        self._since: dict[str, tuple[str, float]] = {}
        self._start = time.monotonic()

    def step(self, text: str) -> None:
        """A new stage begins; the table of the previous one stays on the screen."""
        self.close()
        self._start = time.monotonic()
        if not self._quiet:
            self._console.print(f"[bold]►[/bold] {escape(text)}", highlight=False)

    def log(self, text: str) -> None:
        """A fact inside the stage."""
        if not self._quiet:
            self._console.print(f"  {escape(text)}", highlight=False)

    def warn(self, text: str) -> None:
        """A warning; printed even with --quiet."""
        self._console.print(f"[yellow]‼[/yellow] {escape(text)}", highlight=False)

    def progress(self, text: str, done: int, total: int) -> None:
        """One line that is redrawn."""
        width = 24
        filled = min(width, width * done // max(total, 1))
        line = Text.assemble(
            "  ",
            ("━" * filled, "green"),
            ("━" * (width - filled), "dim"),
            f" {min(done, total)}/{total}  {text}  ",
            self._elapsed(),
        )
        self._draw(line)

    def verdicts(self, now: Mapping[str, Verdict], causes: Sequence[Cause] = ()) -> None:
        """The table of components, and the first cause under it."""
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for name, verdict in now.items():
            mark, colour = _MARKS[verdict.state]
            phase = "ready" if verdict.state == "ready" else verdict.reason
            cells = (name, f"{verdict.ready}/{verdict.desired}", phase, self._age(name, phase))
            table.add_row(Text(f"  {mark}", colour), *map(Text, cells))  # as Text: rich would read brackets as markup
        below = [Text(f"  {c.id} {c.summary}", "red" if c.kind == "permanent" else "yellow") for c in causes[:1]]
        self._draw(Group(table, *below, Text("  ") + self._elapsed()))

    def close(self) -> None:
        """Stop redrawing; the last table stays on the screen."""
        if self._live:
            self._live.stop()
            self._live = None

    def _draw(self, what: Group | Text) -> None:
        if self._quiet:
            return
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=False)
            self._live.start()
        self._live.update(what, refresh=True)

    def _age(self, name: str, phase: str) -> str:
        known, since = self._since.get(name, ("", 0.0))
        if known != phase:
            self._since[name] = (phase, since := time.monotonic())
        return "" if phase == "ready" else f"{time.monotonic() - since:.0f} s"

    def _elapsed(self) -> Text:
        return Text(f"{time.monotonic() - self._start:.0f} s", "dim")
