"""The options that several commands share, and the functions that check the values of options."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from fogflow_k8s.commands import complete
from fogflow_k8s.errors import UsageError


def one_of(value: str, allowed: tuple[str, ...], flag: str) -> str:
    """The value, if it is allowed. Raises UsageError, which lists the allowed ones, and proposes the closest."""
    if value not in allowed:
        from fogflow_k8s.model.suggestions import nearest

        hint = f"{flag} {nearest(value, allowed) or allowed[0]}"
        raise UsageError(f"{flag} {value}: not one of {', '.join(allowed)}", hint=hint)
    return value


def among(flag: str, *allowed: str) -> Callable[[str], str]:
    """The callback of an option that takes one of a few words, or is omitted."""
    return lambda value: one_of(value, allowed, flag) if value else ""


def _output(*forms: str, help_text: str = "") -> Any:
    """The option -o, which selects the output format."""
    return typer.Option(
        "--output",
        "-o",
        callback=among("--output", *forms),
        autocompletion=complete.words(*forms),
        help=help_text or f"Output format: {', '.join(forms[:-1])} or {forms[-1]}.",
    )


Output = Annotated[str, _output("table", "json")]
WideOutput = Annotated[str, _output("table", "wide", "json")]
ShortOutput = Annotated[str, _output("table", "short", "json")]
StatusOutput = Annotated[
    str,
    _output(
        "table",
        "short",
        "json",
        "jsonl",
        help_text="Output format: table, short, json or jsonl (one JSON document per line).",
    ),
]
EventsOutput = Annotated[
    str,
    _output(
        "table", "json", "jsonl", help_text="Output format: table, json or jsonl (one event per line, as it happens)."
    ),
]
Timeout = Annotated[str, typer.Option(help="How long to wait, like 90s, 5m, 1h.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


def seconds(text: str) -> float:
    """A duration like 90s, 5m, 1h30m or plain seconds, in seconds. Raises UsageError."""
    import re

    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", text)
    if parts and "".join(n + u for n, u in parts) == text:
        return sum(float(n) * units[u] for n, u in parts)
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    raise UsageError(f"{text!r} is not a duration", hint="write it like 90s, 5m or 1h30m")


def existing(path: Path | None, flag: str) -> Path | None:
    """The path, if it exists. Raises UsageError."""
    if path is not None and not path.exists():
        raise UsageError(
            f"{flag} {path}: no such file", hint="check the path; a relative path starts at the current folder"
        )
    return path
