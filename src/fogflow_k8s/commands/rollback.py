"""The command `rollback`: returns a release to an earlier revision."""

from typing import Annotated

import typer

from fogflow_k8s.commands import complete
from fogflow_k8s.commands.bundle import Folder, OnFailure, failure_folder
from fogflow_k8s.commands.options import EventsOutput, Timeout, Yes, seconds
from fogflow_k8s.commands.session import session_of


def rollback(
    ctx: typer.Context,
    revision: Annotated[
        int | None,
        typer.Argument(
            autocompletion=complete.revisions,
            help="Revision to roll back to. [default: the newest earlier revision that worked]",
        ),
    ] = None,
    timeout: Timeout = "5m",
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until every component is ready and FogFlow works.")
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, without changing anything.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Allow changes that lose data: switching between one and several brokers or workers, or "
            "removing broker shards.",
        ),
    ] = False,
    yes: Yes = False,
    bundle: OnFailure = True,
    bundle_dir: Folder = None,
    output: EventsOutput = "table",
) -> None:
    """Roll back to an earlier revision and wait until it is ready. Shows first what changes, and then the result."""
    from fogflow_k8s.actions.release import rollback as action
    from fogflow_k8s.console.diff import changes_screen

    session = session_of(ctx, output)
    timeout_s = seconds(timeout)
    op = session.operation()
    op.bundles = failure_folder(bundle_dir, enabled=bundle)
    plan = action.plan(op, revision)
    plan.require_no_loss(force=force)
    op.report.step(
        f"release {op.release}: revision {plan.current.number} -> the state of revision {plan.target.number}"
    )
    if not session.quiet:
        session.print_to_stderr(changes_screen(plan.changes, op.namespace))
    if dry_run:
        if output != "table":  # the table was printed above
            session.print_outcome(action.dry_run(op, plan), output)
        return
    session.confirm(f"Roll back {op.release} in namespace {op.namespace} on {op.cluster.context}?", yes=yes)
    outcome = action.rollback(op, plan, timeout_s=timeout_s, wait=wait)
    session.print_outcome(outcome, output)
    raise typer.Exit(outcome.exit_code)
