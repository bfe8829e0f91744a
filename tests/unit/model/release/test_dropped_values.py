"""Which values of an earlier revision a later one does not set."""

import pytest

from fogflow_k8s.model.release.dropped_values import dropped_keys

BUDGET_S = 2


@pytest.mark.parametrize(
    ("before", "after", "dropped"),
    [
        ({}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, []),
        ({"a": 1}, {"a": None}, []),
        ({"a": 1, "b": 2}, {}, ["a", "b"]),
        ({"a": {"b": 1, "c": {"d": [1, 2]}}}, {"a": {"b": 3}}, ["a.c.d"]),
        ({"a": {"b": 1}}, {"a": None}, []),
        ({"a": [1, 2]}, {"a": []}, []),
        ({"a": {}}, {}, []),
    ],
)
def test_keys_that_are_not_set_any_more_are_named_by_their_path(before, after, dropped):
    assert dropped_keys(before, after) == dropped
