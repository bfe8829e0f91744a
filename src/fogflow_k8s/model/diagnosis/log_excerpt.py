"""The few lines of a container's log that are shown with a cause: the first, the last two, and the latest errors between them."""

from __future__ import annotations

import re

WIDTH = 200
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d) ")  # the kubelet's, in front of each line
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_NOTABLE = re.compile(
    r"(?i)\b(error|err|fatal|panic|exception|traceback|warn(ing)?|fail(ed|ure)?|refused|denied|cannot|can't|unable|killed|"  # codespell:ignore ure
    r"no such|not found|timed? ?out)\b"
)


def notable(text: str, most: int = 6) -> list[str]:
    """At most `most` lines: the first, the last two, and between them the latest errors and warnings, each once."""
    lines = [line for raw in text.splitlines() if (line := _COLOUR.sub("", _TIME.sub("", raw)).rstrip())]
    if len(lines) <= most:
        return [_cut(line) for line in lines]
    chosen = {0, len(lines) - 2, len(lines) - 1}
    texts = {_words(lines[i]) for i in chosen}
    for i in range(len(lines) - 3, 0, -1):
        if len(chosen) >= most:
            break
        if _NOTABLE.search(lines[i]) and (words := _words(lines[i])) not in texts:
            chosen.add(i)
            texts.add(words)
    return [_cut(lines[i]) for i in sorted(chosen)]


def _words(line: str) -> str:
    """The line without its numbers, so that the same message at another time is equal."""
    return re.sub(r"\d+", "", line)


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"
