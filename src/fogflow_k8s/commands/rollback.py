"""`rollback`."""

from __future__ import annotations

from typing import Annotated

import typer

from fogflow_k8s.commands import complete
from fogflow_k8s.commands.bundle import Folder, OnFailure, failures_go_to
from fogflow_k8s.commands.session import EventsOutput, Timeout, Yes, seconds, session


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

    me = session(ctx)
    if output == "jsonl":
        me.use_json_lines()
    timeout_s = seconds(timeout)
    op = me.operation()
    op.bundles = failures_go_to(bundle_dir, wanted=bundle)
    plan = action.plan(op, revision)
    plan.require_no_loss(force=force)
    op.report.step(
        f"release {op.release}: revision {plan.current.number} -> the state of revision {plan.target.number}"
    )
    if not me.quiet:
        me.print_to_stderr(changes_screen(plan.changes, op.namespace))
    if dry_run:
        if output != "table":  # the table is what was printed above
            me.print_outcome(action.rehearse(op, plan), output)
        return
    me.confirm(f"Roll back {op.release} in namespace {op.namespace} on {op.cluster.context}?", yes=yes)
    outcome = action.rollback(op, plan, timeout_s=timeout_s, wait=wait)
    me.print_outcome(outcome, output)
    raise typer.Exit(outcome.exit_code)
