"""The command `history`: lists the revisions of a release."""

import typer

from fogflow_k8s.commands.options import Output
from fogflow_k8s.commands.session import print_json, session_of


def history(ctx: typer.Context, output: Output = "table") -> None:
    """List the revisions of the release. Shows status, chart, author, time, and whether it was seen working."""
    from fogflow_k8s.actions.observe.history import history as action
    from fogflow_k8s.console.documents import history_document
    from fogflow_k8s.console.screens import history_screen

    session = session_of(ctx)
    revisions = action(session.operation(helm_needed=False))
    print_json(history_document(revisions)) if output == "json" else session.print(history_screen(revisions))
