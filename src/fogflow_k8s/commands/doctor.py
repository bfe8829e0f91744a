"""The command `doctor`: finds problems of a release, and repairs them with --fix."""

from typing import TYPE_CHECKING, Annotated

import typer

from fogflow_k8s.commands.options import Output, Timeout, Yes, seconds
from fogflow_k8s.commands.session import Session, print_json, session_of
from fogflow_k8s.errors import Refused

if TYPE_CHECKING:
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

    session = session_of(ctx)
    timeout_s = seconds(timeout)
    op = session.operation(helm_needed=fix)
    found = (
        action.fix_findings(op, lambda finding: _confirm_fix(session, finding, yes=yes), timeout_s=timeout_s)
        if fix
        else action.examine(op)
    )
    session.reporter.close()
    print_json(doctor_document(found)) if output == "json" else session.print(doctor_screen(found))
    raise typer.Exit(found.exit_code)


def _confirm_fix(session: Session, finding: "Finding", *, yes: bool) -> bool:
    """Ask whether to fix a finding; False leaves it unchanged. Raises Refused without a terminal and without --yes."""
    try:
        session.confirm(f"{finding.cause.id} {finding.cause.summary}. Fix it: {finding.action}?", yes=yes)
    except Refused:
        if not session.interactive:
            raise
        return False
    return True
