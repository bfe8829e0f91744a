"""Checks as data: what a probe found becomes a state."""

import pytest

from fogflow_k8s.engine.checks import Check, CheckOutcome, run


@pytest.mark.parametrize(
    ("ok", "warning", "state"),
    [(True, False, "ok"), (True, True, "ok"), (False, False, "failed"), (False, True, "warning"), (None, False, "skipped"), (None, True, "skipped")],
)  # fmt: skip
def test_states(ok, warning, state):
    seen = []
    [result] = run([Check("x", "it is well", lambda: CheckOutcome(ok, "detail", "remedy"), warning)], seen.append)
    assert (result.state, result.detail, result.remedy) == (state, "detail", "remedy")
    assert seen == [result]
