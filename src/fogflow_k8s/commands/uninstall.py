"""The command `uninstall`: removes a release, after listing what is removed and what is kept."""

from typing import Annotated

import typer

from fogflow_k8s.commands.options import Timeout, Yes, seconds
from fogflow_k8s.commands.session import session_of


def uninstall(
    ctx: typer.Context,
    delete_data: Annotated[
        bool,
        typer.Option(
            "--delete-data",
            help="Also delete the volumes, the RabbitMQ password, and the namespace of the tasks if the "
            "release created it.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, without changing anything.")
    ] = False,
    timeout: Timeout = "5m",
    yes: Yes = False,
) -> None:
    """Remove the release. Keeps its data unless --delete-data is given.

    First lists what is removed and what is kept. Succeeds if no release is installed.
    """
    from fogflow_k8s.actions.release import uninstall as action
    from fogflow_k8s.console.screens import lines_screen

    session = session_of(ctx)
    timeout_s = seconds(timeout)
    op = session.operation()
    plan = action.plan(op, delete_data=delete_data)
    if plan.absence:
        op.report.step(f"nothing to do: there is no release {op.release} in namespace {op.namespace}")
        if unmanaged := plan.absence.finding:
            op.report.warn(f"{unmanaged.summary}; {plan.absence.hint}")
        elif plan.absence.elsewhere:
            op.report.warn(plan.absence.elsewhere_hint)
        return
    session.print(lines_screen(f"Will be removed from {op.cluster.context}, namespace {op.namespace}:", plan.removed))
    delete = "" if delete_data else " (all but the namespace are deleted with --delete-data)" * (len(plan.kept) > 1)
    session.print(lines_screen(f"Will be kept{delete}:", plan.kept))
    if dry_run:
        return
    session.confirm(f"Uninstall {op.release}?", yes=yes)
    action.uninstall(op, delete_data=delete_data, timeout_s=timeout_s)
    op.report.step(f"uninstalled {op.release}")
