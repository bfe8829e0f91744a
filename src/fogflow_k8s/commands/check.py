"""The command `check`: tests the prerequisites of a deploy."""

from pathlib import Path
from typing import Annotated

import typer

from fogflow_k8s.commands import complete, settings
from fogflow_k8s.commands.options import ShortOutput, among, existing
from fogflow_k8s.commands.session import print_json, session_of


def check(
    ctx: typer.Context,
    external_ip: settings.ExternalIP = [],  # noqa: B006 - typer makes a new list each time
    config: settings.Config = None,
    values: settings.ValuesFiles = [],  # noqa: B006
    set_: settings.Set = [],  # noqa: B006
    expose: settings.Expose = "",
    preset: settings.Preset = "",
    pre: Annotated[bool, typer.Option("--pre", help="Run only the checks that apply before an installation.")] = False,
    fail_on: Annotated[
        str,
        typer.Option(
            callback=among("--fail-on", "error", "warning"),
            help="Lowest severity that makes the command exit with 10: error or warning.",
        ),
    ] = "error",
    suppress: Annotated[
        list[str],
        typer.Option(metavar="ID", autocompletion=complete.checks, help="Skip the check with this id (repeatable)."),
    ] = [],  # noqa: B006
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Also write the results to this file in JUnit format, for CI."),
    ] = None,
    output: ShortOutput = "table",
) -> None:
    """Check the cluster, machine and settings before a deploy. Changes nothing.

    If a release is installed, the command also checks the release, unless --pre is given.
    """
    from fogflow_k8s.actions.check.check import run_checks
    from fogflow_k8s.actions.release.request import Request
    from fogflow_k8s.adapters.assets import asset
    from fogflow_k8s.console import checkup as console
    from fogflow_k8s.console import junit as junit_file

    session = session_of(ctx)
    existing(config, "--config")
    wanted = settings.load_values(config, values, set_, external_ip, expose)
    op = session.operation(wanted.namespace)
    request = Request(chart=asset("charts/fogflow-chart"), values=wanted.given(), config=config, preset=preset or None)
    found = run_checks(op, request, pre=pre, without=suppress)
    if junit:
        junit.write_text(junit_file.of_checkup(found), encoding="utf-8")
    if output == "json":
        print_json(console.document(found))
    else:
        session.print(console.screen(found, short=output == "short"))
    raise typer.Exit(found.exit_code(fail_on))
