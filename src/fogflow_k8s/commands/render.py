"""`render`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fogflow_k8s.commands import settings
from fogflow_k8s.commands.session import DEFAULT_NAMESPACE, existing, helm_binary, session


def render(
    ctx: typer.Context,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to; made if absent.")],
    external_ip: settings.ExternalIP = [],  # noqa: B006 - typer makes a new list each time
    config: settings.Config = None,
    values: settings.ValuesFiles = [],  # noqa: B006
    set_: settings.Set = [],  # noqa: B006
    expose: settings.Expose = "",
) -> None:
    """Write config.json, values.yaml and the manifests to a folder. No cluster is needed."""
    from fogflow_k8s.actions.preflight import BUS_SECRET
    from fogflow_k8s.actions.render import render as action
    from fogflow_k8s.adapters.assets import asset
    from fogflow_k8s.adapters.helm import Helm, Target
    from fogflow_k8s.adapters.process import SystemRunner

    me = session(ctx)
    wanted = settings.load(existing(config, "--config"), values, set_, external_ip, expose)
    target = Target(me.release, me.namespace or wanted.namespace or DEFAULT_NAMESPACE)
    for path in action(Helm(SystemRunner(), target, helm_binary()), asset("charts/fogflow-chart"), wanted, output):
        typer.echo(str(path))
    if wanted.rabbitmq.auth.password:
        typer.echo(
            f"The password is in none of them: kubectl -n {target.namespace} create secret generic {BUS_SECRET} --from-file=password=FILE",
            err=True,
        )
