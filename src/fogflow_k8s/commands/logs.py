"""The command `logs`: prints the logs of a release through kubectl, with passwords masked."""

import sys
from contextlib import suppress
from typing import Annotated

import typer

from fogflow_k8s.commands import complete
from fogflow_k8s.commands.session import DEFAULT_NAMESPACE, Session, session_of
from fogflow_k8s.errors import ClusterError, UsageError


def logs(
    ctx: typer.Context,
    component: Annotated[
        str,
        typer.Argument(
            autocompletion=complete.components, help="Component name, as in the table of `status`. [default: all]"
        ),
    ] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stream new lines until Ctrl-C.")] = False,
    previous: Annotated[
        bool, typer.Option("--previous", "-p", help="Show the logs of the containers before their last restart.")
    ] = False,
    tail: Annotated[int, typer.Option(min=-1, help="Number of lines per container; -1 for all.")] = 50,
    since: Annotated[str, typer.Option(help="Only logs newer than this duration, like 10m.")] = "",
) -> None:
    """Show the logs of a component's pods. Each line has the name of its pod, and passwords are masked.

    The exit code is that of kubectl.
    """
    from fogflow_k8s.actions import known_secrets
    from fogflow_k8s.adapters.kubernetes.client import KubeCluster
    from fogflow_k8s.model.components import NAMES
    from fogflow_k8s.model.suggestions import suggestion

    session = session_of(ctx)
    if component and component not in NAMES:
        raise UsageError(f"there is no component {component!r}", hint=suggestion(component, NAMES, f"one of {', '.join(NAMES)}"))  # fmt: skip
    selector = f"app.kubernetes.io/instance={session.release}" + (f",app.kubernetes.io/component={component}" if component else "")  # fmt: skip
    words = [f"--selector={selector}", "--all-containers", "--prefix", f"--tail={tail}", "--max-log-requests=50"]
    words += ["--follow"] * follow + ["--previous"] * previous + ([f"--since={since}"] if since else [])
    namespace = session.namespace or DEFAULT_NAMESPACE
    known = known_secrets.secret_mask(KubeCluster(session.kube_context), session.release, (namespace,))
    if known.why:
        session.reporter.warn(f"only values that look like passwords are masked: {known.why}")
    silent = True
    with session.kubectl().logs(*words) as lines:
        for line in lines:
            silent = False
            sys.stdout.write(known.redactor.text(line))
            sys.stdout.flush()
        if silent and not lines.status():
            _require_release(session)
        raise typer.Exit(lines.status())


def _require_release(session: Session) -> None:
    """Tell a release that printed nothing from one that does not exist. Raises NotInstalled."""
    from fogflow_k8s.actions.observe.status import require

    with suppress(ClusterError):  # who may read logs only does not see releases
        require(session.operation(helm_needed=False))
