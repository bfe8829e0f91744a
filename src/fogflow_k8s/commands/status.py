"""The command `status`: shows the state of a release, once, until it is ready, or repeatedly."""

from typing import TYPE_CHECKING, Annotated

import typer

from fogflow_k8s.commands.options import StatusOutput, Timeout, seconds
from fogflow_k8s.commands.session import Session, session_of

if TYPE_CHECKING:
    from fogflow_k8s.actions.observe.status import Report

EVERY_S = 2.0  # between two observations of --watch
_EXIT = {"working": 0, "unverified": 0, "progressing": 30, "degraded": 40, "failed": 40, "absent": 41}


def exit_code(report: "Report") -> int:
    """The exit code for a state; a state that the keeper should have verified, but has not, is not a success.

    30 while the keeper's report is older than the pods, 40 when its reports have stopped. Without a keeper, or with one that
    has never reported, nothing more can be known, and ready pods mean 0.
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

    session = session_of(ctx, output)
    timeout_s = seconds(timeout)
    op = session.operation(helm_needed=False)
    report = action.wait(op, timeout_s=timeout_s)[0] if wait else None
    op.report = Silent()
    if not watch:
        report = report or action.status(op)
        _show(session, report, output)
        raise typer.Exit(exit_code(report))
    for turn, report in enumerate(action.watch(op, session.reporter, every_s=EVERY_S)):
        session.reporter.close()
        if turn and output in {"table", "short"} and session.out.is_terminal:
            session.out.clear()
        _show(session, report, output)


def _show(session: Session, report: "Report", output: str) -> None:
    if output in {"json", "jsonl"}:
        from fogflow_k8s.console.documents import report_document

        session.print_document(report_document(report), output)
        return
    from fogflow_k8s.console.screens import short_screen, status_screen

    session.print(short_screen(report) if output == "short" else status_screen(report))
