"""The path of data files: the charts, templates and examples, from the wheel or from a source checkout."""

from __future__ import annotations

from pathlib import Path

from fogflow_k8s.errors import FogflowError

_PACKAGE = Path(__file__).resolve().parent.parent
_ROOTS = (_PACKAGE / "_assets", _PACKAGE.parent.parent)


def asset(name: str) -> Path:
    """Return the path of the file or folder `name`, e.g. `charts/fogflow-chart`. Raises FogflowError if it is not installed."""
    for root in _ROOTS:
        if (found := root / name).exists():
            return found
    raise FogflowError(
        f"this installation has no {name}", hint="reinstall it: pip install --force-reinstall fogflow-k8s"
    )
