"""`uninstall`."""

from __future__ import annotations

from typing import Annotated

import typer

from fogflow_k8s.commands.session import Timeout, Yes, seconds, session


def uninstall(
    ctx: typer.Context,
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help="Also the volumes and the RabbitMQ password.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would go, change nothing.")] = False,
    timeout: Timeout = "5m",
    yes: Yes = False,
) -> None:
    """Remove the release; lists what goes, keeps data unless told otherwise. Nothing installed is no error."""
    from fogflow_k8s.actions.release import uninstall as action
    from fogflow_k8s.console.screens import lines_screen

    me = session(ctx)
    timeout_s = seconds(timeout)
    op = me.operation()
    plan = action.plan(op, delete_data=delete_data)
    if not plan.installed:
        op.report.step(f"nothing to do: there is no release {op.release} in namespace {op.namespace}")
        return
    me.show(lines_screen(f"Goes, from {op.cluster.context}, namespace {op.namespace}:", plan.goes))
    me.show(lines_screen("Stays:", plan.stays))
    if dry_run:
        return
    me.confirm(f"Uninstall {op.release}?", yes=yes)
    action.uninstall(op, delete_data=delete_data, timeout_s=timeout_s)
    op.report.step(f"uninstalled {op.release}")
