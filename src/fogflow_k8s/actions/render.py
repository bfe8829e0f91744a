"""Render: the two files a person reads and keeps, and the manifests that come of them."""

from __future__ import annotations

from pathlib import Path

from fogflow_k8s.actions.preflight import BUS_SECRET, name_secret, wants_our_secret
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
        # what the editor's hint in values.yaml points to
        "values.schema.json": (chart / "values.schema.json").read_text(encoding="utf-8"),
        "manifests.yaml": helm.read_text(helm.start_template(chart, named.given())),
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
    """The same values, naming the password's Secret: a generated one would differ at each render, and a given one is no file's."""
    given = values.given()
    if not (wants_our_secret(given) or values.rabbitmq.auth.password):
        return values
    return Values.model_validate(name_secret(given, BUS_SECRET)[0])
