"""The command `dashboard`: forwards a local port to the dashboard, and restores a lost connection."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from fogflow_k8s.commands.session import session_of

if TYPE_CHECKING:
    from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl

STABLE_S = 10.0  # after a connection that lasted this long, losses are counted from 1 again
PAUSES_S = (
    1.0,
    2.0,
    4.0,
    8.0,
)  # before each attempt to forward again; the pod of a lost node takes longer, and the command fails
_PATH = "/healthz"  # of nginx; not in its access log


def dashboard(
    ctx: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 for any free port.")] = 8080,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the dashboard in the browser.")] = True,
) -> None:
    """Open the dashboard through a forwarded port until Ctrl-C. Exposes nothing.

    If the pod behind the port goes away, the command forwards the port again. If forwarding fails, the exit code is
    that of kubectl.
    """
    session = session_of(ctx)

    def on_started(local: int) -> None:
        url = f"http://127.0.0.1:{local}/index.html"
        typer.echo(url)
        typer.echo("forwarded until Ctrl-C", err=True)
        if browser:
            import webbrowser

            webbrowser.open(url)

    keep_forwarding(session.kubectl(), port, on_started)


def keep_forwarding(kubectl: "Kubectl", port: int, on_started: Callable[[int], None]) -> None:
    """Forward a local port to nginx until Ctrl-C, and again when the connection is lost; `on_started` gets the port, once.

    Raises ForwardFailed, with kubectl's exit status as its exit code: at once when the first attempt fails, otherwise after the last.
    """
    from fogflow_k8s.adapters.kubernetes.port_forward import ForwardFailed

    local, losses = 0, 0
    while True:
        since = time.monotonic()
        try:
            with kubectl.forwarding("service/nginx", 80, local or port) as forward:
                if local:
                    typer.echo("forwarded again", err=True)
                else:
                    on_started(forward.port)
                local = forward.port  # the same again: a page that is open in the browser uses it
                lost = forward.wait_until_lost(_PATH, sys.stderr.write)
        except ForwardFailed as error:
            lost = error
        losses = 1 if time.monotonic() - since >= STABLE_S else losses + 1
        if not local or losses > len(PAUSES_S):
            lost.exit_code = lost.code or lost.exit_code
            raise lost
        typer.echo(f"{lost.message}; forwarding again", err=True)
        time.sleep(PAUSES_S[losses - 1])
