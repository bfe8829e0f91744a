"""`verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fogflow_k8s.commands.session import Output, print_json, session

BROKEN = 40


def verify(
    ctx: typer.Context,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Also as a JUnit file, for CI.")] = None,
    output: Output = "table",
) -> None:
    """Prove that FogFlow works: publish, subscribe, front door, dashboard, and what the keeper sees. Exit 40 if not."""
    from fogflow_k8s.actions import verify as action
    from fogflow_k8s.console import documents, screens

    me = session(ctx)
    proof = action.verify(me.operation(), me.kubectl())
    if junit:
        junit.write_text(documents.junit(proof), encoding="utf-8")
    print_json(documents.proof_document(proof)) if output == "json" else me.show(screens.proof_screen(proof))
    raise typer.Exit(0 if proof.ok else BROKEN)
