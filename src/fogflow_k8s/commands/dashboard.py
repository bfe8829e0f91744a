"""`dashboard`."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from fogflow_k8s.commands.session import session


def dashboard(
    ctx: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 for a free one.")] = 8080,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open it in the browser.")] = True,
) -> None:
    """Open the dashboard through a forwarded port, without exposing anything; ends with Ctrl-C."""
    me = session(ctx)
    with me.kubectl().forward("service/nginx", 80, port) as local:
        url = f"http://127.0.0.1:{local}/index.html"
        typer.echo(url)
        typer.echo("forwarded until Ctrl-C", err=True)
        if browser:
            import webbrowser

            webbrowser.open(url)
        signal.pause()
