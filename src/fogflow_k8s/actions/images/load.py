"""Gives an archive of images to the Docker engine of this machine, and says what the chart still lacks there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fogflow_k8s.actions.images.listing import ImageUses
from fogflow_k8s.adapters.docker import archives, engine
from fogflow_k8s.engine.reporter import Reporter
from fogflow_k8s.model.image.reference import Image, Use, parse


@dataclass(frozen=True)
class Loaded:
    """The names that were loaded, and the images of the chart that the engine has not got."""

    names: tuple[str, ...]
    missing: tuple[Use, ...]


def load(path: Path, wanted: ImageUses, report: Reporter) -> Loaded:
    """Load the archive. Raises UsageError when it is none, PreflightFailed when the engine cannot be used."""
    archive = archives.read(path, engine.platform)
    report.step(f"loading {path} into the Docker engine")
    names = tuple(engine.load(archive.blocks()))
    have = {_key(image) for name in engine.names() if (image := _parsed(name))}
    return Loaded(names, tuple(use for use in wanted.uses if _key(use.image) not in have))


def _key(image: Image) -> tuple[str, str, str]:
    return image.host, image.repository, image.version


def _parsed(name: str) -> Image | None:
    try:
        return parse(name)
    except ValueError:
        return None  # <none>:<none>
