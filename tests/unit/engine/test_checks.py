"""Checks as data: what a probe found becomes a state."""

import pytest

from fogflow_k8s.engine.checks import Check, CheckOutcome, run


@pytest.mark.parametrize(
    ("ok", "warning", "state"),
    [(True, False, "ok"), (True, True, "ok"), (False, False, "failed"), (False, True, "warning"), (None, False, "skipped"), (None, True, "skipped")],
)  # fmt: skip
def test_states(ok, warning, state):
    seen = []
    [result] = run([Check("x", "says", lambda: CheckOutcome(ok, "fact", "mend"), warning)], seen.append)
    assert (result.state, result.fact, result.mend) == (state, "fact", "mend")
    assert seen == [result]
