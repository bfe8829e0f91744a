"""Passwords: which are easy to guess, and that their encoding in FogFlow's URLs is masked, too."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from fogflow_k8s.model.redaction.secret_values import forms_of, weakness

BUDGET_S = 5


@pytest.mark.parametrize(
    "password", ["mypass", "admin", "Guest", "123456", "abc", "S3cret!/@%", "aaaaaaaaaaaaaaaaaaaaaaaa"]
)
def test_what_is_easy_to_guess_is_said_without_being_shown(password):
    assert weakness(password).startswith("the password is")
    assert password not in weakness(password)


@pytest.mark.parametrize("password", ["", "correct-horse-battery", "kJ8/+mPq2x@Zr7%Lw4=="])
def test_what_is_long_enough_is_not(password):
    assert weakness(password) == ""


@pytest.mark.parametrize("password", ["kJ8/+mPq2x@Zr7%Lw4==", "a b:c?d#e&f"])
def test_the_form_in_a_url_is_known(password):
    forms = forms_of([{"kind": "Secret", "stringData": {"password": password}}])
    assert {password, quote(password, safe="")} <= forms
