"""The commands `images`: `list`, `check` and `mirror`; `build` is in `image_build`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fogflow_k8s.commands import complete, settings
from fogflow_k8s.commands.grouped import Grouped
from fogflow_k8s.commands.image_build import build, require_platforms
from fogflow_k8s.commands.options import Output, existing
from fogflow_k8s.commands.session import DEFAULT_NAMESPACE, Session, helm_binary, print_json, session_of

if TYPE_CHECKING:
    from fogflow_k8s.actions.images.check import PullSecrets, TargetPlatforms
    from fogflow_k8s.actions.images.listing import ImageUses

app = typer.Typer(
    name="images",
    help="List, check, mirror and build the chart's images.",
    no_args_is_help=True,
    rich_markup_mode=None,
    cls=Grouped,
)
PREFLIGHT = 10

Platforms = Annotated[
    list[str],
    typer.Option(
        "--platform",
        metavar="OS/ARCH",
        autocompletion=complete.words("linux/amd64", "linux/arm64"),
        help="Platform, like linux/amd64 or linux/arm64 (repeatable).",
    ),
]
Insecure = Annotated[
    list[str],
    typer.Option(
        "--insecure-registry",
        metavar="HOST[:PORT]",
        help="Use plain HTTP for this registry (repeatable); not needed for localhost.",
    ),
]


@app.command("list")
def list_(
    ctx: typer.Context,
    config: settings.Config = None,
    values: settings.ValuesFiles = [],  # noqa: B006 - typer makes a new list each time
    set_: settings.Set = [],  # noqa: B006
    output: Output = "table",
) -> None:
    """List every image that the chart runs with these settings. Does not contact a cluster or a registry."""
    from fogflow_k8s.console import images as screens

    session = session_of(ctx)
    wanted = _wanted(session, config, values, set_)
    print_json(screens.list_document(wanted)) if output == "json" else session.print(screens.list_screen(wanted))


@app.command()
def check(
    ctx: typer.Context,
    config: settings.Config = None,
    values: settings.ValuesFiles = [],  # noqa: B006
    set_: settings.Set = [],  # noqa: B006
    platform: Platforms = [],  # noqa: B006
    insecure_registry: Insecure = [],  # noqa: B006
    pin: Annotated[
        Path | None,
        typer.Option(
            "--pin",
            metavar="FILE",
            help="Write the digests to this file as values that pin the images, for use with --values.",
        ),
    ] = None,
    output: Output = "table",
) -> None:
    """Check whether the nodes can pull every image. Asks the registries, and pulls nothing. Exits with 10 if not.

    The platforms are those of the cluster's nodes, unless --platform is given; without a cluster, the default is
    linux/amd64.
    """
    from fogflow_k8s.actions.images.check import check as action
    from fogflow_k8s.actions.images.listing import Registries, write_values
    from fogflow_k8s.adapters.registry.credentials import docker_logins
    from fogflow_k8s.console import images as screens

    session = session_of(ctx)
    require_platforms(platform)
    wanted = _wanted(session, config, values, set_)
    nodes, secrets = _nodes_and_secrets(session, wanted, tuple(platform))
    checked = action(wanted, Registries(insecure_registry), docker_logins(), nodes, secrets)
    print_json(screens.checked_document(checked)) if output == "json" else session.print(screens.check_screen(checked))
    if pin and len(checked.digests) == len(wanted.uses):
        about = (
            "Pins every image to the digest that its tag had. Use it with --values; write it again to get newer images."
        )
        session.reporter.log(f"digests: {write_values(pin, about, wanted.pins(checked.digests))}")
    elif pin:
        session.reporter.warn(f"{pin} was not written: not every digest is known")
    raise typer.Exit(0 if checked.ok else PREFLIGHT)


@app.command()
def mirror(
    ctx: typer.Context,
    to: Annotated[
        str,
        typer.Option("--to", metavar="REGISTRY[/PREFIX]", help="Registry, and optional prefix, to copy the images to."),
    ],
    config: settings.Config = None,
    values: settings.ValuesFiles = [],  # noqa: B006
    set_: settings.Set = [],  # noqa: B006
    platform: Platforms = [],  # noqa: B006
    insecure_registry: Insecure = [],  # noqa: B006
    values_out: Annotated[
        Path | None,
        typer.Option(
            "--values-out",
            metavar="FILE",
            help="Write values that point to the copies to this file, for use with --values.",
        ),
    ] = None,
    output: Output = "table",
) -> None:
    """Copy every image into your registry. Copies directly from registry to registry.

    Content that your registry already has is not sent again. The command uses the logins of `docker login`. The copies
    have the digests of the originals, unless --platform omits a platform.
    """
    from fogflow_k8s.actions.images.listing import Registries, write_values
    from fogflow_k8s.actions.images.mirror import mirror as action
    from fogflow_k8s.adapters.registry.credentials import docker_logins
    from fogflow_k8s.console import images as screens
    from fogflow_k8s.errors import UsageError
    from fogflow_k8s.model.image.reference import split_place

    session = session_of(ctx)
    require_platforms(platform)
    try:
        place = split_place(to)
    except ValueError as error:
        raise UsageError(f"--to {error}", hint="--to registry.example:5000/fogflow") from error
    wanted = _wanted(session, config, values, set_)
    done = action(wanted, Registries(insecure_registry), docker_logins(), place, platform, session.reporter)
    print_json(screens.mirror_document(done)) if output == "json" else session.print(screens.mirror_screen(done))
    if values_out and not done.failures:
        about = f"Pulls every image from {to}. Use it with --values."
        session.reporter.log(f"next: fogflow-k8s deploy --values {write_values(values_out, about, done.values)}")
    elif values_out:
        session.reporter.warn(
            f"{values_out} was not written: not every image was copied. Run the command again; it sends only what is missing"
        )
    raise typer.Exit(PREFLIGHT if done.failures else 0)


app.command()(build)


def _wanted(session: Session, config: Path | None, values: list[Path], sets: list[str]) -> "ImageUses":
    from fogflow_k8s.actions.images.listing import wanted
    from fogflow_k8s.adapters.assets import asset
    from fogflow_k8s.adapters.helm.client import Helm, Target
    from fogflow_k8s.adapters.process import SystemRunner

    given = settings.load_values(existing(config, "--config"), values, sets, [])
    target = Target(session.release, session.namespace or given.namespace or DEFAULT_NAMESPACE)
    return wanted(Helm(SystemRunner(), target, helm_binary()), asset("charts/fogflow-chart"), given)


def _nodes_and_secrets(
    session: Session, wanted: "ImageUses", platforms: tuple[str, ...]
) -> "tuple[TargetPlatforms, PullSecrets]":
    """The nodes and the pull secrets of the cluster; if none is reachable and none was named, empty ones after a warning."""
    from fogflow_k8s.actions.images.check import DEFAULT_PLATFORM, PullSecrets, TargetPlatforms, secrets_of
    from fogflow_k8s.errors import FogflowError

    try:
        op = session.operation()
        secrets = secrets_of(op, wanted.uses)
        nodes = () if platforms else op.nodes
    except FogflowError as error:
        if session.context or session.kubeconfig:
            raise
        session.reporter.warn(f"the nodes and pull secrets of the cluster are unknown: {error.message}")
        return TargetPlatforms((), platforms), PullSecrets()
    if nodes is None:
        session.reporter.warn(
            f"the right to list nodes is missing: images are checked for {DEFAULT_PLATFORM}; select others with --platform"
        )
    return TargetPlatforms(tuple(nodes or ()), platforms), secrets
