"""`status`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from fogflow_k8s.commands.session import ShortOutput, Timeout, print_json, seconds, session

if TYPE_CHECKING:
    from fogflow_k8s.actions.status import Report

_EXIT = {"working": 0, "unverified": 0, "progressing": 30, "degraded": 40, "failed": 40, "absent": 41}


def exit_code(report: Report) -> int:
    """The exit code for a state. One that a keeper should have verified, and has not, is no success.

    30 while its report is older than the pods, 40 once its reports have stopped. With no keeper, or one that has never
    reported, nothing more can be known, and ready pods are 0.
    """
    cell = report.assessment.cell
    if report.state == "unverified" and cell and cell.overdue:
        return 40 if cell.stale else 30
    return _EXIT[report.state]


def status(
    ctx: typer.Context,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until every component is ready.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it again every two seconds, until Ctrl-C.")
    ] = False,
    timeout: Timeout = "5m",
    output: ShortOutput = "table",
) -> None:
    """Show one row per component, the root cause of what is wrong, and what could not be checked."""
    from fogflow_k8s.actions import status as action
    from fogflow_k8s.console.documents import report_document
    from fogflow_k8s.console.screens import short_screen, status_screen
    from fogflow_k8s.engine.reporter import Silent

    me = session(ctx)
    timeout_s = seconds(timeout)
    op = me.operation()
    if wait:
        report, _ = action.wait(op, timeout_s=timeout_s)
    else:
        op.report = Silent()
        report = action.status(op)
    while True:
        me.reporter.close()
        if output == "json":
            print_json(report_document(report))
        else:
            me.show(short_screen(report) if output == "short" else status_screen(report))
        if not watch:
            raise typer.Exit(exit_code(report))
        time.sleep(2)
        if output != "json" and me.out.is_terminal:
            me.out.clear()
        report = action.status(op)
