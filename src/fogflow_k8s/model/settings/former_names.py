"""Keys of values.yaml that had another name before version 1.0, read as their successors.

The chart alone, without this tool, refuses the former names: its schema knows the current ones only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str, ...]


@dataclass(frozen=True)
class Successor:
    """The current name of a key in the same section, and the current spelling of its values where that changed."""

    name: str
    values: Mapping[str, str] = field(default_factory=dict)


FORMER_NAMES: dict[Path, Successor] = {
    ("worker", "engine"): Successor("implementation", {"fogflow-k8s": "native"}),
    ("worker", "ownImage"): Successor("nativeImage"),
    ("gate",): Successor("bootstrap"),
}


def adopt_former_names(data: dict[str, Any]) -> list[str]:
    """Rename former keys in `data`, in place; a note for each. A key that is also set by its current name is not changed."""
    notes = []
    for path, successor in FORMER_NAMES.items():
        section = data.get(path[0]) if len(path) > 1 else data
        if not isinstance(section, dict) or path[-1] not in section or successor.name in section:
            continue
        value = section.pop(path[-1])
        section[successor.name] = successor.values.get(value, value) if isinstance(value, str) else value
        current = ".".join((*path[:-1], successor.name))
        notes.append(f"{'.'.join(path)} is the former name of {current}; rename it in your settings")
    return notes
