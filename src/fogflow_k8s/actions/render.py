"""Render: the two files a person reads and keeps, and the manifests that come of them."""

from __future__ import annotations

import os
from pathlib import Path

from fogflow_k8s.actions.preflight import BUS_SECRET
from fogflow_k8s.adapters.helm import Helm
from fogflow_k8s.adapters.render import render_config, render_values
from fogflow_k8s.errors import UsageError
from fogflow_k8s.model.values import Values


def render(helm: Helm, chart: Path, values: Values, folder: Path) -> list[Path]:
    """The files written: config.json, values.yaml, manifests.yaml. The same input gives the same bytes."""
    named = _with_secret(values)
    texts = {
        "config.json": render_config(named.config),
        "values.yaml": render_values(named),
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
    return [_write(folder / name, text) for name, text in texts.items()]


def _with_secret(values: Values) -> Values:
    """The same values, naming the password's Secret: a generated one would differ at each render."""
    given = values.model_dump(mode="json", by_alias=True, exclude_unset=True)
    bus = given.setdefault("rabbitmq", {})
    if not (bus.get("external") or {}).get("host"):
        auth = bus.setdefault("auth", {})
        auth["existingSecret"] = auth.get("existingSecret") or BUS_SECRET
    return Values.model_validate(given)


def _write(path: Path, text: str) -> Path:
    """Write through a neighbour, so that a full disk or Ctrl-C never leaves half a file."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    return path
