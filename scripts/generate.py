"""Writes the files that are made from code; with --check it writes nothing and exits 1 when one is out of date."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from figures import PAGES, with_figures
from reference import reference
from schemas import page, schemas
from values_page import page as values_page
from values_page import readme

from fogflow_k8s.model.diagnosis.catalogue import CLASSES, ENTRIES, cause
from fogflow_k8s.model.settings.base import Part, schema_of
from fogflow_k8s.model.settings.config import FogflowConfig
from fogflow_k8s.model.settings.edge import EdgeValues
from fogflow_k8s.model.settings.values import Values

ROOT = Path(__file__).resolve().parent.parent
FAMILIES = {
    "1": "configuration",
    "2": "tools and access to the cluster",
    "3": "capacity and placement",
    "4": "images",
    "5": "pods",
    "6": "FogFlow itself",
    "7": "the release",
}
HEAD = """# Causes

Generated from `src/fogflow_k8s/model/diagnosis/catalogue/` by `make generate`; do not edit.

`deploy`, `status`, `rollback` and `doctor` report a problem by an id from this list, the root cause first. The meaning of an id
never changes. In `-o json` the id is `causes[].id`, and `causes[0]` is the root cause. `fogflow-k8s explain ID` prints an entry.

The class says whether waiting can help:

{classes}

Words in capitals are placeholders; the tool prints the names of the affected objects instead.
"""


def generated() -> dict[Path, str]:
    """Path below the checkout -> what belongs there."""
    made = {
        Path("charts/fogflow-chart/values.schema.json"): {"title": "Values of the FogFlow chart", **schema_of(Values)},
        Path("charts/fogflow-edge-chart/values.schema.json"): {
            "title": "Values of the FogFlow edge chart",
            **schema_of(EdgeValues),
        },
        Path("templates/config.schema.json"): {"title": "FogFlow's config.json", **schema_of(FogflowConfig)},
    }
    made |= {Path("docs/schema") / name: schema for name, schema in schemas().items()}
    texts = {
        path: json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n" for path, schema in made.items()
    }
    pages = {"errors.md": errors_page(), "cli.md": reference(), "json.md": page(), "values.md": values_page()}
    texts |= {Path("docs") / name: text for name, text in pages.items()}
    texts |= {path: with_figures((ROOT / path).read_text(encoding="utf-8")) for path in PAGES}
    readmes: dict[str, type[Part]] = {"fogflow-chart": Values, "fogflow-edge-chart": EdgeValues}
    for chart, model in readmes.items():
        path = Path("charts", chart, "README.md")
        texts[path] = readme((ROOT / path).read_text(encoding="utf-8"), model)
    return texts


def errors_page() -> str:
    """The catalogue as a page: a heading per id, so that `docs/errors.md#fk-4001` leads to it."""
    parts = [HEAD.format(classes="\n".join(f"- **{name}**: {says}." for name, says in CLASSES.items()))]
    family = ""
    for id_, entry in sorted(ENTRIES.items()):
        if (number := id_.removeprefix("FK-")[0]) != family:
            family = number
            parts.append(f"## {number}xxx: {FAMILIES[number]}\n")
        advice = cause(id_, "COMPONENT", "", "").advice
        lines = [
            f"### {id_}",
            "",
            f"**{entry.title[0].upper()}{entry.title[1:]}.** Class: {entry.kind}.",
            "",
            entry.explanation,
            "",
        ]
        lines += [*(f"- {_advice(line)}" for line in advice), ""] if advice else []
        parts.append("\n".join(lines))
    return "\n".join(parts).rstrip("\n") + "\n"


def _advice(line: str) -> str:
    """One line of advice; what can be pasted stands as code."""
    said, colon, command = line.rpartition(": ")
    if line.startswith(("kubectl ", "fogflow-k8s ")):
        return f"`{line}`"
    if colon and command.startswith(("kubectl ", "fogflow-k8s ")):
        return f"{said[0].upper()}{said[1:]}: `{command}`"
    return line[0].upper() + line[1:]


def main(argv: list[str]) -> int:
    """0, or 1 when --check finds a difference."""
    stale = []
    texts = generated()
    kept = {path.relative_to(ROOT) for path in (ROOT / "docs/schema").glob("*.json")}
    for path in sorted(kept - texts.keys()):
        stale.append(path)
        if "--check" not in argv:
            (ROOT / path).unlink()
            print(f"removed {path}")
    for path, text in texts.items():
        target = ROOT / path
        if target.exists() and target.read_text(encoding="utf-8") == text:
            continue
        stale.append(path)
        if "--check" not in argv:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            print(f"wrote {path}")
    if stale and "--check" in argv:
        print("out of date (run scripts/generate.py):", *stale, sep="\n  ", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
