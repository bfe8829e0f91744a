"""Builds the image of our own worker with the Docker engine of this machine."""

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

NAME = f"docker.io/fogflow-k8s/worker:{__version__}"
"""What the chart asks for: the chart has the number of the tool."""
BASE = "docker.io/library/python:3.13-slim"
_RECIPE = "Containerfile"
_ROOT = "root"  # of the image, in the context


@dataclass(frozen=True)
class Built:
    """An image in the engine. `layer` is the digest of what we added to the base; `size` its bytes, unpacked."""

    name: str
    id: str
    platform: str
    base: str
    layer: str
    size: int


def build(name: str, base: str, platform: str, runner: Runner, report: Reporter) -> Built:
    """Build it, for the engine's own platform unless another is named. Raises UsageError, PreflightFailed, FogflowError."""
    named(name, "--tag")
    named(base, "--base")
    engines = engine.platform()  # without an engine nothing is fetched
    platform = platform or engines
    with tempfile.TemporaryDirectory(prefix="fogflow-k8s-") as folder:
        app = Path(folder)
        worker.make(app, platform, runner, report)
        context = build_context.pack(app, f"{_ROOT}/app", {_RECIPE: asset(_RECIPE).read_bytes()})
    report.step(f"building {name} on {base}")
    id_, digests = engine.build(context, name, platform, {"BASE": base})
    return Built(name, id_, platform, base, digests[-1], len(context))


def write_context(folder: Path, platform: str, runner: Runner, report: Reporter) -> None:
    """Write what any other builder needs into a folder that is empty or not there. Raises as `build`, without an engine."""
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"--export {folder}: the folder is not empty", hint=f"rm -r {folder}, or name another")
    app = folder / _ROOT / "app"
    app.mkdir(parents=True)
    worker.make(app, platform, runner, report)
    for path in [app, *app.rglob("*")]:
        os.utime(path, (0, 0))  # builders take the times along
    (folder / _RECIPE).write_bytes(asset(_RECIPE).read_bytes())


def push(built: Built, target: str, report: Reporter) -> str:
    """Send it to a registry under that name; the digest there. Raises UsageError, PreflightFailed."""
    named(target, "--push")
    report.step(f"pushing {target}")
    return engine.push(built.name, target)


def save(built: Built, path: Path, report: Reporter) -> None:
    """Write it as an archive, complete or not at all. Raises PreflightFailed, OSError."""
    report.step(f"writing {path}")
    half = path.with_name(f".{path.name}.half")
    try:
        with half.open("wb") as stream:
            stream.writelines(engine.save(built.name))
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def named(text: str, flag: str) -> None:
    """Make sure that it is a name with a tag, as an engine takes one. Raises UsageError."""
    try:
        image = parse(text)
    except ValueError as error:
        raise UsageError(f"{flag} {error}", hint=f"{flag} {NAME}") from error
    if image.digest and flag != "--base":
        raise UsageError(f"{flag} {text}: a digest is what comes out, it cannot be chosen", hint=f"{flag} {NAME}")
    if not (image.tag or image.digest):
        raise UsageError(f"{flag} {text}: it has no tag", hint=f"{flag} {text}:{__version__}")
