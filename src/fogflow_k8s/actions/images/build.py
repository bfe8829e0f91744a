"""`images build`: build the image of the native worker with the Docker engine of this machine.

The build context is the worker's folder (worker.py) and a Containerfile that copies it onto a Python base image.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fogflow_k8s import __version__
from fogflow_k8s.actions.images import worker
from fogflow_k8s.adapters.assets import asset
from fogflow_k8s.adapters.docker import build_context, engine
from fogflow_k8s.adapters.process import Runner
from fogflow_k8s.engine.reporter import Reporter
from fogflow_k8s.errors import UsageError
from fogflow_k8s.model.image.reference import parse

NAME = f"localhost/fogflow-k8s/worker:{__version__}"
"""The image that the chart uses by default: chart and program have the same version."""
BASE = "docker.io/library/python:3.13-slim"
_RECIPE = "Containerfile"  # of the context
_WITH_BENCH = "Containerfile.bench"
_ROOT = "root"  # of the image, in the context


@dataclass(frozen=True)
class BuiltImage:
    """An image in the engine. `layer`: the digest of the layer added to the base; `size`: its unpacked size in bytes."""

    name: str
    id: str
    platform: str
    base: str
    layer: str
    size: int


def build(
    name: str, base: str, platform: str, runner: Runner, report: Reporter, *, with_bench: bool = False
) -> BuiltImage:
    """Build the image, for the engine's platform if `platform` is "". Raises UsageError, PreflightFailed, FogflowError.

    `with_bench`: also with the program of the load generator, which the engine then builds with a Go image.
    """
    require_tag(name, "--tag")
    require_tag(base, "--base")
    engines = engine.platform()  # fails without an engine, before anything is fetched
    platform = platform or engines
    with tempfile.TemporaryDirectory(prefix="fogflow-k8s-") as folder:
        app = Path(folder)
        worker.make(app, platform, runner, report)
        context = build_context.pack(app, f"{_ROOT}/app", {_RECIPE: _recipe(with_bench=with_bench)})
    report.step(f"building {name} on {base}")
    id_, digests = engine.build(context, name, platform, {"BASE": base})
    return BuiltImage(name, id_, platform, base, digests[-1], len(context))


def _recipe(*, with_bench: bool) -> bytes:
    return asset(_WITH_BENCH if with_bench else _RECIPE).read_bytes()


def write_context(folder: Path, platform: str, runner: Runner, report: Reporter, *, with_bench: bool = False) -> None:
    """Write the build context for another builder into a new or empty folder. Raises as `build`, but needs no engine."""
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"--export {folder}: the folder is not empty", hint=f"rm -r {folder}, or name another folder")
    app = folder / _ROOT / "app"
    app.mkdir(parents=True)
    worker.make(app, platform, runner, report)
    for path in [app, *app.rglob("*")]:
        os.utime(path, (0, 0))  # builders store the times in the image
    (folder / _RECIPE).write_bytes(_recipe(with_bench=with_bench))


def push(built: BuiltImage, target: str, report: Reporter) -> str:
    """Push the image to a registry as `target`: its digest there. Raises UsageError, PreflightFailed."""
    require_tag(target, "--push")
    report.step(f"pushing {target}")
    return engine.push(built.name, target)


def save(built: BuiltImage, path: Path, report: Reporter) -> None:
    """Write the image as an archive; a partial file is removed. Raises PreflightFailed, OSError."""
    report.step(f"writing {path}")
    half = path.with_name(f".{path.name}.half")
    try:
        with half.open("wb") as stream:
            stream.writelines(engine.save(built.name))
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def require_tag(text: str, flag: str) -> None:
    """Make sure that a flag's value is an image name with a tag. Raises UsageError."""
    try:
        image = parse(text)
    except ValueError as error:
        raise UsageError(f"{flag} {error}", hint=f"{flag} {NAME}") from error
    if image.digest and flag != "--base":
        raise UsageError(
            f"{flag} {text}: a name with a digest cannot be built; the build decides the digest", hint=f"{flag} {NAME}"
        )
    if not (image.tag or image.digest):
        raise UsageError(f"{flag} {text}: it has no tag", hint=f"{flag} {text}:{__version__}")
