"""The results of `check` for an installed release."""

import pytest

from fogflow_k8s.actions.check.probes.cluster import release_works

BUDGET_S = 5


@pytest.mark.parametrize(
    ("silent_s", "ok", "message"),
    [(0, True, "working"), (15, True, "working"), (40, False, "the keeper's last report is 40 s old")],
)
def test_a_release_whose_keeper_has_stopped_reporting_does_not_pass(deployed, silent_s, ok, message):
    deployed.keeper()
    deployed.deploy({"keeper": {"enabled": True}})
    deployed.clock.sleep(1)
    deployed.always.clear()
    deployed.clock.sleep(silent_s)
    found = release_works(deployed.op())
    assert (found.ok, message in found.detail) == (ok, True)
