"""`status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fogflow_k8s.commands.session import StatusOutput, Timeout, seconds, session

if TYPE_CHECKING:
    from fogflow_k8s.actions.observe.status import Report
    from fogflow_k8s.commands.session import Session

EVERY_S = 2.0  # between two looks of --watch
_EXIT = {"working": 0, "unverified": 0, "progressing": 30, "degraded": 40, "failed": 40, "absent": 41}


def exit_code(report: Report) -> int:
    """The exit code for a state. One that a keeper should have verified, and has not, is no success.

    30 while its report is older than the pods, 40 once its reports have stopped. With no keeper, or one that has never
    reported, nothing more can be known, and ready pods are 0.
    """
    health = report.assessment.health
    if report.state == "unverified" and health and health.overdue:
        return 40 if health.stale else 30
    return _EXIT[report.state]


def status(
    ctx: typer.Context,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until every component is ready and FogFlow works.")
    ] = False,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            "-w",
            help="Refresh every 2 seconds until Ctrl-C, also while the API server is unreachable.",
        ),
    ] = False,
    timeout: Timeout = "5m",
    output: StatusOutput = "table",
) -> None:
    """Show the current state and the root cause of a problem. Use it at any time.

    Prints one row per component, and names what could not be checked.
    """
    from fogflow_k8s.actions.observe import status as action
    from fogflow_k8s.engine.reporter import Silent

    me = session(ctx)
    timeout_s = seconds(timeout)
    if output == "jsonl":
        me.use_json_lines()
    op = me.operation(helm_needed=False)
    report = action.wait(op, timeout_s=timeout_s)[0] if wait else None
    op.report = Silent()
    if not watch:
        report = report or action.status(op)
        _show(me, report, output)
        raise typer.Exit(exit_code(report))
    for turn, report in enumerate(action.watch(op, me.reporter, every_s=EVERY_S)):
        me.reporter.close()
        if turn and output in {"table", "short"} and me.out.is_terminal:
            me.out.clear()
        _show(me, report, output)


def _show(me: Session, report: Report, output: str) -> None:
    if output in {"json", "jsonl"}:
        from fogflow_k8s.console.documents import report_document

        me.print_document(report_document(report), output)
        return
    from fogflow_k8s.console.screens import short_screen, status_screen

    me.print(short_screen(report) if output == "short" else status_screen(report))
