"""Render: the two files a person reads and keeps, and the manifests that come of them."""

from __future__ import annotations

from pathlib import Path

from fogflow_k8s.actions.preflight import BUS_SECRET, name_secret
from fogflow_k8s.adapters.helm import Helm
from fogflow_k8s.adapters.places import write_private
from fogflow_k8s.adapters.render import render_config, render_values
from fogflow_k8s.errors import UsageError
from fogflow_k8s.model.values import Values


def render(helm: Helm, chart: Path, values: Values, folder: Path) -> list[Path]:
    """The files written: config.json, values.yaml, manifests.yaml. The same input gives the same bytes."""
    named = _with_secret(values)
    texts = {
        "config.json": render_config(named.config),
        "values.yaml": render_values(named),
        "values.schema.json": (chart / "values.schema.json").read_text(
            encoding="utf-8"
        ),  # what the editor's hint points to
        "manifests.yaml": helm.read_text(
            helm.start_template(chart, named.model_dump(mode="json", by_alias=True, exclude_unset=True))
        ),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(
            f"{folder} is not a folder", hint="give -o a folder, or a name that does not exist yet"
        ) from error
    for name, text in texts.items():
        write_private(folder / name, text, mode=0o644)
    return [folder / name for name in texts]


def _with_secret(values: Values) -> Values:
    """The same values, naming the password's Secret: a generated one would differ at each render."""
    given = values.model_dump(mode="json", by_alias=True, exclude_unset=True)
    bus = given.get("rabbitmq") or {}
    if (bus.get("external") or {}).get("host") or (bus.get("auth") or {}).get("existingSecret"):
        return values
    return Values.model_validate(name_secret(given, BUS_SECRET)[0])
