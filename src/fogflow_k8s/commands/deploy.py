"""`deploy`."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Annotated

import typer

from fogflow_k8s.commands import settings
from fogflow_k8s.commands.session import Output, Timeout, existing, one_of, print_json, seconds, session


def deploy(
    ctx: typer.Context,
    external_ip: settings.ExternalIP = [],  # noqa: B006 - typer makes a new list each time
    config: settings.Config = None,
    values: settings.ValuesFiles = [],  # noqa: B006
    set_: settings.Set = [],  # noqa: B006
    expose: settings.Expose = "",
    preset: settings.Preset = "",
    timeout: Timeout = "5m",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until every component is ready.")] = True,
    rollback_on_failure: Annotated[
        bool, typer.Option("--rollback-on-failure/--no-rollback-on-failure", help="Take a failed upgrade back.")
    ] = True,
    force_conflicts: Annotated[
        bool, typer.Option("--force-conflicts", help="Take over fields that others own.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Though brokers or workers change their kind, or shards go, with what they hold."),
    ] = False,
    dry_run: Annotated[str, typer.Option(help="client or server: say what would change, change nothing.")] = "",
    allow_other_cluster: Annotated[
        bool, typer.Option("--allow-other-cluster", help="This cluster, though the last one was another.")
    ] = False,
    expect_cluster: Annotated[str, typer.Option(help="Refuse any cluster but the one with this UID.")] = "",
    output: Output = "table",
) -> None:
    """Install FogFlow, upgrade it, or do nothing, whichever the state asks for; wait; take a failed upgrade back."""
    me = session(ctx)
    one_of(dry_run, ("", "client", "server"), "--dry-run")
    timeout_s = seconds(timeout)
    existing(config, "--config")
    me.begin(ctx)
    from fogflow_k8s.actions import check
    from fogflow_k8s.actions.deploy import deploy as action
    from fogflow_k8s.actions.work import Request
    from fogflow_k8s.adapters.assets import asset

    wanted = settings.load(config, values, set_, external_ip, expose)
    op = me.operation(wanted.namespace)
    check.require(op)
    if output == "table":
        op.meanwhile = partial(import_module, "fogflow_k8s.console.screens")
    request = Request(
        chart=asset("charts/fogflow-chart"),
        values=wanted.given(),
        config=config,
        timeout_s=timeout_s,
        wait=wait,
        rollback_on_failure=rollback_on_failure,
        force_conflicts=force_conflicts,
        dry_run=dry_run,
        allow_other_cluster=allow_other_cluster,
        expect_cluster=expect_cluster,
        preset=preset,
        force=force,
    )
    outcome = action(op, request)
    me.reporter.close()
    if output == "json":
        from fogflow_k8s.console.documents import outcome_document

        print_json(outcome_document(outcome))
    else:
        from fogflow_k8s.console.screens import outcome_screen

        me.show(outcome_screen(outcome))
    raise typer.Exit(outcome.exit_code)
