"""The command `diff`: shows what a deploy would change."""

from typing import Annotated

import typer

from fogflow_k8s.commands import settings
from fogflow_k8s.commands.options import Output, existing
from fogflow_k8s.commands.session import print_json, session_of

CHANGES = 3  # exit code with --exit-code


def diff(
    ctx: typer.Context,
    external_ip: settings.ExternalIP = [],  # noqa: B006 - typer makes a new list each time
    config: settings.Config = None,
    values: settings.ValuesFiles = [],  # noqa: B006
    set_: settings.Set = [],  # noqa: B006
    expose: settings.Expose = "",
    preset: settings.Preset = "",
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 3 if there are changes.")] = False,
    output: Output = "table",
) -> None:
    """Show what a deploy with the same settings would change. Also shows what was changed in the cluster by hand."""
    session = session_of(ctx)
    existing(config, "--config")
    session.begin(ctx)
    from fogflow_k8s.actions.preconditions import prerequisites
    from fogflow_k8s.actions.release.diff import diff as action
    from fogflow_k8s.actions.release.request import Request
    from fogflow_k8s.adapters.assets import asset
    from fogflow_k8s.console.diff import diff_screen
    from fogflow_k8s.console.diff_document import diff_document

    wanted = settings.load_values(config, values, set_, external_ip, expose)
    op = session.operation(wanted.namespace)
    prerequisites.require(op)
    request = Request(chart=asset("charts/fogflow-chart"), values=wanted.given(), config=config, preset=preset or None)
    found = action(op, request)
    print_json(diff_document(found)) if output == "json" else session.print(diff_screen(found))
    raise typer.Exit(CHANGES if exit_code and found.changed else 0)
