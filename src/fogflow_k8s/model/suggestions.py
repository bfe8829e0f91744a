"""Suggestions for misspelled words: the known key, id or name that is closest to what the user typed."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str:
    """The one of `known` that is closest to `word`, regardless of case and of - and _; empty when none is close."""
    plain = {_plain(each): each for each in known}
    close = get_close_matches(_plain(word), plain, n=1, cutoff=0.6)
    return plain[close[0]] if close else ""


def suggestion(word: str, known: Iterable[str], otherwise: str) -> str:
    """The hint for a word that `known` does not contain: the closest known word, else `otherwise`."""
    close = nearest(word, known)
    return f"did you mean {close}?" if close else otherwise


def _plain(word: str) -> str:
    return word.replace("_", "").replace("-", "").lower()
