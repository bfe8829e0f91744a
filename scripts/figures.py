"""Measured figures in texts: each stands between two comments and is taken from the page that a measurement wrote.

`<!-- figure: faults -->52 of 52<!-- end -->` in a page of PAGES is kept equal to what docs/diagnosis.md says.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = (Path("README.md"), Path("docs/comparison.md"))
_MARK = re.compile(r"(<!-- figure: (?P<name>[\w-]+) -->)(?:(?!<!--).)*(<!-- end -->)", re.DOTALL)


def figures() -> dict[str, str]:
    """The figures by name. Raises ValueError when a page does not have the form that its generator gives it."""
    diagnosis = _read("docs/diagnosis.md")
    named, p95 = _only(r"Right headline: \*\*(\d+ of \d+)\*\*[^|]*?\*\*p95 ([\d.]+) s\*\*", diagnosis)
    helm = _only(r"to\s+blame in (\d+) of the (\d+)", diagnosis)
    return {
        "faults": named,
        "named-after": f"{p95} s",
        "named-by-helm": f"{helm[0]} of {helm[1]}",
        "longest-recovery": f"{_longest_recovery(_read('docs/reliability.md')):.0f} s",
    }


def with_figures(text: str) -> str:
    """The text with the newest figures. Raises ValueError for a name that is no figure, or a comment that is not closed."""
    known = figures()
    if unknown := [at["name"] for at in _MARK.finditer(text) if at["name"] not in known]:
        raise ValueError(f"{unknown[0]} is not one of the figures {', '.join(known)}")
    if len(_MARK.findall(text)) != text.count("<!-- figure:"):
        raise ValueError("a figure has no <!-- end -->")
    return _MARK.sub(lambda at: f"{at[1]}{known[at['name']]}{at[3]}", text)


def _longest_recovery(page: str) -> float:
    """Of the table of components, in seconds."""
    table = _only(r"\| workload \| deleted \| killed \| hung \|\n\|[-|]+\|\n((?:\|.*\n)+)", page)[0]
    cells = re.findall(r"\| ([\d.]+)", table)
    return max(float(cell) for cell in cells)


def _only(pattern: str, text: str) -> tuple[str, ...]:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"no figure of the form {pattern}")
    return found.groups()


def _read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")
