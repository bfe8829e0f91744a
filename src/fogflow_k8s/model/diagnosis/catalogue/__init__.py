"""The catalogue of causes: every problem that the program can name, by a stable id such as FK-4001.

Users search for the ids and programs compare them, so the meaning of an id never changes. The ids form families, with a module
each: 1xxx configuration, 3xxx capacity and placement, 4xxx images, 5xxx pods, 60xx FogFlow itself, 61xx edges, 7xxx the
release. One entry has everything about its id: class, title, explanation and advice. The rules that find a cause (for example
`model/diagnosis/root_cause.py`) fill the advice with the names of the affected objects. `explain` and docs/errors.md print the
entries.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fogflow_k8s.model.diagnosis.catalogue import configuration, edge, fogflow, images, pods, release, scheduling
from fogflow_k8s.model.diagnosis.catalogue.entry import CLASSES, Entry, Kind

__all__ = ["CLASSES", "ENTRIES", "Cause", "Entry", "Kind", "cause", "paragraphs"]

_FAMILIES = (configuration, scheduling, images, pods, fogflow, edge, release)

ENTRIES: dict[str, Entry] = {entry.id: entry for family in _FAMILIES for entry in family.ENTRIES}
"""All entries by id, in the order of the ids."""


@dataclass(frozen=True)
class Cause:
    """One problem found, with the names filled in."""

    id: str
    kind: Kind
    component: str
    object: str
    summary: str
    evidence: tuple[str, ...] = field(default=())
    advice: tuple[str, ...] = field(default=())
    container: str = ""  # of the pod, when the cause is about one: its log may contain more


def cause(
    id_: str,
    component: str,
    obj: str,
    summary: str,
    *,
    evidence: tuple[str, ...] = (),
    kind: Kind | None = None,
    container: str = "",
    **names: str,
) -> Cause:
    """The catalogue's entry `id_` as found on `obj`; `names` fill the advice's placeholders."""
    entry = ENTRIES[id_]
    filled = {"component": component, "key": "KEY", **({"container": container} if container else {}), **names}
    advice = tuple(line.format_map(_Names(filled)) for line in entry.advice)
    return Cause(id_, kind or entry.kind, component, obj, summary, evidence, advice, container)


def paragraphs(id_: str) -> list[str]:
    """The paragraphs about one id: its title, its explanation, and what its class means; without the advice."""
    entry = ENTRIES[id_]
    title = f"{entry.title[0].upper()}{entry.title[1:]}."
    return [title, entry.explanation, f"Class {entry.kind}: {CLASSES[entry.kind]}."]


class _Names(dict[str, str]):
    """Replaces a placeholder without a value by its own name in capitals, as manuals do."""

    def __missing__(self, key: str) -> str:
        return key.upper()
