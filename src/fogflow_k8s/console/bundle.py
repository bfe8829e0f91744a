"""The result of `bundle`, as a screen and as a JSON document: the archive, its contents, and what was masked or is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from fogflow_k8s.actions.bundle.bundle import Bundle
from fogflow_k8s.console.schema import API

if TYPE_CHECKING:
    from fogflow_k8s.console.schema.release import BundleDocument


def bundle_screen(bundle: Bundle) -> RenderableType:
    """The screen of `bundle`."""
    files = sum(len(p.members) for p in bundle.parts)
    masked = ", ".join(f"{count} x {rule}" for rule, count in sorted(bundle.masked.items()))
    cut = sum(bool(m.truncated) for p in bundle.parts for m in p.members)
    lines: list[RenderableType] = [
        Text.assemble(("Bundle   ", "bold"), str(bundle.path)),
        Text(f"         {files} files, {bundle.size / 1000:,.0f} kB, in {bundle.seconds:.1f} s"),
        Text(f"Masked   {masked or 'nothing'}"),
    ]
    if cut:
        lines.append(Text(f"Cut      {cut} files are incomplete; index.md lists them and the reasons", "yellow"))
    if missing := sorted({p.name for p in bundle.parts if p.errors}):
        lines.append(Text(f"Missing  parts of: {', '.join(missing)}", "yellow"))
    lines.append(
        Text(
            "         index.md in the archive lists its contents. Review it before you share it: not every secret can be recognized."
        )
    )
    return Group(*lines)


def bundle_document(bundle: Bundle) -> BundleDocument:
    """The document of `bundle`."""
    return {
        "apiVersion": API,
        "kind": "Bundle",
        "bundle": str(bundle.path.absolute()),
        "sizeBytes": bundle.size,
        "durationSeconds": round(bundle.seconds, 3),
        "fileCount": sum(len(p.members) for p in bundle.parts),
        "maskedCounts": dict(sorted(bundle.masked.items())),
        "warnings": list(bundle.warnings),
        "collectors": [{"name": p.name, "fileCount": len(p.members), "errors": list(p.errors)} for p in bundle.parts],
    }
