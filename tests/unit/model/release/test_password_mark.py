"""The mark of a password: it matches only its password, does not reveal it, and an edited mark matches none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogflow_k8s.model.redaction.redactor import Redactor
from fogflow_k8s.model.release.password_mark import is_of, mark
from tests.scope import examples

BUDGET_S = 8

SALT = bytes(16)


@settings(max_examples=examples(20))  # scrypt is slow on purpose
@given(st.text(min_size=1), st.text(min_size=1))
def test_a_mark_is_of_its_password_alone(one, other):
    made = mark("bus", "7", one, salt=SALT)
    assert is_of(made, "8", one)
    assert is_of(made, "8", other) == (one == other)


def test_a_secret_of_the_same_version_need_not_be_compared():
    made = mark("bus", "7", "password", salt=SALT)
    assert is_of({**made, "passwordHash": ""}, "7", "password")
    assert not is_of({**made, "version": ""}, "", "another"), "no version is not the same version"


def test_a_mark_does_not_tell_the_password_nor_that_two_are_the_same():
    one, other = (mark("bus", "7", "a-long-password", salt=bytes([n]) * 16) for n in (1, 2))
    assert one["passwordHash"] != other["passwordHash"]
    assert "a-long-password" not in json.dumps(one)


@pytest.mark.parametrize("broken", [{}, {"salt": "zz"}, {"salt": None}, {"salt": "00", "passwordHash": None}])
def test_a_mark_edited_by_hand_is_of_no_password(broken):
    assert not is_of(broken, "7", "password")


def test_what_is_shown_or_saved_of_a_mark_is_masked():
    made = mark("bus", "7", "a-long-password", salt=SALT)
    assert made["passwordHash"] not in Redactor().text(json.dumps({"busPassword": made}))
