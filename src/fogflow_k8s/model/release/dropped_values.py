"""The values that an earlier revision had and a later one does not set, such as those of an option that was not repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def dropped_keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The dotted keys of `before` that `after` does not set, in the order of `before`. A list counts as one value."""
    return [".".join(path) for path in _dropped(before, after, ())]


def _dropped(before: Mapping[str, Any], after: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, value in before.items():
        here = (*path, str(key))
        if not isinstance(value, Mapping):
            if key not in after:
                yield here
        elif isinstance(below := after.get(key, {}), Mapping):  # anything else replaces the whole mapping on purpose
            yield from _dropped(value, below, here)
