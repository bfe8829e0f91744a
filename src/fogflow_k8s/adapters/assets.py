"""Where the chart, the templates and the examples are: inside the wheel, or beside `src` in a checkout."""

from __future__ import annotations

from pathlib import Path

from fogflow_k8s.errors import FogflowError

_PACKAGE = Path(__file__).resolve().parent.parent
_ROOTS = (_PACKAGE / "_assets", _PACKAGE.parent.parent)


def asset(name: str) -> Path:
    """The file or folder `name`, e.g. `charts/fogflow-chart`. Raises FogflowError when this installation lacks it."""
    for root in _ROOTS:
        if (found := root / name).exists():
            return found
    raise FogflowError(
        f"this installation lacks {name}", hint="install it again: pip install --force-reinstall fogflow-k8s"
    )
