"""The command `images build`: builds the image of the native worker."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fogflow_k8s.commands import complete
from fogflow_k8s.commands.options import Output
from fogflow_k8s.commands.session import Session, print_json, session_of

if TYPE_CHECKING:
    from fogflow_k8s.actions.images.build import BuiltImage

Platform = Annotated[
    str,
    typer.Option(
        "--platform",
        metavar="OS/ARCH",
        autocompletion=complete.words("linux/amd64", "linux/arm64"),
        help="Platform to build for: linux/amd64 or linux/arm64. [default: that of the Docker engine; with --export "
        "linux/amd64]",
    ),
]
Tag = Annotated[str, typer.Option("--tag", metavar="IMAGE", help="Name of the image. [default: the name in the chart]")]
Base = Annotated[
    str,
    typer.Option("--base", metavar="IMAGE", help="Base image, with glibc and Python 3.13. [default: python:3.13-slim]"),
]
Load = Annotated[
    str,
    typer.Option(
        "--load", metavar="SANDBOX", help="Also load the image into the sandbox of this name, like `default`."
    ),
]
Save = Annotated[
    Path | None,
    typer.Option(
        "--save", metavar="FILE.tar", help="Also write the image to this archive, and print how to import it on a node."
    ),
]
Push = Annotated[
    str,
    typer.Option(
        "--push", metavar="IMAGE", help="Also push the image under this name, with the login of `docker login`."
    ),
]
Export = Annotated[
    Path | None,
    typer.Option(
        "--export", metavar="FOLDER", help="Do not build; write the files that another builder needs to this folder."
    ),
]
WithBench = Annotated[
    bool,
    typer.Option(
        "--with-bench", help="Also add vegeta, the load generator of `bench run`; the engine builds it with a Go image."
    ),
]


def build(
    ctx: typer.Context,
    platform: Platform = "",
    tag: Tag = "",
    base: Base = "",
    load: Load = "",
    save: Save = None,
    push: Push = "",
    export: Export = None,
    with_bench: WithBench = False,
    output: Output = "table",
) -> None:
    """Build the native worker's image with this machine's Docker engine. The same input produces the same layer."""
    from fogflow_k8s.actions.images import build as action
    from fogflow_k8s.adapters.process import SystemRunner
    from fogflow_k8s.console import images as screens

    session = session_of(ctx)
    require_platforms([platform] if platform else [])
    runner, name = SystemRunner(echo=session.echo), tag or action.NAME
    if export:
        platform = platform or "linux/amd64"
        action.write_context(export, platform, runner, session.reporter, with_bench=with_bench)
        session.reporter.log(f"next: docker buildx build --platform {platform} --file {export}/Containerfile --tag {name} {export}")  # fmt: skip
        return
    if push:
        action.require_tag(push, "--push")  # a wrong name is refused before the image is built
    if load:
        _require_running(load)
    built = action.build(name, base or action.BASE, platform, runner, session.reporter, with_bench=with_bench)
    if save:
        action.save(built, save, session.reporter)
        session.reporter.log(f"next, on each node: ctr --namespace k8s.io images import {save.name}")
    if load:
        _load_into_sandbox(session, built, load)
    digest = action.push(built, push, session.reporter) if push else ""
    print_json(screens.build_document(built, digest)) if output == "json" else session.print(screens.build_screen(built, digest))  # fmt: skip


def require_platforms(given: list[str]) -> None:
    """Raises UsageError for a --platform that is not OS/ARCH."""
    from fogflow_k8s.errors import UsageError
    from fogflow_k8s.model.image.reference import checked_platform

    for text in given:
        try:
            checked_platform(text)
        except ValueError as error:
            raise UsageError(f"--platform {error}", hint="--platform linux/arm64") from error


def _require_running(sandbox: str) -> None:
    from fogflow_k8s.sandbox import operate

    operate.require_running(sandbox)


def _load_into_sandbox(session: Session, built: "BuiltImage", name: str) -> None:
    """Save the image to an archive, and load that as `sandbox load` does."""
    import tempfile

    from fogflow_k8s.actions.images import build as action
    from fogflow_k8s.sandbox import operate

    with tempfile.TemporaryDirectory(prefix="fogflow-k8s-") as folder:
        archive = Path(folder, "worker.tar")
        action.save(built, archive, session.reporter)
        for loaded in operate.load_images(name, [archive], session.reporter):
            session.reporter.log(f"loaded {loaded} into sandbox {name}")
