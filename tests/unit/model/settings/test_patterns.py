"""Every pattern of the settings has a description in words, so that no error shows a regular expression."""

from __future__ import annotations

from fogflow_k8s.model.settings.base import schema_of
from fogflow_k8s.model.settings.edge import EdgeValues
from fogflow_k8s.model.settings.patterns import WORDS, in_words
from fogflow_k8s.model.settings.values import Values

BUDGET_S = 10


def patterns(node):
    """Every pattern in a schema that a value must match; those of a condition (`if`) are in no error."""
    if isinstance(node, dict):
        found = {node["pattern"]} if isinstance(node.get("pattern"), str) else set()
        return found.union(*(patterns(value) for key, value in node.items() if key != "if"))
    return set().union(*map(patterns, node)) if isinstance(node, list) else set()


def test_the_words_are_those_of_the_patterns_that_there_are():
    assert patterns(schema_of(Values)) | patterns(schema_of(EdgeValues)) == WORDS.keys()


def test_the_words_mention_that_empty_is_allowed():
    assert in_words("^[A-Za-z0-9]+$") == "letters and digits only"
    assert in_words("^[A-Za-z0-9]*$") == "letters and digits only; or empty"
