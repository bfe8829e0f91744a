"""The index of a support archive: its files, what was masked in them, and what could not be collected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

V = 1


@dataclass(frozen=True)
class Member:
    """One file of the archive."""

    file: str
    collector: str
    bytes: int  # in the archive, uncompressed
    seconds: float = 0.0
    masked: Mapping[str, int] = field(default_factory=dict)  # rule -> number of masked places
    truncated: str = ""  # why it is incomplete; "" when it is complete


@dataclass(frozen=True)
class Part:
    """The result of one collector."""

    name: str
    seconds: float
    members: tuple[Member, ...] = ()
    errors: tuple[str, ...] = ()


def masked(parts: Iterable[Part]) -> Counter[str]:
    """The number of masked places by rule, over all files."""
    total: Counter[str] = Counter()
    for part in parts:
        for member in part.members:
            total.update(member.masked)
    return total


def index(facts: Mapping[str, Any], parts: Sequence[Part]) -> dict[str, Any]:
    """The document index.json. `facts`: release, namespace, time, version and the like."""
    return {
        "v": V,
        **facts,
        "masked": dict(sorted(masked(parts).items())),
        "files": [
            {
                "file": m.file,
                "collector": m.collector,
                "bytes": m.bytes,
                "seconds": round(m.seconds, 3),
                "masked": dict(sorted(m.masked.items())),
                "truncated": m.truncated,
            }
            for part in parts
            for m in part.members
        ],
        "collectors": [
            {"name": p.name, "files": len(p.members), "seconds": round(p.seconds, 3), "errors": list(p.errors)}
            for p in parts
        ],
    }


def page(facts: Mapping[str, Any], parts: Sequence[Part]) -> str:
    """The document index.md: the same content for people."""
    lines = [f"# Support archive of {facts.get('release', '')}", ""]
    lines += [f"- {name}: {value}" for name, value in facts.items() if value not in ("", None)]
    total = masked(parts)
    lines += ["", "## What was masked", ""]
    lines += [f"- {name}: {count}" for name, count in sorted(total.items())] or ["- nothing"]
    missing = [(p.name, error) for p in parts for error in p.errors]
    lines += ["", "## What is missing", ""]
    lines += [f"- {name}: {error}" for name, error in missing] or ["- nothing"]
    lines += ["", "## Collectors", "", "| collector | files | seconds |", "|---|---|---|"]
    lines += [f"| {p.name} | {len(p.members)} | {p.seconds:.2f} |" for p in parts]
    lines += ["", "## Files", "", "| file | bytes | seconds | masked | |", "|---|---|---|---|---|"]
    for part in parts:
        for m in part.members:
            masks = ", ".join(f"{count} {rule}" for rule, count in sorted(m.masked.items()))
            lines.append(f"| {m.file} | {m.bytes} | {m.seconds:.2f} | {masks} | {m.truncated} |")
    return "\n".join(lines) + "\n"
