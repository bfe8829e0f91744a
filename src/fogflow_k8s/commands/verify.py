"""The command `verify`: tests FogFlow end to end."""

import time
from pathlib import Path
from typing import Annotated

import typer

from fogflow_k8s.commands.options import Output
from fogflow_k8s.commands.session import print_json, session_of

NOT_WORKING = 40
PAUSE_S = 10.0


def verify(
    ctx: typer.Context,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Also write the results to this file in JUnit format, for CI."),
    ] = None,
    inside: Annotated[
        bool,
        typer.Option(
            "--inside", help="Skip the exposed address of the dashboard, which may be unreachable from this machine."
        ),
    ] = False,
    repeat: Annotated[int, typer.Option("--repeat", min=1, help="Number of runs; all must succeed.")] = 1,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Repeat every 10 seconds until Ctrl-C.")] = False,
    output: Output = "table",
) -> None:
    """Test that FogFlow works end to end, after a deploy. Exits with 40 if a test fails.

    Tests publish and subscribe, the reverse proxy and the dashboard, and evaluates the keeper's observations.
    """
    from fogflow_k8s.actions.observe import verify as action
    from fogflow_k8s.console import documents, screens
    from fogflow_k8s.console import junit as junit_file

    session = session_of(ctx)
    op, kubectl = session.operation(helm_needed=False), session.kubectl()
    ok, turn = True, 0
    while True:
        turn += 1
        proof = action.verify(op, kubectl, inside=inside)
        ok = ok and proof.ok
        if junit and (turn == 1 or not proof.ok):  # keeps the last failure, if there was one
            junit.write_text(junit_file.of_proof(proof), encoding="utf-8")
        print_json(documents.proof_document(proof)) if output == "json" else session.print(screens.proof_screen(proof))
        if not watch and turn >= repeat:
            raise typer.Exit(0 if ok else NOT_WORKING)
        time.sleep(PAUSE_S)
