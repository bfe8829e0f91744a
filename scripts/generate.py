"""Writes the files that are made from code; with --check it writes nothing and exits 1 when one is out of date."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fogflow_k8s.model.config import FogflowConfig
from fogflow_k8s.model.values import Values
from fogflow_k8s.model.values_base import schema_of

ROOT = Path(__file__).resolve().parent.parent


def generated() -> dict[Path, str]:
    """Path below the checkout -> what belongs there."""
    made = {
        Path("charts/fogflow-chart/values.schema.json"): {"title": "Values of the FogFlow chart", **schema_of(Values)},
        Path("templates/config.schema.json"): {"title": "FogFlow's config.json", **schema_of(FogflowConfig)},
    }
    return {
        path: json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n" for path, schema in made.items()
    }


def main(argv: list[str]) -> int:
    """0, or 1 when --check finds a difference."""
    stale = []
    for path, text in generated().items():
        target = ROOT / path
        if target.exists() and target.read_text(encoding="utf-8") == text:
            continue
        stale.append(path)
        if "--check" not in argv:
            target.write_text(text, encoding="utf-8")
            print(f"wrote {path}")
    if stale and "--check" in argv:
        print("out of date (run scripts/generate.py):", *stale, sep="\n  ", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
