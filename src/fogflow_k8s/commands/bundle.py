"""The command `bundle`, and the options with which other commands save a support archive when they fail."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fogflow_k8s.commands.options import Output, seconds
from fogflow_k8s.commands.session import print_json, session_of
from fogflow_k8s.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from fogflow_k8s.actions.bundle.collector_output import CollectorOutput
    from fogflow_k8s.actions.operation import Operation

OnFailure = Annotated[bool, typer.Option("--bundle/--no-bundle", help="Save a support archive if the operation fails.")]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--bundle-dir",
        help="Folder for the support archive. [default: bundles in the state folder]",
        show_default=False,
    ),
]


def bundle(
    ctx: typer.Context,
    file: Annotated[
        Path | None,
        typer.Option(
            "--output-file", "-f", help="Path of the archive. [default: RELEASE-TIME.tar.gz]", show_default=False
        ),
    ] = None,
    since: Annotated[str, typer.Option(help="Only logs newer than this duration, like 2h; 0 for all.")] = "24h",
    include: Annotated[list[str], typer.Option(help="Run only this collector (repeatable).")] = [],  # noqa: B006 - typer makes a new list each time
    exclude: Annotated[list[str], typer.Option(help="Skip this collector (repeatable).")] = [],  # noqa: B006
    max_size: Annotated[str, typer.Option(help="Maximum size of the archive, like 50MB.")] = "50MB",
    timeout: Annotated[
        str, typer.Option(help="Stop collecting after this duration and write what was collected.")
    ] = "60s",
    output: Output = "table",
) -> None:
    """Save a support archive of the release. It contains objects, logs, events, history and status, without secrets."""
    from fogflow_k8s.actions.bundle import bundle as action
    from fogflow_k8s.actions.bundle.collectors import Collector, last_failure
    from fogflow_k8s.console.bundle import bundle_document, bundle_screen

    session = session_of(ctx)
    when = datetime.now(UTC)
    path = file or Path(f"{action.name_of(session.release, when)}.tar.gz")
    limit, since_s, timeout_s = size(max_size), int(seconds(since)), seconds(timeout)
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise UsageError(f"--output-file {path}: {what}", hint="name a file in a folder that exists")
    op = session.operation(helm_needed=False)
    op.report.step(f"collecting release {op.release} in namespace {op.namespace} on {op.cluster.context}")
    request = action.Request(
        path=path, when=when, since_s=since_s, include=tuple(include), exclude=tuple(exclude), max_bytes=limit, timeout_s=timeout_s,
        extra=(Collector("status", lambda output: _status(op, output)), last_failure(op, default_failure_folder())),
    )  # fmt: skip
    try:
        made = action.make(op, request)
    except KeyboardInterrupt:
        raise Interrupted(
            "interrupted: no archive was written", hint="to write what is collected within ten seconds: --timeout 10s"
        ) from None
    for warning in made.warnings:
        op.report.warn(warning)
    session.reporter.close()
    print_json(bundle_document(made)) if output == "json" else session.print(bundle_screen(made))


def default_failure_folder() -> Path:
    """The folder for the archives of failed operations, unless --bundle-dir names another one."""
    from fogflow_k8s.adapters.state_dir import state_home

    return state_home() / "bundles"


def failure_folder(folder: Path | None, *, enabled: bool) -> Path | None:
    """The folder for the archive of a failure, according to the options --bundle and --bundle-dir; None for no archive."""
    return (folder or default_failure_folder()) if enabled else None


def size(text: str) -> int:
    """A size like 500KB, 50MB, 1GB or plain bytes, in bytes. Raises UsageError."""
    import re

    from fogflow_k8s.actions.bundle.bundle import SMALLEST

    units = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?B?)", text, re.IGNORECASE)
    unit = found[2].upper().removesuffix("B") if found else ""
    if not found:
        raise UsageError(f"--max-size {text!r} is not a size", hint="write it like 500KB, 50MB or 1GB")
    value = int(float(found[1]) * units[f"{unit}B" if unit else ""])
    if value < SMALLEST:
        raise UsageError(f"--max-size {text}: too small for an archive", hint=f"use at least {SMALLEST // 1000}KB")
    return value


def _status(op: "Operation", output: "CollectorOutput") -> None:
    """Collect the document and the screen of `status`, which support asks for first."""
    import io
    from dataclasses import replace

    from rich.console import Console

    from fogflow_k8s.actions.observe import status
    from fogflow_k8s.console.documents import report_document
    from fogflow_k8s.console.screens import show, status_screen
    from fogflow_k8s.engine.reporter import Silent

    report = status.status(replace(op, report=Silent()))
    output.put("status.json", report_document(report))
    drawn = io.StringIO()
    show(Console(file=drawn, width=200, no_color=True, emoji=False), status_screen(report))
    output.put("status.txt", drawn.getvalue())
