"""The images that a release uses, and the sections of values.yaml that name them.

Both are read from the rendered chart, so hooks and init containers count, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fogflow_k8s.adapters.helm.client import Helm
from fogflow_k8s.adapters.registry.client import Registry
from fogflow_k8s.adapters.registry.credentials import Logins
from fogflow_k8s.adapters.registry.errors import LocalImage
from fogflow_k8s.adapters.registry.http import Client
from fogflow_k8s.adapters.settings.render import as_yaml
from fogflow_k8s.adapters.state_dir import write_private
from fogflow_k8s.model import manifests
from fogflow_k8s.model.image.reference import Image, Use, uses
from fogflow_k8s.model.settings.parts import Worker
from fogflow_k8s.model.settings.values import Values


@dataclass(frozen=True)
class Section:
    """A section of values.yaml that names an image. `place` is the registry (and prefix) in front of `name`."""

    key: str
    place: str
    name: Image
    field: str = "image"

    def __str__(self) -> str:
        return self.name.within(self.place)


@dataclass(frozen=True)
class ImageUses:
    """The images that a release with these values runs, and the sections of the values that name them."""

    uses: tuple[Use, ...]
    sections: tuple[Section, ...]

    def named(self, image: Image) -> list[Section]:
        """The sections that name this image."""
        return [section for section in self.sections if str(section) == str(image)]

    def pins(self, digests: Mapping[str, str]) -> dict[str, Any]:
        """Values that pin each image (by its whole name) to its digest."""
        return {s.key: {s.field: {"digest": digests[str(s)]}} for s in self.sections if str(s) in digests}


class Registries:
    """The registries of one run, with one connection pool each. `plain`: the hosts that use HTTP without TLS."""

    def __init__(self, plain: Sequence[str] = ()) -> None:
        self._plain = frozenset(plain)
        self._known: dict[tuple[str, str], Registry] = {}

    def at(self, host: str, logins: Logins | None = None) -> Registry:
        """The registry at a host, with its login from `logins`, if there is one. Raises PreflightFailed, LocalImage for localhost."""
        if host == "localhost":
            raise LocalImage
        login = logins.of(host) if logins else None
        key = (host, logins.where if logins and login else "")
        if key not in self._known:
            self._known[key] = Registry(Client(host, login, plain=host in self._plain))
        return self._known[key]


def wanted(helm: Helm, chart: Path, values: Values) -> ImageUses:
    """The images of the chart as these values render it, hooks and init containers included. Needs no cluster."""
    text = helm.read_text(helm.start_template(chart, values.given()))
    return wanted_by(manifests.every(text), chart, values)


def wanted_by(objects: Sequence[Mapping[str, Any]], chart: Path, values: Values) -> ImageUses:
    """The images of the objects that the chart renders with these values."""
    import yaml

    about = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    sections = _sections(values, str(about["appVersion"]), str(about["version"]), _digests(chart))
    return ImageUses(tuple(uses(objects)), tuple(sections))


def write_values(path: Path, about: str, values: Mapping[str, Any]) -> Path:
    """Write a values file for `--values`, with `about` as its comment; replaces the file atomically."""
    write_private(path, f"# {about}{as_yaml(values)}\n", mode=0o644)
    return path


def _digests(chart: Path) -> dict[str, str]:
    """The digests by which a packaged chart pins images, by the image's whole name. Charts in git have none."""
    return dict(json.loads((chart / "files/digests.json").read_text(encoding="utf-8")))


def _sections(values: Values, upstreams: str, ours: str, digests: Mapping[str, str]) -> list[Section]:
    """The sections, read as the chart's template fogflow.image reads them.

    An empty tag means FogFlow's version (`upstreams`), or the chart's (`ours`) for the native worker. `digests`: those of the chart,
    which apply where the values have none.
    """
    found = []
    for name, field in Values.model_fields.items():
        part = getattr(values, name)
        own = isinstance(part, Worker) and part.keeps_tasks
        image = part.native_image if own else getattr(part, "image", None)
        if image is not None:
            place = values.global_.image_registry or image.registry
            named = Image("", image.repository, image.tag or (ours if own else upstreams), image.digest)
            if not named.digest:
                named = replace(named, digest=digests.get(named.within(place), ""))
            found.append(Section(field.alias or name, place, named, "nativeImage" if own else "image"))
    return found
