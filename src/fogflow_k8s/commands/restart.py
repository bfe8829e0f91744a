"""The command `restart`: restarts components in the order that FogFlow requires."""

from typing import Annotated

import typer

from fogflow_k8s.commands import complete
from fogflow_k8s.commands.options import Output, Timeout, Yes, seconds
from fogflow_k8s.commands.session import print_json, session_of
from fogflow_k8s.commands.status import exit_code


def restart(
    ctx: typer.Context,
    components: Annotated[
        list[str] | None,
        typer.Argument(
            autocompletion=complete.components, help="Component name, as in the table of `status`. [default: all]"
        ),
    ] = None,
    timeout: Timeout = "5m",
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until every component is ready and FogFlow works.")
    ] = True,
    yes: Yes = False,
    output: Output = "table",
) -> None:
    """Restart components in the order that FogFlow requires. Waits until FogFlow works and its tasks run again."""
    from fogflow_k8s.actions.release import restart as action
    from fogflow_k8s.console.documents import report_document
    from fogflow_k8s.console.screens import status_screen

    session = session_of(ctx)
    timeout_s = seconds(timeout)
    op = session.operation()
    what = ", ".join(components) if components else "every component"
    session.confirm(f"Restart {what} of {op.release} in namespace {op.namespace} on {op.cluster.context}?", yes=yes)
    report, _ = action.restart(op, components or (), timeout_s=timeout_s, wait=wait)
    session.reporter.close()
    print_json(report_document(report)) if output == "json" else session.print(status_screen(report))
    raise typer.Exit(exit_code(report) if wait else 0)
