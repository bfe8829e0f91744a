"""The screens and documents of `images`: the list, the check, the copies of a mirror, and a built image."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fogflow_k8s.actions.images.build import BuiltImage
from fogflow_k8s.actions.images.check import ImageReport
from fogflow_k8s.actions.images.listing import ImageUses
from fogflow_k8s.actions.images.mirror import ImageCopy, MirrorResult
from fogflow_k8s.console.parts import as_lines, check_document
from fogflow_k8s.console.schema import API
from fogflow_k8s.model.image.reference import Use

if TYPE_CHECKING:
    from fogflow_k8s.console.schema import images as schema

_MARKS = {"ok": ("✔", "green"), "skipped": ("-", "dim"), "warning": ("!", "yellow"), "failed": ("✗", "red")}


def list_screen(wanted: ImageUses) -> RenderableType:
    """One row per image."""
    rows = [
        (
            use.image.short,
            ", ".join(use.components),
            ", ".join(use.platforms),
            use.image.digest[:19],
        )
        for use in wanted.uses
    ]
    return _table(("IMAGE", "USED BY", "PLATFORM", "DIGEST"), rows)


def list_document(wanted: ImageUses) -> schema.ImageList:
    """The document of `images list`."""
    return {"apiVersion": API, "kind": "ImageList", "images": [_image(use) for use in wanted.uses]}


def check_screen(checked: ImageReport) -> RenderableType:
    """A line per check, with the remedy below a check that did not pass; then the verdict."""
    lines = []
    for (state, detail, remedy), alike in groupby(checked.results, lambda r: (r.state, r.detail, r.remedy)):
        mark, colour = _MARKS[state]
        *others, last = [result.check.description for result in alike]  # one registry that is down is reported once
        lines += [Text.assemble((mark, colour), f" {description}") for description in others]
        lines.append(Text.assemble((mark, colour), f" {last}: {detail}"))
        if state != "ok" and remedy:
            lines.append(Text(f"  > {remedy}"))
    states = [result.state for result in checked.results]
    verdict = Text("every image can be pulled", "bold green")
    if "failed" in states:
        verdict = Text(f"{states.count('failed')} of {len(states)} checks failed", "bold red")
    elif "skipped" in states:
        verdict = Text("nothing failed, but not everything could be checked", "bold yellow")
    return Group(*lines, Text(""), verdict)


def checked_document(checked: ImageReport) -> schema.ImageCheck:
    """The document of `images check`."""
    images: list[schema.CheckedImage] = []
    for use in checked.wanted.uses:
        seen = checked.seen[str(use.image)]
        images.append(
            {
                **_image(use),
                "digest": seen.digest or None,
                "offeredPlatforms": list(seen.platforms),
                "loginSource": seen.login or None,
            }
        )
    checks = [check_document(result) for result in checked.results]
    return {"apiVersion": API, "kind": "ImageCheck", "ok": checked.ok, "images": images, "checks": checks}


def mirror_screen(done: MirrorResult) -> RenderableType:
    """One row per image, and what could not be copied."""
    rows = [(c.target.partition("@")[0], c.digest[:19], _sent(c)) for c in done.copies]
    parts: list[RenderableType] = [_table(("COPY", "DIGEST", "SENT"), rows)] if rows else []
    for failure in done.failures:
        parts += [Text.assemble(("✗", "red"), f" {failure.source}: {failure.why}"), Text(f"  > {failure.remedy}")]
    return Group(*parts)


def mirror_document(done: MirrorResult) -> schema.ImageMirror:
    """The document of `images mirror`."""
    return {
        "apiVersion": API,
        "kind": "ImageMirror",
        "ok": not done.failures,
        "copies": [
            {
                "source": c.source,
                "target": c.target,
                "digest": c.digest,
                "blobsSent": c.sent,
                "blobsPresent": c.there,
                "bytesSent": c.size,
                "changed": c.changed,
            }
            for c in done.copies
        ],
        "failures": [{"source": f.source, "reason": f.why, "remedy": as_lines(f.remedy)} for f in done.failures],
        "values": done.values,
    }


def build_screen(built: BuiltImage, pushed: str = "") -> RenderableType:
    """What was built; `pushed`: the digest in the registry."""
    lines = [
        Text.assemble(("✔", "green"), f" {built.name}"),
        Text(f"  for {built.platform}, on {built.base}"),
        Text(f"  layer {built.layer}, {built.size / (1 << 20):.1f} MiB"),
    ]
    return Group(*lines, *([Text(f"  pushed as {pushed}")] if pushed else []))


def build_document(built: BuiltImage, pushed: str = "") -> schema.ImageBuild:
    """The document of `images build`."""
    return {
        "apiVersion": API,
        "kind": "ImageBuild",
        "image": built.name,
        "imageId": built.id,
        "platform": built.platform,
        "baseImage": built.base,
        "layerDigest": built.layer,
        "sizeBytes": built.size,
        "pushedDigest": pushed or None,
    }


def _sent(copy: ImageCopy) -> str:
    return (
        f"{copy.sent} of {copy.sent + copy.there} blobs, {copy.size / (1 << 20):.1f} MiB"
        if copy.changed
        else "already present"
    )


def _image(use: Use) -> schema.Image:
    image = use.image
    return {
        "image": str(image),
        "registry": image.host,
        "repository": image.repository,
        "tag": image.tag or None,
        "pinnedDigest": image.digest or None,
        "usedBy": list(use.components),
        "platforms": list(use.platforms),
    }


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", show_edge=False)
    for name in columns:
        table.add_column(name, no_wrap=name != "USED BY")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
