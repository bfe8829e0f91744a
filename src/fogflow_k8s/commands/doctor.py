"""`doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fogflow_k8s.commands.session import Output, Timeout, Yes, print_json, seconds, session
from fogflow_k8s.errors import Refused

if TYPE_CHECKING:
    from fogflow_k8s.commands.session import Session
    from fogflow_k8s.model.diagnosis.findings import Finding


def doctor(
    ctx: typer.Context,
    fix: Annotated[
        bool, typer.Option("--fix", help="Repair what can be repaired without data loss, step by step.")
    ] = False,
    timeout: Timeout = "5m",
    yes: Yes = False,
    output: Output = "table",
) -> None:
    """Find out what is wrong with FogFlow, and repair it with --fix. Exits with 40 if a problem remains.

    Also finds what a removed release left behind.
    """
    from fogflow_k8s.actions.doctor import doctor as action
    from fogflow_k8s.console.doctor import doctor_document, doctor_screen

    me = session(ctx)
    timeout_s = seconds(timeout)
    op = me.operation(helm_needed=fix)
    found = action.mend(op, lambda one: _agree(me, one, yes=yes), timeout_s=timeout_s) if fix else action.examine(op)
    me.reporter.close()
    print_json(doctor_document(found)) if output == "json" else me.print(doctor_screen(found))
    raise typer.Exit(found.exit_code)


def _agree(me: Session, one: Finding, *, yes: bool) -> bool:
    """Say what would be done and why, and ask. A no leaves this one as it is. Raises Refused where nobody can be asked."""
    try:
        me.confirm(f"{one.cause.id} {one.cause.summary}. Shall I {one.action}?", yes=yes)
    except Refused:
        if not me.interactive:
            raise
        return False
    return True
