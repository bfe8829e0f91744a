"""The command `render`: writes manifests for `kubectl apply`."""

from pathlib import Path
from typing import Annotated

import typer

from fogflow_k8s.commands import settings
from fogflow_k8s.commands.options import existing
from fogflow_k8s.commands.session import DEFAULT_NAMESPACE, Session, helm_binary, session_of

_TIMEOUT_S = 5.0  # for the version of a cluster, which may not exist


def render(
    ctx: typer.Context,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to; created if it does not exist.")],
    external_ip: settings.ExternalIP = [],  # noqa: B006 - typer makes a new list each time
    config: settings.Config = None,
    values: settings.ValuesFiles = [],  # noqa: B006
    set_: settings.Set = [],  # noqa: B006
    expose: settings.Expose = "",
    kube_version: Annotated[
        str,
        typer.Option(
            metavar="VERSION",
            help="Kubernetes version to render for, like v1.37.0. Default: the version of the cluster, if it is "
            "reachable and supported; otherwise the oldest version that the chart supports.",
        ),
    ] = "",
    include_hooks: Annotated[
        bool,
        typer.Option("--include-hooks", help="Also write Helm's hooks and tests, which `kubectl apply` would run."),
    ] = False,
) -> None:
    """Write config.json, values.yaml and manifests to a folder. No cluster is needed.

    The manifests are for `kubectl apply`.
    """
    from fogflow_k8s.actions.release.render import render as action
    from fogflow_k8s.adapters.assets import asset
    from fogflow_k8s.adapters.helm.client import Helm, Target
    from fogflow_k8s.adapters.process import SystemRunner

    session = session_of(ctx)
    wanted = settings.load_values(existing(config, "--config"), values, set_, external_ip, expose)
    target = Target(session.release, session.namespace or wanted.namespace or DEFAULT_NAMESPACE)
    helm = Helm(SystemRunner(), target, helm_binary())
    version, why = (kube_version, "") if kube_version else version_for(session)
    made = action(helm, asset("charts/fogflow-chart"), wanted, output, kube_version=version, hooks=include_hooks)
    for path in made.files:
        typer.echo(str(path))
    if why:
        typer.echo(f"rendered for Kubernetes {version}, {why}; for another version: --kube-version VERSION", err=True)
    typer.echo(f"before kubectl apply -f {output / 'manifests.yaml'}, create what does not exist yet:", err=True)
    for command in made.before:
        typer.echo(f"  {command}", err=True)
    if wanted.rabbitmq.auth.password:
        typer.echo(
            "the RabbitMQ password of your settings is in none of these files: write it to FILE, without a line end",
            err=True,
        )


def version_for(session: Session) -> tuple[str, str]:
    """The Kubernetes version to render for, and the reason for it.

    It is the cluster's version, if the cluster answers and the chart supports that version, otherwise the oldest version
    that the chart supports. Raises UsageError for a context or kubeconfig that does not exist, as every command does.
    """
    from fogflow_k8s.actions.release.render import OLDEST, supported
    from fogflow_k8s.adapters.kubernetes.client import KubeCluster
    from fogflow_k8s.errors import FogflowError, UsageError

    oldest = "the oldest that the chart supports"
    try:
        cluster = KubeCluster(session.kube_context, timeout_s=_TIMEOUT_S)
        version = cluster.version
    except UsageError:
        raise
    except FogflowError as error:
        return OLDEST, f"{oldest}: the cluster's version is not known ({error.message})"
    if supported(version):
        return version, f"the version of the cluster of context {cluster.context}"
    return OLDEST, f"{oldest}: the cluster of context {cluster.context} reports {version or 'no version'}"
